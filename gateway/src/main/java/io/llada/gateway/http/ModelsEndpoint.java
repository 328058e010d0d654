package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.llada.gateway.coordinator.ServedModel;
import io.llada.gateway.generation.GenerationService;
import java.time.Instant;

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
    return JsonNodeFactory.instance.objectNode()
        .put("id", model.id())
        .put("object", "model")
        .put("created", startedAt.getEpochSecond())
        .put("owned_by", "llada-cluster")
        .put("context_length", model.contextLength())
        .put("block_length", model.blockLength());
  }
}
