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
import io.llada.proto.internal.v1.ShardHolders;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

  /// What a plan tells one node.
  ///
  /// @param plan the plan
  /// @param coordinatorId who speaks
  /// @param modelDigest the checkpoint it is for
  /// @param shards the node's shards
  /// @param holders endpoints of other nodes that hold a shard, as far as it helps to know
  record Order(PlanId plan, String coordinatorId, String modelDigest, Collection<ShardId> shards,
      Map<ShardId, List<String>> holders) {}

  private final ManagedChannel channel;
  private final ExpertControlGrpc.ExpertControlBlockingStub stub;

  NodeControl(String endpoint, ChannelCredentials credentials) {
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, credentials).disableRetry()
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).build();
    stub = ExpertControlGrpc.newBlockingStub(channel);
  }

  /// Asks the node who it is. A connection that turns out to be broken is opened anew once: a dead process then refuses,
  /// a frozen one stays silent.
  DescribedNode describe(Duration timeout) {
    try {
      return describeOnce(timeout);
    } catch (CallException e) {
      if (e.kind() != CallException.Kind.UNREACHABLE) {
        throw e;
      }
      return describeOnce(timeout);
    }
  }

  private DescribedNode describeOnce(Duration timeout) {
    try {
      // A node that was away is tried again now, not after gRPC's own pause.
      channel.resetConnectBackoff();
      NodeDescription node = within(timeout).describeNode(DescribeNodeRequest.getDefaultInstance());
      return new DescribedNode(node.getNodeId(), node.getIncarnation(), node.getModelDigest(), node.getNumericsClass(),
          node.getZone(), node.getCapacityBytes(), node.getWeightBytes(), shards(node.getShardsList()),
          new DescribedNode.Planned(new PlanId(node.getPlannedEpoch(), node.getPlannerId()),
              shards(node.getPlannedShardsList())), node.getDevice(), node.getFailure(),
          node.getDraining(), !node.getWithoutCheckpoint());
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    } catch (IllegalArgumentException e) {
      throw new CallException(
          Status.INVALID_ARGUMENT.withDescription("it describes itself wrongly: " + e.getMessage()).asRuntimeException());
    }
  }

  private static Set<ShardId> shards(List<io.llada.proto.internal.v1.ShardId> shards) {
    return shards.stream().map(shard -> new ShardId(shard.getLayer(), shard.getGroup()))
        .collect(Collectors.toUnmodifiableSet());
  }

  /// Has the node load what it does not hold yet.
  void prepare(Order order, Duration timeout) {
    follow(() -> within(timeout).prepare(message(order)));
  }

  /// Tells the node that this coordinator acts on the placement.
  void activate(Order order, Duration timeout) {
    follow(() -> within(timeout).activate(message(order)));
  }

  /// Has the node let go of everything but these shards at once.
  void release(Order order, Duration timeout) {
    follow(() -> within(timeout).release(message(order)));
  }

  private static void follow(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    }
  }

  private ExpertControlGrpc.ExpertControlBlockingStub within(Duration timeout) {
    return stub.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  private static PlacementShards message(Order order) {
    PlacementShards.Builder message = PlacementShards.newBuilder().setEpoch(order.plan().epoch())
        .setPlannerId(order.plan().plannerId()).setCoordinatorId(order.coordinatorId())
        .setModelDigest(order.modelDigest());
    order.shards().forEach(id -> message.addShards(message(id)));
    order.holders().forEach((id, endpoints) -> message
        .addHolders(ShardHolders.newBuilder().setShard(message(id)).addAllEndpoints(endpoints)));
    return message.build();
  }

  private static io.llada.proto.internal.v1.ShardId.Builder message(ShardId id) {
    return io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group());
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
