package io.llada.deploy.command;

import io.llada.cluster.RegistrySettings;
import io.llada.cluster.RegistrySettings.Discovery;
import io.llada.cluster.RegistrySettings.Mode;
import io.llada.deploy.local.LocalCluster;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/// Where the members of the registry are.
final class RegistryMembers {
  @Option(names = "--registry", paramLabel = "HOST:PORT", split = ",", description = "Members of the registry: "
      + "coordinators, or 'llada registry' processes.")
  private List<String> members = List.of();

  @Option(names = "--registry-kubernetes", paramLabel = "SERVICE[:PORT]", description = "Members of the registry are the "
      + "pods behind this headless Kubernetes service, by its DNS name. Default port: " + RegistryPort.DEFAULT + ".")
  private Optional<String> service = Optional.empty();

  boolean areNamed() {
    return !members.isEmpty() || service.isPresent();
  }

  RegistrySettings member(String host, int port) {
    return new RegistrySettings(Mode.MEMBER, LocalCluster.GRID, host, port, discovery());
  }

  RegistrySettings client() {
    return new RegistrySettings(Mode.CLIENT, LocalCluster.GRID, "", 0, discovery());
  }

  private Discovery discovery() {
    if (service.isEmpty()) {
      return new Discovery.Fixed(members);
    }
    if (!members.isEmpty()) {
      throw new IllegalArgumentException(
          "--registry and --registry-kubernetes both say where the members are; name one");
    }
    String[] parts = service.get().split(":", 2);
    try {
      return new Discovery.Kubernetes(parts[0], parts.length == 1 ? RegistryPort.DEFAULT : Integer.parseInt(parts[1]));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--registry-kubernetes is SERVICE or SERVICE:PORT, found " + service.get(), e);
    }
  }
}
