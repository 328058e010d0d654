package io.llada.model.files;

import io.llada.model.files.CheckpointException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Reads the JSON files of a checkpoint as what they are: input from a stranger. Size, nesting and names are bounded,
/// duplicate keys and trailing text are refused.
public final class CheckpointJson {
  /// Largest configuration or index file, bytes.
  private static final long LARGEST_FILE = 64L << 20;
  private static final int DEEPEST_NESTING = 64;
  private static final int LONGEST_STRING = 1 << 20;

  private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).streamReadConstraints(StreamReadConstraints.builder()
          .maxNestingDepth(DEEPEST_NESTING).maxStringLength(LONGEST_STRING).maxNameLength(4096).build())
      .build()).enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private CheckpointJson() {}

  /// The object in a file.
  ///
  /// @throws CheckpointException naming the file when it is missing, too large or not a JSON object
  public static JsonNode readObject(Path file) {
    try {
      if (Files.exists(file) && !Files.isRegularFile(file)) {
        throw new CheckpointException("%s: not a regular file".formatted(file));
      }
      long size = Files.size(file);
      if (size > LARGEST_FILE) {
        throw new CheckpointException("%s: %d bytes, at most %d are read".formatted(file, size, LARGEST_FILE));
      }
      return object(file.toString(), Files.readAllBytes(file));
    } catch (java.nio.file.NoSuchFileException e) {
      throw new CheckpointException("%s: no such file; a checkpoint directory holds config.json and safetensors parts"
          .formatted(file), e);
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(file, e), e);
    }
  }

  /// The object in a piece of text.
  ///
  /// @param source named in complaints
  public static JsonNode object(String source, byte[] json) {
    try {
      JsonNode node = MAPPER.readTree(json);
      if (node == null || !node.isObject()) {
        throw new CheckpointException("%s: expected a JSON object".formatted(source));
      }
      return node;
    } catch (IOException e) {
      throw new CheckpointException("%s: not valid JSON: %s".formatted(source, firstLine(e.getMessage())), e);
    }
  }

  private static String firstLine(String message) {
    return message == null ? "" : message.lines().findFirst().orElse("");
  }
}
