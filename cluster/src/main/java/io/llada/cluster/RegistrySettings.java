package io.llada.cluster;

import java.util.List;

/// How a process takes part in the Hazelcast grid.
///
/// @param mode member or client
/// @param clusterName grids of different names ignore each other
/// @param host address a member binds; nothing else is bound
/// @param port port a member binds; not used by a client
/// @param members every member as `host:port`; discovery by multicast is off on purpose
public record RegistrySettings(Mode mode, String clusterName, String host, int port, List<String> members) {
  /// How a process takes part.
  public enum Mode {
    /// Holds data: coordinators and gateways.
    MEMBER,
    /// Only asks: expert nodes, so that their coming and going moves no data.
    CLIENT
  }

  private static final int MAX_PORT = 65_535;

  public RegistrySettings {
    members = List.copyOf(members);
    if (clusterName.isBlank()) {
      throw new IllegalArgumentException("the grid needs a cluster name");
    }
    if (mode == Mode.MEMBER && (host.isBlank() || port < 1 || port > MAX_PORT)) {
      throw new IllegalArgumentException("a member binds a host and a port from 1 to %d, found %s:%d"
          .formatted(MAX_PORT, host, port));
    }
    if (mode == Mode.CLIENT && members.isEmpty()) {
      throw new IllegalArgumentException("a client needs at least one member as host:port");
    }
  }

  public static RegistrySettings member(String clusterName, String host, int port, List<String> members) {
    return new RegistrySettings(Mode.MEMBER, clusterName, host, port, members);
  }

  public static RegistrySettings client(String clusterName, List<String> members) {
    return new RegistrySettings(Mode.CLIENT, clusterName, "", 0, members);
  }
}
