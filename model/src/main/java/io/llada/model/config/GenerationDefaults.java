package io.llada.model.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.nio.file.Files;
import java.nio.file.Path;

/// What a request gets that leaves a setting out: the checkpoint's generation_config.json where it names one, else the
/// settings its family was published with.
public final class GenerationDefaults {
  private static final int DEFAULT_MAX_TOKENS = 256;

  private GenerationDefaults() {}

  /// @throws CheckpointException naming key and value when the file asks for something out of range
  public static DiffusionSettings read(Path directory, ModelConfig config) {
    DiffusionSettings family = DiffusionSettings.defaults(Math.min(DEFAULT_MAX_TOKENS, config.contextLength()), config
        .blockLength());
    if (!config.family().isBlockCausal()) {
      family = new DiffusionSettings(family.maxTokens(), config.blockLength(), config.blockLength(),
          Remasking.LOW_CONFIDENCE, family.threshold(), Sampling.GREEDY, true, family.editing(), 0);
    }
    Path file = directory.resolve("generation_config.json");
    if (!Files.isRegularFile(file)) {
      return family;
    }
    JsonNode json = CheckpointJson.readObject(file);
    try {
      int blockLength = json.path("block_length").asInt(family.blockLength());
      return new DiffusionSettings(Math.min(json.path("gen_length").asInt(family.maxTokens()), config.contextLength()),
          stepsPerBlock(json, config, family, blockLength), blockLength, family.remasking(), (float) json.path(
              "threshold").asDouble(family.threshold()),
          sampling(json), json.path("eos_early_stop").asBoolean(true), family
              .editing(),
          (float) json.path("cfg_scale").asDouble(0));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException("%s: %s".formatted(file, e.getMessage()), e);
    }
  }

  /// The original LLaDA counts steps over the whole answer, LLaDA2 per block.
  private static int stepsPerBlock(JsonNode json, ModelConfig config, DiffusionSettings family, int blockLength) {
    int steps = json.path("steps").asInt(family.steps());
    if (config.family().isBlockCausal() || !json.has("steps") || !json.has("gen_length")) {
      return steps;
    }
    int blocks = Math.max(1, json.get("gen_length").asInt() / Math.max(1, blockLength));
    return Math.max(1, steps / blocks);
  }

  private static Sampling sampling(JsonNode json) {
    return new Sampling((float) json.path("temperature").asDouble(0), json.path("top_k").asInt(0), (float) json.path(
        "top_p").asDouble(1), 0);
  }
}
