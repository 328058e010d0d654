package io.llada.gateway;

import io.llada.gateway.coordinator.Endpoint;
import java.nio.file.Path;
import java.util.List;

/**
 * What a gateway needs to know.
 *
 * @param host interface to listen on, for example 127.0.0.1
 * @param port 0 .. 65535; 0: any free one
 * @param modelDirectory directory with the served model's tokenizer.json
 * @param coordinators at least one; the least busy is used
 */
public record GatewaySettings(String host, int port, Path modelDirectory, List<Endpoint> coordinators,
    GatewayLimits limits) {
  public static final String DEFAULT_HOST = "127.0.0.1";
  public static final int DEFAULT_PORT = 8080;

  /** @throws IllegalArgumentException naming the setting, its value and its range */
  public GatewaySettings {
    coordinators = List.copyOf(coordinators);
    if (host.isBlank()) {
      throw new IllegalArgumentException("the host is empty: name an interface, for example " + DEFAULT_HOST);
    }
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("the port is " + port + ": must be 0 .. 65535");
    }
    if (coordinators.isEmpty()) {
      throw new IllegalArgumentException("there are 0 coordinators: at least 1, as host:port");
    }
    if (coordinators.stream().distinct().count() < coordinators.size()) {
      throw new IllegalArgumentException("a coordinator is named twice: " + coordinators);
    }
  }

  /** A gateway on loopback with default limits. */
  public static GatewaySettings local(Path modelDirectory, List<Endpoint> coordinators) {
    return new GatewaySettings(DEFAULT_HOST, DEFAULT_PORT, modelDirectory, coordinators, GatewayLimits.defaults());
  }
}
