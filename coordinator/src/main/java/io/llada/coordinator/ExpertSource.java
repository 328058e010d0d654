package io.llada.coordinator;

import io.llada.cluster.RegistrySettings;
import java.util.List;

/// Where a coordinator's experts are.
public sealed interface ExpertSource {
  /// In the coordinator itself.
  record Local() implements ExpertSource {}

  /// On nodes known by address; no registry is needed.
  ///
  /// @param endpoints `host:port`, at least one
  record Nodes(List<String> endpoints) implements ExpertSource {
    public Nodes {
      endpoints = List.copyOf(endpoints);
      if (endpoints.isEmpty()) {
        throw new IllegalArgumentException("at least one expert node is needed, as host:port");
      }
    }
  }

  /// On whatever nodes hold a lease in the registry.
  record Registered(RegistrySettings registry) implements ExpertSource {}
}
