package io.llada.expertnode;

import java.time.Duration;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// How one expert node runs.
///
/// @param nodeId name of the node, unique in the cluster
/// @param host address to bind
/// @param port port to bind; 0: any free one
/// @param advertisedEndpoint `host:port` at which coordinators reach the node; empty: host and bound port
/// @param capacityBytes bytes of expert weights the node may hold
/// @param maxTokens most token rows of one dispatch; bounds the memory of a frame
/// @param queueCapacity dispatches that may wait, over all streams
/// @param credits dispatches that may be in flight on one stream
/// @param zone what fails together with the node, a rack or a data centre: replicas are kept in different zones; empty:
/// one zone for all
/// @param drainTimeout the most it may take to leave without failing a request
/// @param sources where shards may come from, beside a checkpoint
public record ExpertNodeSettings(String nodeId, String host, int port, Optional<String> advertisedEndpoint,
    long capacityBytes, int maxTokens, int queueCapacity, int credits, String zone, Duration drainTimeout,
    Sources sources) {
  public static final int DEFAULT_MAX_TOKENS = 1_024;
  public static final int DEFAULT_QUEUE_CAPACITY = 32;
  public static final int DEFAULT_CREDITS = 4;
  public static final Duration DEFAULT_DRAIN_TIMEOUT = Duration.ofSeconds(120);

  /// Where shards may come from, beside a checkpoint and the nodes that coordinators name.
  ///
  /// @param cache directory on a local disk in which shards are kept; empty: none
  /// @param peers `host:port` of nodes that are asked in any case
  public record Sources(Optional<Path> cache, List<String> peers) {
    public static final Sources NONE = new Sources(Optional.empty(), List.of());

    public Sources {
      peers = List.copyOf(peers);
    }
  }

  private static final int MAX_PORT = 65_535;

  public ExpertNodeSettings {
    if (nodeId.isBlank() || host.isBlank()) {
      throw new IllegalArgumentException("an expert node needs an id and a host to bind");
    }
    if (port < 0 || port > MAX_PORT) {
      throw new IllegalArgumentException("a port is 0 to %d, found %d".formatted(MAX_PORT, port));
    }
    if (capacityBytes < 1) {
      throw new IllegalArgumentException("capacity must be at least 1 byte, found " + capacityBytes);
    }
    if (drainTimeout.isNegative()) {
      throw new IllegalArgumentException("a drain may take 0 s or more, found " + drainTimeout);
    }
    if (maxTokens < 1 || queueCapacity < 1 || credits < 1) {
      throw new IllegalArgumentException("tokens, queue and credits must be at least 1, found %d, %d, %d"
          .formatted(maxTokens, queueCapacity, credits));
    }
  }

  /// A node with the usual limits.
  public static ExpertNodeSettings of(String nodeId, String host, int port, long capacityBytes) {
    return new ExpertNodeSettings(nodeId, host, port, Optional.empty(), capacityBytes, DEFAULT_MAX_TOKENS,
        DEFAULT_QUEUE_CAPACITY, DEFAULT_CREDITS, "", DEFAULT_DRAIN_TIMEOUT, Sources.NONE);
  }
}
