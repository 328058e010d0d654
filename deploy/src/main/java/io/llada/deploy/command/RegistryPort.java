package io.llada.deploy.command;

import picocli.CommandLine.Option;

/// Where a member of the registry listens.
final class RegistryPort {
  @Option(names = "--registry-port", paramLabel = "PORT", defaultValue = "5701", description = "Port of this process's "
      + "registry member. Default: ${DEFAULT-VALUE}.")
  private int port;

  int number() {
    return port;
  }
}
