package io.llada.model.checkpoint;

import io.llada.model.files.CheckpointJson;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointFile;
import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/// Finds and maps the parts of a checkpoint directory. No name in an index leads out of it.
final class CheckpointParts {
  static final String INDEX = "model.safetensors.index.json";
  static final String SINGLE_PART = "model.safetensors";
  private static final Pattern PART_NAME = Pattern.compile("[A-Za-z0-9._-]+\\.safetensors");

  private CheckpointParts() {}

  /// Maps every part that the index names, or the single one where there is no index.
  ///
  /// @return the part of each tensor
  static Map<String, SafetensorsPart> map(Path directory, Arena arena) {
    Path index = directory.resolve(INDEX);
    if (!Files.exists(index)) {
      Path single = CheckpointFile.resolve(directory, SINGLE_PART);
      if (!Files.exists(single)) {
        throw new CheckpointException("%s: neither %s nor %s".formatted(directory, INDEX, SINGLE_PART));
      }
      SafetensorsPart part = SafetensorsPart.map(single, arena);
      Map<String, SafetensorsPart> parts = new TreeMap<>();
      part.entries().keySet().forEach(name -> parts.put(name, part));
      return parts;
    }
    return indexed(directory, index, arena);
  }

  /// @return the part of each tensor
  static Map<String, SafetensorsPart> of(Path directory, List<ComputedPart> computed) {
    Map<String, SafetensorsPart> parts = new TreeMap<>();
    for (ComputedPart one : computed) {
      SafetensorsPart part = SafetensorsPart.of(directory, one);
      part.entries().keySet().forEach(name -> parts.put(name, part));
    }
    return parts;
  }

  private static Map<String, SafetensorsPart> indexed(Path directory, Path index, Arena arena) {
    JsonNode weightMap = CheckpointJson.readObject(index).path("weight_map");
    if (!weightMap.isObject() || weightMap.isEmpty()) {
      throw new CheckpointException("%s: key 'weight_map' is missing or empty".formatted(index));
    }
    Map<String, SafetensorsPart> byFile = new LinkedHashMap<>();
    Map<String, SafetensorsPart> parts = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
      String tensor = entry.getKey();
      String file = entry.getValue().asText();
      if (!PART_NAME.matcher(file).matches()) {
        throw new CheckpointException("%s: tensor %s: part name '%s' is not a plain file name ending in .safetensors"
            .formatted(index, tensor, file));
      }
      SafetensorsPart part = byFile.computeIfAbsent(file,
          f -> SafetensorsPart.map(CheckpointFile.resolve(directory, f), arena));
      if (!part.entries().containsKey(tensor)) {
        throw new CheckpointException("%s: tensor %s is missing, though the index places it there".formatted(
            part.file(), tensor));
      }
      parts.put(tensor, part);
    }
    for (SafetensorsPart part : byFile.values()) {
      for (String tensor : part.entries().keySet()) {
        if (parts.get(tensor) != part) {
          throw new CheckpointException("%s: tensor %s is not in the index for this part".formatted(part.file(),
              tensor));
        }
      }
    }
    return parts;
  }
}
