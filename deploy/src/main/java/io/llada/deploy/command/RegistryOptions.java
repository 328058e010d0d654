package io.llada.deploy.command;

import io.llada.cluster.RegistrySettings;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a coordinator takes part in the registry.
final class RegistryOptions {
  @Option(names = "--registry-role", paramLabel = "ROLE", defaultValue = "MEMBER", description = "member: this coordinator "
      + "is one of the registry's members; client: all members are elsewhere. Default: member.")
  private RegistrySettings.Mode role;

  @Mixin
  private RegistryPort port;

  @Mixin
  private RegistryMembers members;

  RegistrySettings settings(String host) {
    return role == RegistrySettings.Mode.CLIENT ? members.client() : members.member(host, port.number());
  }
}
