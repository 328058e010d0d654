package io.llada.deploy.command;

import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// One gateway.
@Command(name = "gateway", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "The public face: OpenAI-compatible HTTP, gRPC and a web page on one port. Needs the model's tokenizer, no weights."})
public final class GatewayCommand implements Callable<Integer> {
  /// Time to close everything once no answer is under way any more.
  private static final Duration CLOSING = Duration.ofSeconds(15);

  @Mixin
  private ModelOption model;

  @Mixin
  private ListenOptions listen;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080", description = "Port for clients; 0: any free "
      + "one. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--coordinator", paramLabel = "HOST:PORT", split = ",", defaultValue = "127.0.0.1:9090", description = "Coordinators; "
      + "the least busy one is used. Default: ${DEFAULT-VALUE}.")
  private List<String> coordinators;

  @Option(names = "--drain-timeout", paramLabel = "SECONDS", defaultValue = "30", description = "How long answers may "
      + "go on after SIGTERM, from 1. Default: ${DEFAULT-VALUE}.")
  private int drainSeconds;

  @Mixin
  private ParentOption parent;

  @Override
  public Integer call() throws Exception {
    listen.requireSafe();
    parent.watch();
    Duration drain = Duration.ofSeconds(drainSeconds);
    List<Endpoint> endpoints = coordinators.stream().map(Endpoint::parse).toList();
    try (
        GatewayServer gateway = new GatewayServer(new GatewaySettings(listen.host(), port, model.directory(), endpoints,
            GatewayLimits.defaults().withShutdownGrace(drain)))) {
      System.out.println("ready http://" + listen.host() + ":" + gateway.start());
      Processes.awaitTermination(drain.plus(CLOSING));
    }
    return 0;
  }
}
