package io.llada.deploy.command;

import io.llada.cluster.RegistrySettings;
import io.llada.deploy.local.LocalCluster;
import java.util.List;
import picocli.CommandLine.Option;

/// How a coordinator takes part in the registry.
final class RegistryOptions {
  @Option(names = "--registry-port", paramLabel = "PORT", defaultValue = "5701", description = "Port of this "
      + "coordinator's registry member. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--registry", paramLabel = "HOST:PORT", split = ",", description = "Registry members of the other "
      + "coordinators, if there are any.")
  private List<String> members = List.of();

  RegistrySettings member(String host) {
    return RegistrySettings.member(LocalCluster.GRID, host, port, members);
  }
}
