package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.coordinator.DiffusionSettings;
import io.llada.gateway.coordinator.Remasking;
import io.llada.gateway.failure.GatewayException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The fields that both completion endpoints have: settings, OpenAI fields that are ignored, and those refused. */
final class SharedFields {
  private static final Set<String> SUPPORTED = Set.of("model", "stream", "stream_options", "stop", "max_tokens",
      "steps",
      "block_length", "threshold", "remasking", "temperature", "top_p", "top_k", "seed", "early_stop",
      "editing_threshold", "guidance", "allow_degraded");
  // They do not change what is asked for.
  private static final Set<String> IGNORED = Set.of("user", "metadata", "store", "service_tier", "safety_identifier",
      "prompt_cache_key", "prompt_cache_retention");
  // Harmless at their default, refused otherwise.
  private static final Set<String> CHECKED = Set.of("n", "logprobs", "logit_bias", "frequency_penalty",
      "presence_penalty");

  private SharedFields() {}

  /** All field names of an endpoint: the shared ones and its own. */
  static Set<String> known(Set<String> own) {
    return Stream.of(SUPPORTED, IGNORED, CHECKED, own).flatMap(Set::stream).collect(Collectors.toUnmodifiableSet());
  }

  static void refuseUnsupported(FieldReader fields) {
    fields.refuseUnless("n", fields.integer("n", 1, 128).orElse(1) == 1, "one answer per request");
    fields.refuseUnless("frequency_penalty", isZero(fields, "frequency_penalty"), "only 0");
    fields.refuseUnless("presence_penalty", isZero(fields, "presence_penalty"), "only 0");
    fields.refuseUnless("logit_bias", fields.find("logit_bias").map(JsonNode::isEmpty).orElse(true), "leave it out");
  }

  private static boolean isZero(FieldReader fields, String field) {
    return fields.number(field).orElse(0) == 0;
  }

  static DiffusionSettings settings(FieldReader fields) {
    return new DiffusionSettings(
        maxTokens(fields),
        fields.integer("steps", 1, DiffusionSettings.MAX_STEPS),
        fields.integer("block_length", 1, DiffusionSettings.MAX_BLOCK_LENGTH),
        fields.number("threshold"),
        fields.text("remasking").map(word -> remasking(fields, word)),
        fields.number("temperature"),
        fields.number("top_p"),
        fields.integer("top_k", 0, Integer.MAX_VALUE),
        fields.unsigned("seed"),
        fields.flag("early_stop"),
        fields.number("editing_threshold"),
        fields.number("guidance"));
  }

  private static OptionalInt maxTokens(FieldReader fields) {
    OptionalInt newer = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    OptionalInt older = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    if (newer.isPresent() && older.isPresent() && newer.getAsInt() != older.getAsInt()) {
      throw GatewayException.invalid("max_tokens", "max_tokens is %d and max_completion_tokens is %d: send one of them"
          .formatted(older.getAsInt(), newer.getAsInt()));
    }
    return newer.isPresent() ? newer : older;
  }

  private static Remasking remasking(FieldReader fields, String word) {
    return switch (word) {
      case "threshold" -> Remasking.THRESHOLD;
      case "low_confidence" -> Remasking.LOW_CONFIDENCE;
      case "random" -> Remasking.RANDOM;
      case "editing" -> Remasking.EDITING;
      default -> throw fields.wrong("remasking", "\"threshold\", \"low_confidence\", \"random\" or \"editing\"");
    };
  }

  /** Whether a streamed answer ends with a usage chunk. */
  static boolean hasUsageChunk(FieldReader fields) {
    Optional<JsonNode> options = fields.find("stream_options");
    if (options.isEmpty()) {
      return false;
    }
    FieldReader reader = new FieldReader(options.get(), "stream_options");
    reader.refuseOthers(Set.of("include_usage", "include_obfuscation"));
    if (!fields.isSet("stream")) {
      throw GatewayException.invalid("stream_options", "stream_options is only for requests with \"stream\": true");
    }
    return reader.isSet("include_usage");
  }
}
