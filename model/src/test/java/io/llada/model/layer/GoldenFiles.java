package io.llada.model.layer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/// Reference numbers computed in PyTorch, F32. See the README beside them.
final class GoldenFiles {
  static final Path DIRECTORY = Path.of("src/test/golden");
  static final Path TINY_MODEL = Path.of("../deploy/models/llada2-tiny-chat");
  private static final ObjectMapper JSON = new ObjectMapper();

  private GoldenFiles() {}

  static JsonNode json(String name) {
    try {
      return JSON.readTree(DIRECTORY.resolve(name).toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  /// `(rows, columns)` flattened.
  static float[] floats(JsonNode array) {
    if (!array.get(0).isArray()) {
      float[] values = new float[array.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) array.get(i).asDouble();
      }
      return values;
    }
    float[] values = new float[array.size() * array.get(0).size()];
    int i = 0;
    for (JsonNode row : array) {
      for (JsonNode value : row) {
        values[i++] = (float) value.asDouble();
      }
    }
    return values;
  }

  /// A tensor of a safetensors file, F32 or I32, as a buffer.
  static ByteBuffer tensor(String file, String name) {
    try {
      byte[] bytes = Files.readAllBytes(DIRECTORY.resolve(file));
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      int header = (int) buffer.getLong(0);
      JsonNode entry = JSON.readTree(bytes, 8, header).get(name);
      int begin = 8 + header + entry.get("data_offsets").get(0).asInt();
      int end = 8 + header + entry.get("data_offsets").get(1).asInt();
      return buffer.slice(begin, end - begin).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static float[] floats(String file, String name) {
    var buffer = tensor(file, name).asFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  static int[] ints(String file, String name) {
    var buffer = tensor(file, name).asIntBuffer();
    int[] values = new int[buffer.remaining()];
    buffer.get(values);
    return values;
  }
}
