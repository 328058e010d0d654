package io.llada.gateway;

import com.linecorp.armeria.common.HttpMethod;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.Route;
import com.linecorp.armeria.server.ServerBuilder;
import com.linecorp.armeria.server.grpc.GrpcService;
import com.linecorp.armeria.server.prometheus.PrometheusExpositionService;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.generation.GenerationService;
import io.llada.gateway.grpc.GenerationGrpcService;
import io.llada.gateway.http.CompletionEndpoint;
import io.llada.gateway.http.CompletionLimits;
import io.llada.gateway.http.HealthEndpoint;
import io.llada.gateway.http.ModelsEndpoint;
import io.llada.gateway.http.ReadyEndpoint;
import io.llada.gateway.http.StatusEndpoint;
import io.llada.gateway.http.WebPage;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Instant;
import java.util.concurrent.Executor;

/**
 * Every path of the gateway's port.
 *
 * @param threads one thread per task, which may block
 */
record GatewayRoutes(GenerationService service, CoordinatorPool coordinators, PrometheusMeterRegistry meters,
    HealthStatusManager health, GatewayLimits limits, Executor threads) {

  void addTo(ServerBuilder server) {
    addOpenAi(server);
    addOperations(server);
    get(server, "/", WebPage.file("index.html", MediaType.HTML_UTF_8));
    get(server, "/app.js", WebPage.file("app.js", MediaType.JAVASCRIPT_UTF_8));
    get(server, "/style.css", WebPage.file("style.css", MediaType.CSS_UTF_8));
    get(server, "/icon.svg", WebPage.file("icon.svg", MediaType.SVG_UTF_8));
    server.service(GrpcService.builder()
        .addService(
            new GenerationGrpcService(service, limits.answerDeadline(), limits.slowReaderTimeout(), threads))
        .addService(health.getHealthService())
        .addService(ProtoReflectionServiceV1.newInstance())
        .maxRequestMessageLength(Math.toIntExact(limits.maxBodyBytes()))
        .build());
  }

  private void addOpenAi(ServerBuilder server) {
    CompletionLimits completion = new CompletionLimits(limits.answerDeadline(), limits.slowReaderTimeout(),
        limits.streamKeepAlive());
    post(server, "/v1/chat/completions", CompletionEndpoint.chat(service, completion, threads));
    post(server, "/v1/completions", CompletionEndpoint.text(service, completion, threads));
    ModelsEndpoint models = new ModelsEndpoint(service, Instant.now());
    get(server, "/v1/models", models);
    // Ids may hold slashes.
    server.service(Route.builder().regex("^/v1/models/(?<" + ModelsEndpoint.ID + ">.+)$").methods(HttpMethod.GET)
        .build(), models);
  }

  private void addOperations(ServerBuilder server) {
    get(server, "/health", new HealthEndpoint(coordinators));
    get(server, "/ready", new ReadyEndpoint(coordinators));
    get(server, "/status", new StatusEndpoint(coordinators));
    get(server, "/metrics", PrometheusExpositionService.of(meters.getPrometheusRegistry()));
  }

  private static void get(ServerBuilder server, String path, HttpService service) {
    server.service(Route.builder().exact(path).methods(HttpMethod.GET, HttpMethod.HEAD).build(), service);
  }

  private static void post(ServerBuilder server, String path, HttpService service) {
    server.service(Route.builder().exact(path).methods(HttpMethod.POST).build(), service);
  }
}
