package io.llada.deploy.command;

import io.llada.cluster.RegistrySettings;
import java.util.List;
import picocli.CommandLine.Option;

/// How a coordinator takes part in the registry.
final class RegistryOptions {
  /// Grids of different names ignore each other.
  static final String CLUSTER_NAME = "llada";

  @Option(names = "--registry-port", paramLabel = "PORT", defaultValue = "5701", description = "Port of this "
    + "coordinator's registry member. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--registry", paramLabel = "HOST:PORT", split = ",", description = "Registry members of the other "
    + "coordinators, if there are any.")
  private List<String> members = List.of();

  RegistrySettings member(String host) {
    return RegistrySettings.member(CLUSTER_NAME, host, port, members);
  }
}
