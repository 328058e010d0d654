package io.llada.deploy.command;

import picocli.CommandLine.Option;

/// Where a member of the registry listens.
final class RegistryPort {
  /// Of a member that says no other.
  static final int DEFAULT = 5701;

  @Option(names = "--registry-port", paramLabel = "PORT", defaultValue = ""
      + DEFAULT, description = "Port of this process's "
          + "registry member. Default: ${DEFAULT-VALUE}.")
  private int port;

  int number() {
    return port;
  }
}
