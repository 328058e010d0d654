package io.llada.coordinator.placement;

import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.model.config.ShardId;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.NodeDescription;
import io.llada.proto.internal.v1.PlacementShards;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// The edge to one node's `ExpertControl`: our records in, protobuf out. Calls block, at most for their timeout.
/// Thread-safe.
final class NodeControl implements AutoCloseable {
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(2);

  /// A node did not do what it was asked to.
  static final class CallException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// What it means for the caller.
    enum Kind {
      /// Nobody answers there.
      UNREACHABLE,
      /// It may answer later.
      SLOW,
      /// Another coordinator is ahead; look again.
      STALE,
      /// The shards do not fit.
      OUT_OF_MEMORY,
      /// It will not, ever.
      REFUSED
    }

    private final Kind kind;

    CallException(StatusRuntimeException cause) {
      super(cause.getStatus().getDescription() == null
          ? cause.getStatus().getCode().toString()
          : cause.getStatus().getDescription(), cause);
      this.kind = switch (cause.getStatus().getCode()) {
        case UNAVAILABLE -> Kind.UNREACHABLE;
        case ABORTED -> Kind.STALE;
        case RESOURCE_EXHAUSTED -> Kind.OUT_OF_MEMORY;
        case FAILED_PRECONDITION, UNIMPLEMENTED, INVALID_ARGUMENT -> Kind.REFUSED;
        default -> Kind.SLOW;
      };
    }

    Kind kind() {
      return kind;
    }
  }

  private final ManagedChannel channel;
  private final ExpertControlGrpc.ExpertControlBlockingStub stub;

  NodeControl(String endpoint, ChannelCredentials credentials) {
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, credentials).disableRetry()
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).build();
    stub = ExpertControlGrpc.newBlockingStub(channel);
  }

  DescribedNode describe(Duration timeout) {
    try {
      // A node that was away is tried again now, not after gRPC's own pause.
      channel.resetConnectBackoff();
      NodeDescription node = within(timeout).describeNode(DescribeNodeRequest.getDefaultInstance());
      return new DescribedNode(node.getNodeId(), node.getIncarnation(), node.getModelDigest(), node.getNumericsClass(),
          node.getCapacityBytes(), node.getWeightBytes(), node.getEpoch(),
          node.getShardsList().stream().map(shard -> new ShardId(shard.getLayer(), shard.getGroup()))
              .collect(Collectors.toUnmodifiableSet()),
          node.getDevice(), node.getFailure());
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    } catch (IllegalArgumentException e) {
      throw new CallException(
          Status.INVALID_ARGUMENT.withDescription("it describes itself wrongly: " + e.getMessage()).asRuntimeException());
    }
  }

  void prepare(long epoch, String modelDigest, Collection<ShardId> shards, Duration timeout) {
    try {
      within(timeout).prepare(message(epoch, modelDigest, shards));
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    }
  }

  void activate(long epoch, String modelDigest, Collection<ShardId> shards, Duration timeout) {
    try {
      within(timeout).activate(message(epoch, modelDigest, shards));
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    }
  }

  private ExpertControlGrpc.ExpertControlBlockingStub within(Duration timeout) {
    return stub.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  private static PlacementShards message(long epoch, String modelDigest, Collection<ShardId> shards) {
    PlacementShards.Builder message = PlacementShards.newBuilder().setEpoch(epoch).setModelDigest(modelDigest);
    for (ShardId id : shards) {
      message.addShards(io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group()));
    }
    return message.build();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
