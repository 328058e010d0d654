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
import io.llada.gateway.coordinator.ExpertNodeView;
import java.time.Duration;

/** {@code GET /status}: the coordinators and their expert nodes, for operators. Always 200; readiness is in it. */
public final class StatusEndpoint implements HttpService {
  private final CoordinatorPool coordinators;

  public StatusEndpoint(CoordinatorPool coordinators) {
    this.coordinators = coordinators;
  }

  @Override
  public HttpResponse serve(ServiceRequestContext context, HttpRequest request) {
    ObjectNode body = ReadyEndpoint.body(coordinators.readiness());
    ArrayNode list = body.putArray("coordinators");
    coordinators.views().forEach(view -> list.add(coordinator(view)));
    return HttpResponse.of(HttpStatus.OK, MediaType.JSON_UTF_8, body.toString());
  }

  private static ObjectNode coordinator(CoordinatorView view) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("endpoint", view.name());
    switch (view.state()) {
      case CoordinatorView.Unusable unusable -> json.put("state", "unusable").put("reason", unusable.reason());
      case CoordinatorView.Reachable reachable -> {
        json.put("state", "reachable").put("model", reachable.model().id()).put("digest", reachable.model().digest());
        add(json, reachable.status());
      }
    }
    return json;
  }

  private static void add(ObjectNode json, CoordinatorStatus status) {
    json.put("numericsClass", status.numericsClass()).put("epoch", status.placementEpoch())
        .put("running", status.runningSequences()).put("queued", status.queuedSequences())
        .put("forwards", status.forwards()).put("tokens", status.tokensCommitted())
        .put("lastForwardAgeMillis", status.lastForwardAge().map(Duration::toMillis).orElse(-1L))
        .put("draining", status.isDraining());
    CoordinatorStatus.Counts counts = status.counts();
    json.put("hedges", counts.hedges()).put("failovers", counts.failovers()).put("plansMade", counts.plansMade())
        .put("plansTakenUp", counts.plansTakenUp()).put("imbalance", counts.imbalance());
    HealthEndpoint.addCluster(json, status);
    status.missingShards().forEach(json.putArray("missingShards")::add);
    ArrayNode nodes = json.putArray("expertNodes");
    status.expertNodes().forEach(node -> add(nodes.addObject(), node));
  }

  private static void add(ObjectNode json, ExpertNodeView node) {
    ExpertNodeView.Weights weights = node.weights();
    ExpertNodeView.Work work = node.work();
    json.put("id", node.id()).put("endpoint", node.endpoint()).put("state", node.state()).put("zone", node.zone())
        .put("device", node.device()).put("shards", weights.shards()).put("weightBytes", weights.bytes())
        .put("queueDepth", work.queueDepth()).put("roundTripMicros", work.roundTripMicros())
        .put("slowestRoundTripMicros", work.slowestMicros()).put("pairs", work.pairs()).put("speed", work.speed())
        .put("detail", node.detail());
    weights.loadedBytes().forEach(json.putObject("loadedBytes")::put);
  }
}
