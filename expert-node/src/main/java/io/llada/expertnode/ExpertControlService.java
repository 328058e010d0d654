package io.llada.expertnode;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.model.experts.DeviceException;
import io.llada.model.files.CheckpointException;
import io.llada.model.config.ShardId;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import io.llada.proto.internal.v1.DrainProgress;
import io.llada.proto.internal.v1.DrainRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.NodeDescription;
import io.llada.proto.internal.v1.PlacementShards;
import io.llada.proto.internal.v1.PreparedShards;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The edge of `ExpertControl`: protobuf in and out, refusals as statuses. Loading runs on `executor`, because the
/// server's own threads belong to the frames.
final class ExpertControlService extends ExpertControlGrpc.ExpertControlImplBase {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertControlService.class);
  private static final Duration PROGRESS_EVERY = Duration.ofMillis(500);

  private final NodeIdentity identity;
  private final ExpertNodeModel model;
  private final ShardStore store;
  private final IntSupplier queueDepth;
  private final NodeCondition condition;
  private final NodeDrain drain;
  private final Executor executor;

  ExpertControlService(NodeIdentity identity, ExpertNodeModel model, ShardStore store, IntSupplier queueDepth,
      NodeCondition condition, NodeDrain drain, Executor executor) {
    this.identity = identity;
    this.model = model;
    this.store = store;
    this.queueDepth = queueDepth;
    this.condition = condition;
    this.drain = drain;
    this.executor = executor;
  }

  @Override
  public void describeNode(DescribeNodeRequest request, StreamObserver<NodeDescription> response) {
    ShardStore.Contents contents = store.contents();
    NodeDescription.Builder description = NodeDescription.newBuilder().setNodeId(identity.nodeId())
        .setIncarnation(identity.incarnation()).setModelDigest(model.digest()).setNumericsClass(model.numericsClass())
        .setCapacityBytes(identity.capacityBytes()).setWeightBytes(contents.bytes()).setEpoch(contents.epoch())
        .setQueueDepth(queueDepth.getAsInt()).setPlannedEpoch(contents.planned().epoch())
        .setPlannerId(contents.planned().plannerId()).setZone(identity.zone()).setDevice(model.device()).setFailure(
            condition.failure())
        .setDraining(condition.isDraining());
    contents.shards().forEach(id -> description.addShards(message(id)));
    contents.planned().shards().forEach(id -> description.addPlannedShards(message(id)));
    response.onNext(description.build());
    response.onCompleted();
  }

  private static io.llada.proto.internal.v1.ShardId.Builder message(ShardId id) {
    return io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group());
  }

  @Override
  public void prepare(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(() -> follow("prepare", request, response, store::prepare));
  }

  @Override
  public void activate(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(
        () -> follow("activate", request, response, plan -> store.activate(plan, request.getCoordinatorId())));
  }

  @Override
  public void release(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(() -> follow("release", request, response, store::release));
  }

  @Override
  public void drain(DrainRequest request, StreamObserver<DrainProgress> response) {
    ServerCallStreamObserver<DrainProgress> call = (ServerCallStreamObserver<DrainProgress>) response;
    call.setOnCancelHandler(() -> LOG.info("nobody watches any more; draining goes on"));
    drain.begin();
    executor.execute(() -> watchDrain(call));
  }

  private void watchDrain(ServerCallStreamObserver<DrainProgress> call) {
    try {
      do {
        call.onNext(DrainProgress.newBuilder().addAllCoordinators(drain.users())
            .setSecondsLeft((int) drain.left().toSeconds()).build());
      } while (!drain.await(PROGRESS_EVERY) && !call.isCancelled());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (call.isCancelled()) {
      return;
    }
    if (drain.isUnused()) {
      call.onNext(DrainProgress.newBuilder().setDone(true).build());
      call.onCompleted();
    } else {
      call.onError(Status.DEADLINE_EXCEEDED
          .withDescription(
              "coordinators %s still use node %s, which ends all the same; is there room for its shards elsewhere?"
                  .formatted(drain.users(), identity.nodeId()))
          .asRuntimeException());
    }
  }

  private void follow(String what, PlacementShards request, StreamObserver<PreparedShards> response,
      Function<ShardStore.Planned, ShardStore.Contents> step) {
    try {
      requireModel(request);
      ShardStore.Contents contents = step.apply(plan(request));
      response.onNext(PreparedShards.newBuilder().setEpoch(request.getEpoch()).setShards(contents.shards().size())
          .setWeightBytes(contents.bytes()).build());
      response.onCompleted();
    } catch (RuntimeException e) {
      Status status = status(e);
      LOG.warn("{} of epoch {} refused: {}", what, request.getEpoch(), status.getDescription());
      response.onError(status.asRuntimeException());
    }
  }

  private void requireModel(PlacementShards request) {
    if (!request.getModelDigest().equals(model.digest())) {
      throw Status.FAILED_PRECONDITION.withDescription("node %s serves checkpoint %s, the placement is for %s"
          .formatted(identity.nodeId(), model.digest(), request.getModelDigest())).asRuntimeException();
    }
  }

  private static ShardStore.Planned plan(PlacementShards request) {
    if (request.getEpoch() < 1) {
      throw Status.INVALID_ARGUMENT.withDescription("epochs begin with 1, found " + request.getEpoch())
          .asRuntimeException();
    }
    try {
      return new ShardStore.Planned(request.getEpoch(), request.getPlannerId(), request.getShardsList().stream()
          .map(shard -> new ShardId(shard.getLayer(), shard.getGroup())).collect(Collectors.toSet()));
    } catch (IllegalArgumentException e) {
      throw Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException();
    }
  }

  /// What a failure means to a coordinator.
  static Status status(RuntimeException failure) {
    return switch (failure) {
      case ShardRefusedException refused -> (switch (refused.reason()) {
        case OUT_OF_MEMORY -> Status.RESOURCE_EXHAUSTED;
        case STALE_EPOCH -> Status.ABORTED;
        case UNKNOWN_SHARD, NOT_PREPARED -> Status.FAILED_PRECONDITION;
        case LOADING_TAKES_TOO_LONG -> Status.UNAVAILABLE;
      }).withDescription(refused.getMessage());
      case DeviceException device -> (device.reason() == DeviceException.Reason.OUT_OF_MEMORY
          ? Status.RESOURCE_EXHAUSTED
          : Status.FAILED_PRECONDITION).withDescription(device.getMessage());
      case CheckpointException unreadable -> Status.FAILED_PRECONDITION.withDescription(unreadable.getMessage());
      case io.grpc.StatusRuntimeException known -> known.getStatus();
      default -> {
        LOG.error("the node failed", failure);
        yield Status.INTERNAL.withDescription("the node failed: " + failure);
      }
    };
  }
}
