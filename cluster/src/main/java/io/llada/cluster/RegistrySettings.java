package io.llada.cluster;

import java.util.List;

/// How a process takes part in the Hazelcast grid.
///
/// @param mode member or client
/// @param clusterName grids of different names ignore each other
/// @param host address a member binds; nothing else is bound
/// @param port port a member binds; not used by a client
/// @param discovery where the members are; by multicast is never asked
public record RegistrySettings(Mode mode, String clusterName, String host, int port, Discovery discovery) {
  /// How a process takes part.
  public enum Mode {
    /// Holds data: coordinators, and processes that do nothing else.
    MEMBER,
    /// Only asks: expert nodes, so that their coming and going moves no data.
    CLIENT
  }

  /// Where the members of a grid are found.
  public sealed interface Discovery {
    /// A fixed list.
    ///
    /// @param endpoints every member as `host:port`
    record Fixed(List<String> endpoints) implements Discovery {
      public Fixed {
        endpoints = List.copyOf(endpoints);
      }
    }

    /// The pods behind a headless Kubernetes service.
    ///
    /// @param serviceDns name of the service, as `llada-registry.default.svc.cluster.local`; it should publish addresses
    ///   that are not ready, so that members which start together find each other
    /// @param port port of the members
    record Kubernetes(String serviceDns, int port) implements Discovery {
      public Kubernetes {
        if (serviceDns.isBlank()) {
          throw new IllegalArgumentException("members in Kubernetes are found by the DNS name of a service, found none");
        }
        requirePort(port);
      }
    }
  }

  private static final int MAX_PORT = 65_535;

  public RegistrySettings {
    if (clusterName.isBlank()) {
      throw new IllegalArgumentException("the grid needs a cluster name");
    }
    if (mode == Mode.MEMBER) {
      if (host.isBlank()) {
        throw new IllegalArgumentException("a member binds a host, found none");
      }
      requirePort(port);
    } else if (discovery instanceof Discovery.Fixed fixed && fixed.endpoints().isEmpty()) {
      throw new IllegalArgumentException("a client needs at least one member as host:port");
    }
  }

  private static void requirePort(int port) {
    if (port < 1 || port > MAX_PORT) {
      throw new IllegalArgumentException("a registry member has a port from 1 to %d, found %d".formatted(MAX_PORT, port));
    }
  }

  public static RegistrySettings member(String clusterName, String host, int port, List<String> members) {
    return new RegistrySettings(Mode.MEMBER, clusterName, host, port, new Discovery.Fixed(members));
  }

  public static RegistrySettings client(String clusterName, List<String> members) {
    return new RegistrySettings(Mode.CLIENT, clusterName, "", 0, new Discovery.Fixed(members));
  }
}
