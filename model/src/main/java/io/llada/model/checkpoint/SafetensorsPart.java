package io.llada.model.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.tensor.ElementType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One safetensors file: 8 bytes of header length (little-endian), a JSON header, the tensors' bytes.
///
/// The file is mapped, not read; every length and range is checked against the file's size before it is used, so a
/// hostile header cannot make anything be allocated.
///
/// @param file where it is
/// @param entries tensors by name
/// @param content the bytes behind the header
record SafetensorsPart(Path file, Map<String, Entry> entries, PartContent content) {
  private static final long LARGEST_HEADER = 100_000_000;
  private static final int LENGTH_BYTES = 8;
  private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// A tensor's place in the file.
  ///
  /// @param type number format
  /// @param shape dimensions, each at least 1
  /// @param begin offset of its first byte after the header
  /// @param end offset after its last byte
  record Entry(ElementType type, List<Long> shape, long begin, long end) {}

  /// Weights in a mapped file.
  private record Mapped(MemorySegment data) implements PartContent {
    @Override
    public long bytes() {
      return data.byteSize();
    }

    @Override
    public MemorySegment read(long from, long bytes) {
      return data.asSlice(from, bytes);
    }
  }

  /// A part whose weights are computed.
  ///
  /// @param directory where its file would be
  static SafetensorsPart of(Path directory, ComputedPart part) {
    Path file = directory.resolve(part.file());
    Map<String, Entry> entries = new LinkedHashMap<>();
    long begin = 0;
    for (Map.Entry<String, List<Integer>> tensor : part.tensors().entrySet()) {
      List<Long> shape = tensor.getValue().stream().map(Integer::longValue).toList();
      long bytes = shape.stream().reduce((long) ElementType.BF16.bytes(), Math::multiplyExact);
      entries.put(tensor.getKey(), new Entry(ElementType.BF16, shape, begin, begin + bytes));
      begin += bytes;
    }
    requireContiguous(file, entries, part.content().bytes());
    return new SafetensorsPart(file, entries, part.content());
  }

  static SafetensorsPart map(Path file, Arena arena) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < LENGTH_BYTES + 2) {
        throw new CheckpointException("%s: %d bytes are too few for a safetensors file".formatted(file, size));
      }
      MemorySegment whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      long header = whole.get(LENGTH, 0);
      if (header < 2 || header > Math.min(LARGEST_HEADER, size - LENGTH_BYTES)) {
        throw new CheckpointException("%s: header length %s, expected 2..%d".formatted(file,
            Long.toUnsignedString(header), Math.min(LARGEST_HEADER, size - LENGTH_BYTES)));
      }
      if (whole.get(ValueLayout.JAVA_BYTE, LENGTH_BYTES) != '{') {
        throw new CheckpointException("%s: the header does not start with '{'".formatted(file));
      }
      byte[] json = whole.asSlice(LENGTH_BYTES, header).toArray(ValueLayout.JAVA_BYTE);
      Mapped content = new Mapped(whole.asSlice(LENGTH_BYTES + header));
      Map<String, Entry> entries = entries(file, CheckpointJson.object(file + " (header)", json));
      requireContiguous(file, entries, content.bytes());
      return new SafetensorsPart(file, entries, content);
    } catch (NoSuchFileException e) {
      throw new CheckpointException("%s: no such file, though the index names it".formatted(file), e);
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(file, e), e);
    }
  }

  private static Map<String, Entry> entries(Path file, JsonNode header) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : header.properties()) {
      if (!field.getKey().equals("__metadata__")) {
        entries.put(field.getKey(), entry(file + ": tensor " + field.getKey(), field.getValue()));
      }
    }
    return entries;
  }

  private static Entry entry(String where, JsonNode value) {
    String dtype = value.path("dtype").asText();
    ElementType type = switch (dtype) {
      case "F32" -> ElementType.F32;
      case "BF16" -> ElementType.BF16;
      default -> throw new CheckpointException("%s: dtype '%s', expected BF16 or F32".formatted(where, dtype));
    };
    List<Long> shape = new ArrayList<>();
    long elements = 1;
    JsonNode dimensions = value.path("shape");
    if (!dimensions.isArray() || dimensions.isEmpty() || dimensions.size() > 3) {
      throw new CheckpointException("%s: shape %s, expected 1 to 3 dimensions".formatted(where, dimensions));
    }
    for (JsonNode dimension : dimensions) {
      if (!isLong(dimension) || dimension.longValue() < 1 || dimension.longValue() > Integer.MAX_VALUE) {
        throw new CheckpointException("%s: shape %s, every dimension must be 1..%d".formatted(where, dimensions,
            Integer.MAX_VALUE));
      }
      shape.add(dimension.longValue());
      elements = multiply(where, elements, dimension.longValue());
    }
    JsonNode offsets = value.path("data_offsets");
    if (!offsets.isArray() || offsets.size() != 2 || !isLong(offsets.get(0)) || !isLong(offsets.get(1))) {
      throw new CheckpointException("%s: data_offsets %s, expected [begin, end]".formatted(where, offsets));
    }
    long begin = offsets.get(0).longValue();
    long end = offsets.get(1).longValue();
    long bytes = multiply(where, elements, type.bytes());
    if (begin < 0 || end < begin || end - begin != bytes) {
      throw new CheckpointException("%s: data_offsets [%d, %d], shape %s in %s needs %d bytes".formatted(where, begin,
          end, shape, type, bytes));
    }
    return new Entry(type, List.copyOf(shape), begin, end);
  }

  private static boolean isLong(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToLong();
  }

  private static long multiply(String where, long a, long b) {
    try {
      return Math.multiplyExact(a, b);
    } catch (ArithmeticException e) {
      throw new CheckpointException("%s: its size overflows 64 bits".formatted(where), e);
    }
  }

  /// Tensors follow each other without gap or overlap, from the header to the end of the file.
  private static void requireContiguous(Path file, Map<String, Entry> entries, long dataBytes) {
    List<Map.Entry<String, Entry>> sorted = new ArrayList<>(entries.entrySet());
    sorted.sort(Comparator.comparingLong(entry -> entry.getValue().begin()));
    long expected = 0;
    for (Map.Entry<String, Entry> entry : sorted) {
      long begin = entry.getValue().begin();
      if (begin != expected) {
        throw new CheckpointException("%s: tensor %s begins at %d, expected %d: tensors must not overlap or leave gaps"
            .formatted(file, entry.getKey(), begin, expected));
      }
      expected = entry.getValue().end();
      if (expected > dataBytes) {
        throw new CheckpointException("%s: tensor %s ends at %d, but the file holds %d bytes of data: it is truncated"
            .formatted(file, entry.getKey(), expected, dataBytes));
      }
    }
    if (expected != dataBytes) {
      throw new CheckpointException("%s: %d bytes of data, but its tensors end at %d".formatted(file, dataBytes,
          expected));
    }
  }

  MemorySegment bytes(Entry entry) {
    return content.read(entry.begin(), entry.end() - entry.begin());
  }
}
