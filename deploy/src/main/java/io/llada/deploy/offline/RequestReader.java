package io.llada.deploy.offline;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.http.ConversationJson;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Reads one request of a batch file: `id`; one of `prompt` (raw text), `messages` (with `tools`) and `ids`; and any
/// diffusion setting under the name it has in the HTTP API.
public final class RequestReader {
  private static final Set<String> KEYS = Set.of("id", "prompt", "messages", "tools", "ids", "max_tokens", "steps",
      "block_length", "remasking", "threshold", "temperature", "top_k", "top_p", "seed", "early_stop",
      "editing_threshold", "guidance", "stop");

  private final PromptEncoder encoder;
  private final DiffusionSettings defaults;

  public RequestReader(PromptEncoder encoder, DiffusionSettings defaults) {
    this.encoder = encoder;
    this.defaults = defaults;
  }

  /// @param line used as the id where the request has none
  /// @throws IllegalArgumentException naming key and value
  public OfflineRequest read(JsonNode request, int line) {
    for (Iterator<String> names = request.fieldNames(); names.hasNext();) {
      String name = names.next();
      if (!KEYS.contains(name)) {
        throw new IllegalArgumentException("unknown key '%s'; known are %s".formatted(name, KEYS.stream().sorted()
            .toList()));
      }
    }
    String id = request.has("id") ? request.get("id").asText() : "line-" + line;
    return new OfflineRequest(id, prompt(request), settings(request), stop(request));
  }

  private int[] prompt(JsonNode request) {
    long given = List.of("prompt", "messages", "ids").stream().filter(request::has).count();
    if (given != 1) {
      throw new IllegalArgumentException("exactly one of prompt, messages and ids is needed, found " + given);
    }
    if (request.has("prompt")) {
      return encoder.encode(request.get("prompt").asText());
    }
    if (request.has("messages")) {
      return encoder.encode(ConversationJson.read(request.get("messages"), request.path("tools")));
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : request.get("ids")) {
      if (!id.isInt()) {
        throw new IllegalArgumentException("ids must be integers, found " + id);
      }
      ids.add(id.intValue());
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private DiffusionSettings settings(JsonNode request) {
    Sampling sampling = defaults.sampling();
    return new DiffusionSettings(integer(request, "max_tokens", defaults.maxTokens()),
        integer(request, "steps", defaults
            .steps()),
        integer(request, "block_length", defaults.blockLength()), remasking(request), number(request,
            "threshold", defaults.threshold()),
        new Sampling(number(request, "temperature", sampling.temperature()),
            integer(request, "top_k", sampling.topK()), number(request, "top_p", sampling.topP()), seed(request)),
        request
            .path("early_stop").asBoolean(defaults.earlyStop()),
        new DiffusionSettings.Editing(number(request,
            "editing_threshold", defaults.editing().threshold()), defaults.editing().maxSteps()),
        number(request,
            "guidance", defaults.guidance()));
  }

  private static int integer(JsonNode request, String key, int fallback) {
    if (request.has(key) && !request.get(key).isInt()) {
      throw new IllegalArgumentException("%s must be an integer, found %s".formatted(key, request.get(key)));
    }
    return request.path(key).asInt(fallback);
  }

  private static float number(JsonNode request, String key, float fallback) {
    if (request.has(key) && !request.get(key).isNumber()) {
      throw new IllegalArgumentException("%s must be a number, found %s".formatted(key, request.get(key)));
    }
    return request.has(key) ? request.get(key).floatValue() : fallback;
  }

  private long seed(JsonNode request) {
    if (request.has("seed") && !request.get("seed").canConvertToLong()) {
      throw new IllegalArgumentException("seed must be a 64-bit integer, found " + request.get("seed"));
    }
    return request.path("seed").asLong(defaults.sampling().seed());
  }

  private Remasking remasking(JsonNode request) {
    if (!request.has("remasking")) {
      return defaults.remasking();
    }
    String name = request.get("remasking").asText();
    for (Remasking remasking : Remasking.values()) {
      if (remasking.name().toLowerCase(Locale.ROOT).equals(name)) {
        return remasking;
      }
    }
    throw new IllegalArgumentException("remasking must be threshold, low_confidence, random or editing, found " + name);
  }

  private static List<String> stop(JsonNode request) {
    JsonNode stop = request.path("stop");
    List<String> strings = new ArrayList<>();
    if (stop.isTextual()) {
      strings.add(stop.textValue());
    }
    stop.forEach(element -> strings.add(element.asText()));
    if (strings.contains("")) {
      throw new IllegalArgumentException("stop must not hold an empty string");
    }
    return List.copyOf(strings);
  }
}
