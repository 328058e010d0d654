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
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// The edge to one node's `ExpertControl`: our records in, protobuf out. Calls block threads of their own. Thread-safe.
public final class NodeControl implements NodeCalls {
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(2);

  private final ManagedChannel channel;
  private final ExpertControlGrpc.ExpertControlBlockingStub stub;
  private final Executor threads;

  /// @param threads gives every call a thread that it may block
  public NodeControl(String endpoint, ChannelCredentials credentials, Executor threads) {
    this.threads = threads;
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, credentials).disableRetry()
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).build();
    stub = ExpertControlGrpc.newBlockingStub(channel);
  }

  /// A connection that turns out to be broken is opened anew once: a dead process then refuses, a frozen one stays
  /// silent.
  @Override
  public CompletableFuture<DescribedNode> describe(Duration timeout) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        return describeNow(timeout);
      } catch (CallException e) {
        if (e.kind() != CallException.Kind.UNREACHABLE) {
          throw e;
        }
        return describeNow(timeout);
      }
    }, threads);
  }

  private DescribedNode describeNow(Duration timeout) {
    try {
      // A node that was away is tried again now, not after gRPC's own pause.
      channel.resetConnectBackoff();
      NodeDescription node = within(timeout).describeNode(DescribeNodeRequest.getDefaultInstance());
      return new DescribedNode(node.getNodeId(), node.getIncarnation(), node.getModelDigest(), node.getNumericsClass(),
          node.getZone(), node.getCapacityBytes(), node.getWeightBytes(), shards(node.getShardsList()),
          new DescribedNode.Planned(new PlanId(node.getPlannedEpoch(), node.getPlannerId()),
              shards(node.getPlannedShardsList())),
          node.getDevice(), node.getFailure(),
          node.getDraining(), !node.getWithoutCheckpoint(), node.getLoadedList().stream()
              .map(part -> new DescribedNode.Loaded(part.getSource(), part.getBytes(), part.getShards())).toList());
    } catch (StatusRuntimeException e) {
      throw new CallException(e);
    } catch (IllegalArgumentException e) {
      throw CallException.of(Status.INVALID_ARGUMENT.withDescription("it describes itself wrongly: " + e.getMessage()));
    }
  }

  private static Set<ShardId> shards(List<io.llada.proto.internal.v1.ShardId> shards) {
    return shards.stream().map(shard -> new ShardId(shard.getLayer(), shard.getGroup()))
        .collect(Collectors.toUnmodifiableSet());
  }

  @Override
  public CompletableFuture<Void> prepare(Order order, Duration timeout) {
    return follow(() -> within(timeout).prepare(message(order)));
  }

  @Override
  public CompletableFuture<Void> activate(Order order, Duration timeout) {
    return follow(() -> within(timeout).activate(message(order)));
  }

  @Override
  public CompletableFuture<Void> release(Order order, Duration timeout) {
    return follow(() -> within(timeout).release(message(order)));
  }

  private CompletableFuture<Void> follow(Runnable call) {
    return CompletableFuture.runAsync(() -> {
      try {
        call.run();
      } catch (StatusRuntimeException e) {
        throw new CallException(e);
      }
    }, threads);
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
