package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a running cluster fares.
@Command(name = "status", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Shows a running cluster: coordinators, expert nodes, shards and load. Exit code 1 when it is not ready."})
public final class StatusCommand implements Callable<Integer> {
  @Mixin
  private GatewayStatus gateway;

  @Option(names = "--json", description = "As JSON.")
  private boolean isJson;

  @Override
  public Integer call() throws Exception {
    JsonNode status = gateway.fetch();
    if (isJson) {
      System.out.println(status.toPrettyString());
    } else {
      StatusReport.lines(status).forEach(System.out::println);
    }
    return status.path("ready").asBoolean() ? 0 : 1;
  }
}
