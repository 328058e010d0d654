package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.CoordinatorStatus;
import io.llada.gateway.coordinator.CoordinatorView;

/**
 * {@code GET /health}: always 200, the process is alive. Beside that, what is not as it should be although requests are
 * answered: registries that are not heard, shards with too few owners.
 */
public final class HealthEndpoint implements HttpService {
  private final CoordinatorPool coordinators;

  public HealthEndpoint(CoordinatorPool coordinators) {
    this.coordinators = coordinators;
  }

  @Override
  public HttpResponse serve(ServiceRequestContext context, HttpRequest request) {
    ObjectNode body = JsonNodeFactory.instance.objectNode().put("status", "ok");
    ArrayNode list = body.putArray("coordinators");
    for (CoordinatorView view : coordinators.views()) {
      ObjectNode coordinator = list.addObject().put("endpoint", view.name());
      switch (view.state()) {
        case CoordinatorView.Unusable unusable -> coordinator.put("state", "unusable").put("reason", unusable.reason());
        case CoordinatorView.Reachable reachable -> {
          coordinator.put("state", "reachable");
          addCluster(coordinator, reachable.status());
        }
      }
    }
    return HttpResponse.of(HttpStatus.OK, MediaType.JSON_UTF_8, body.toString());
  }

  /** Whether the view of the cluster is up to date, and which shards have too few owners. */
  static void addCluster(ObjectNode json, CoordinatorStatus status) {
    json.put("registry", status.registry());
    status.underReplicated().forEach(json.putArray("underReplicated")::add);
  }
}
