package io.llada.model.kernel.opencl;

import io.llada.model.kernel.WeightFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// The source of the expert kernels for one model shape, weight format and device.
final class ExpertSource {
  private ExpertSource() {}

  /// Runs of the kernel in one launch: the phases of `experts.cl` that the format has.
  static int passes(WeightFormat format) {
    return phases(format).split(",").length;
  }

  private static String phases(WeightFormat format) {
    return format.isQuantised()
        ? "ROUND_ROWS,GATE_AND_UP,ROUND_INNER,DOWN,COMBINE"
        : "GATE_AND_UP,DOWN,COMBINE";
  }

  /// @param slots arrays of weights the kernel takes
  static String of(WeightFormat format, int hiddenSize, int width, DeviceTuning tuning, int slots) {
    String parameters = IntStream.range(0, slots).mapToObj(", const global uchar* slot%d"::formatted).collect(Collectors
        .joining());
    String arguments = IntStream.range(0, slots).mapToObj(", slot%d"::formatted).collect(Collectors.joining());
    String cases = IntStream.range(1, slots).mapToObj("case %1$d: return slot%1$d; "::formatted).collect(Collectors
        .joining());
    StringBuilder source = new StringBuilder();
    define(source, "HIDDEN", hiddenSize);
    define(source, "WIDTH", width);
    define(source, "LANES", tuning.lanes());
    define(source, "TILE", tuning.tile());
    define(source, "INTEGERS", format == WeightFormat.INT8 ? 8 : format == WeightFormat.INT4 ? 4 : 0);
    define(source, "PHASES", phases(format));
    define(source, "SLOT_PARAMETERS", parameters);
    define(source, "SLOT_ARGUMENTS", arguments);
    define(source, "SLOT_CASES", cases + "default: return slot0;");
    String own = format.name().toLowerCase(Locale.ROOT) + ".cl";
    List<String> parts = format.isQuantised() ? List.of("rounding.cl", own) : List.of(own, "floats.cl");
    source.append(resource("experts.cl"));
    parts.forEach(part -> source.append(resource(part)));
    return source.append(resource("run.cl")).toString();
  }

  private static void define(StringBuilder source, String name, Object value) {
    source.append("#define ").append(name).append(' ').append(value).append('\n');
  }

  static String resource(String name) {
    try (InputStream stream = ExpertSource.class.getResourceAsStream(name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(name, e);
    }
  }
}
