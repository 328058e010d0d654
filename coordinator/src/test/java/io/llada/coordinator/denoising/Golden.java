package io.llada.coordinator.denoising;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/// Reference runs computed in PyTorch, F32.
final class Golden {
  static final Path DIRECTORY = Path.of("../model/src/test/golden");
  static final Path TINY_MODEL = Path.of("../deploy/models/llada2-tiny-chat");
  static final ObjectMapper JSON = new ObjectMapper();

  private Golden() {}

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
}
