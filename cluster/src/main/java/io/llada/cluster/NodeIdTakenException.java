package io.llada.cluster;

/// Another living process uses the node id. This process must not start under it.
public final class NodeIdTakenException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NodeIdTakenException(Lease holder) {
    super(
        "node id %s is taken by a living process at %s (incarnation %s); give this process another id or stop that one"
            .formatted(holder.nodeId(), holder.endpoint(), holder.incarnation()));
  }
}
