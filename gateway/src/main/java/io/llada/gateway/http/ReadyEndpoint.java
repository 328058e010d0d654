package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.Readiness;

/** {@code GET /ready}: 200 when a request sent now would be answered, otherwise 503 with the reasons. */
public final class ReadyEndpoint implements HttpService {
  private final CoordinatorPool coordinators;

  public ReadyEndpoint(CoordinatorPool coordinators) {
    this.coordinators = coordinators;
  }

  @Override
  public HttpResponse serve(ServiceRequestContext context, HttpRequest request) {
    Readiness readiness = coordinators.readiness();
    return HttpResponse.of(readiness.isReady() ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE, MediaType.JSON_UTF_8,
        body(readiness).toString());
  }

  /** Whether, and why not. */
  static ObjectNode body(Readiness readiness) {
    ObjectNode body = JsonNodeFactory.instance.objectNode().put("ready", readiness.isReady());
    readiness.reasons().forEach(body.putArray("reasons")::add);
    return body;
  }
}
