package io.llada.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// A copy of a BF16 checkpoint whose weights are F32 and have no equal in BF16: the bits that BF16 lacks are not zero.
final class F32Copy {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LOW_BITS = 0xffff;

  private F32Copy() {}

  static void write(Path model, Path target) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Path copy = target.resolve(file.getFileName());
        if (file.toString().endsWith(".safetensors")) {
          Files.write(copy, widened(Files.readAllBytes(file)));
        } else {
          Files.copy(file, copy);
        }
      }
    }
  }

  private static byte[] widened(byte[] part) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(part).order(ByteOrder.LITTLE_ENDIAN);
    int headerLength = (int) bytes.getLong();
    ObjectNode header = (ObjectNode) JSON.readTree(part, Long.BYTES, headerLength);
    ByteBuffer data = bytes.position(Long.BYTES + headerLength).slice().order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer wide = ByteBuffer.allocate(2 * data.capacity()).order(ByteOrder.LITTLE_ENDIAN);
    header.remove("__metadata__");
    List<ObjectNode> inOrder = header.properties().stream().map(Map.Entry::getValue).map(ObjectNode.class::cast)
        .sorted(Comparator.comparingInt(F32Copy::begin)).toList();
    for (ObjectNode tensor : inOrder) {
      int from = begin(tensor);
      int to = tensor.get("data_offsets").get(1).asInt();
      int start = wide.position();
      if (tensor.get("dtype").asText().equals("BF16")) {
        for (int at = from; at < to; at += Short.BYTES) {
          wide.putInt(data.getShort(at) << 16 | at * 40503 & LOW_BITS);
        }
        tensor.put("dtype", "F32");
      } else {
        wide.put(data.slice(from, to - from));
      }
      tensor.putArray("data_offsets").add(start).add(wide.position());
    }
    return whole(JSON.writeValueAsBytes(header), wide.flip());
  }

  private static int begin(JsonNode tensor) {
    return tensor.get("data_offsets").get(0).asInt();
  }

  private static byte[] whole(byte[] header, ByteBuffer data) {
    return ByteBuffer.allocate(Long.BYTES + header.length + data.remaining()).order(ByteOrder.LITTLE_ENDIAN).putLong(
        header.length).put(header).put(data).array();
  }
}
