package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.llada.gateway.coordinator.DiffusionSettings;
import io.llada.gateway.coordinator.ServedModel;
import io.llada.gateway.generation.GenerationService;
import java.time.Instant;
import java.util.Locale;

/** {@code GET /v1/models} and {@code GET /v1/models/{id}}. */
public final class ModelsEndpoint implements HttpService {
  /** Path parameter of the second form. */
  public static final String ID = "id";

  private final GenerationService service;
  private final Instant startedAt;

  public ModelsEndpoint(GenerationService service, Instant startedAt) {
    this.service = service;
    this.startedAt = startedAt;
  }

  @Override
  public HttpResponse serve(ServiceRequestContext context, HttpRequest request) {
    String id = context.pathParams().getOrDefault(ID, "");
    ObjectNode body = describe(service.model(id));
    if (id.isEmpty()) {
      ObjectNode list = JsonNodeFactory.instance.objectNode().put("object", "list");
      list.putArray("data").add(body);
      body = list;
    }
    return HttpResponse.of(HttpStatus.OK, MediaType.JSON_UTF_8, body.toString());
  }

  private ObjectNode describe(ServedModel model) {
    ObjectNode body = JsonNodeFactory.instance.objectNode()
        .put("id", model.id())
        .put("object", "model")
        .put("created", startedAt.getEpochSecond())
        .put("owned_by", "llada-cluster")
        .put("context_length", model.contextLength())
        .put("block_length", model.blockLength());
    fill(body.putObject("default_settings"), model.defaults());
    return body;
  }

  // Numbers that are floats in the contract are written as floats: 0.95, not 0.949999988079071.
  private static void fill(ObjectNode json, DiffusionSettings defaults) {
    defaults.maxTokens().ifPresent(value -> json.put("max_tokens", value));
    defaults.steps().ifPresent(value -> json.put("steps", value));
    defaults.blockLength().ifPresent(value -> json.put("block_length", value));
    defaults.threshold().ifPresent(value -> json.put("threshold", (float) value));
    defaults.remasking().ifPresent(value -> json.put("remasking", value.name().toLowerCase(Locale.ROOT)));
    defaults.temperature().ifPresent(value -> json.put("temperature", (float) value));
  }
}
