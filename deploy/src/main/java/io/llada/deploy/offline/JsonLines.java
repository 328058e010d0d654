package io.llada.deploy.offline;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.deploy.failure.CommandFailedException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/// Files of one JSON object per line.
public final class JsonLines {
  public static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder().enable(
      StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

  private JsonLines() {}

  /// Reads every line; empty ones are skipped.
  ///
  /// @param reader makes a value of an object and its line number
  /// @throws CommandFailedException naming file and line
  public static <T> List<T> read(Path file, BiFunction<JsonNode, Integer, T> reader) {
    List<T> values = new ArrayList<>();
    int number = 0;
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          values.add(reader.apply(object(line), number));
        }
      }
    } catch (JsonProcessingException | IllegalArgumentException e) {
      String reason = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
      throw new CommandFailedException("%s line %d: %s".formatted(file, number, reason), e);
    } catch (MalformedInputException e) {
      throw new CommandFailedException("%s line %d: not valid UTF-8".formatted(file, number + 1), e);
    } catch (NoSuchFileException e) {
      throw new CommandFailedException(file + ": no such file", e);
    } catch (IOException e) {
      throw new CommandFailedException("%s: cannot be read: %s".formatted(file, e.getMessage()), e);
    }
    if (values.isEmpty()) {
      throw new CommandFailedException(file + ": no JSON object in it");
    }
    return values;
  }

  private static JsonNode object(String line) throws JsonProcessingException {
    JsonNode node = JSON.readTree(line);
    if (!node.isObject()) {
      throw new IllegalArgumentException("expected a JSON object");
    }
    return node;
  }
}
