package io.llada.expertnode;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.config.ShardId;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import io.llada.proto.internal.v1.DrainProgress;
import io.llada.proto.internal.v1.DrainRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.NodeDescription;
import io.llada.proto.internal.v1.PlacementShards;
import io.llada.proto.internal.v1.PreparedShards;
import io.llada.proto.internal.v1.ShardHolders;
import io.llada.proto.internal.v1.ShardChunk;
import io.llada.proto.internal.v1.ModelOutline;
import io.llada.proto.internal.v1.LoadedBytes;
import io.llada.proto.internal.v1.FetchShardRequest;
import io.llada.proto.internal.v1.DescribeModelRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The edge of `ExpertControl`: protobuf in and out, refusals as statuses. Loading runs on `executor`, because the
/// server's own threads belong to the frames.
final class ExpertControlService extends ExpertControlGrpc.ExpertControlImplBase {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertControlService.class);
  private static final Duration PROGRESS_EVERY = Duration.ofMillis(500);

  private final NodeParts node;
  private final GrpcShardSender sender;
  private final Executor executor;

  ExpertControlService(NodeParts node, Executor executor) {
    this.node = node;
    this.sender = new GrpcShardSender(node.model(), node.store(), executor);
    this.executor = executor;
  }

  @Override
  public void describeNode(DescribeNodeRequest request, StreamObserver<NodeDescription> response) {
    ShardStore.Contents contents = node.store().contents();
    NodeIdentity identity = node.identity();
    NodeDescription.Builder description = NodeDescription.newBuilder().setNodeId(identity.nodeId())
        .setIncarnation(identity.incarnation()).setModelDigest(node.model().digest())
        .setNumericsClass(node.model().numericsClass()).setCapacityBytes(identity.capacityBytes())
        .setWeightBytes(contents.bytes()).setEpoch(contents.epoch()).setQueueDepth(node.queueDepth().getAsInt())
        .setPlannedEpoch(contents.planned().epoch()).setPlannerId(contents.planned().plannerId())
        .setZone(identity.zone()).setDevice(node.model().device()).setFailure(node.condition().failure())
        .setDraining(node.condition().isDraining()).setWithoutCheckpoint(node.model().checkpoint().isEmpty());
    contents.shards().forEach(id -> description.addShards(message(id)));
    contents.planned().shards().forEach(id -> description.addPlannedShards(message(id)));
    node.loader().totals().forEach((origin, total) -> description.addLoaded(LoadedBytes.newBuilder()
        .setSource(origin.label()).setBytes(total.bytes()).setShards(total.shards())));
    response.onNext(description.build());
    response.onCompleted();
  }

  @Override
  public void describeModel(DescribeModelRequest request, StreamObserver<ModelOutline> response) {
    ExpertOutline outline = node.model().outline();
    ModelOutline.Builder message = ModelOutline.newBuilder().setModelDigest(outline.digest())
        .setLayers(outline.layers()).setHiddenSize(outline.hiddenSize())
        .setFirstMoeLayer(outline.moe().firstMoeLayer()).setExperts(outline.moe().experts())
        .setGroups(outline.moe().groups()).setExpertsPerToken(outline.moe().expertsPerToken())
        .setExpertWidth(outline.moe().expertWidth()).setShardBytes(outline.shardBytes());
    outline.formats().forEach(format -> message.addFormats(format.name()));
    response.onNext(message.build());
    response.onCompleted();
  }

  @Override
  public void fetchShard(FetchShardRequest request, StreamObserver<ShardChunk> response) {
    sender.send(request, (ServerCallStreamObserver<ShardChunk>) response);
  }

  private static io.llada.proto.internal.v1.ShardId.Builder message(ShardId id) {
    return io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group());
  }

  @Override
  public void prepare(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(() -> follow("prepare", request, response, plan -> node.store().prepare(plan, holders(request))));
  }

  @Override
  public void activate(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(
        () -> follow("activate", request, response, plan -> node.store().activate(plan, request.getCoordinatorId())));
  }

  @Override
  public void release(PlacementShards request, StreamObserver<PreparedShards> response) {
    executor.execute(() -> follow("release", request, response, node.store()::release));
  }

  @Override
  public void drain(DrainRequest request, StreamObserver<DrainProgress> response) {
    ServerCallStreamObserver<DrainProgress> call = (ServerCallStreamObserver<DrainProgress>) response;
    call.setOnCancelHandler(() -> LOG.info("nobody watches any more; draining goes on"));
    node.drain().begin();
    executor.execute(() -> watchDrain(call));
  }

  private void watchDrain(ServerCallStreamObserver<DrainProgress> call) {
    try {
      do {
        call.onNext(DrainProgress.newBuilder().addAllCoordinators(node.drain().users())
            .setSecondsLeft((int) node.drain().left().toSeconds()).build());
      } while (!node.drain().await(PROGRESS_EVERY) && !call.isCancelled());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (call.isCancelled()) {
      return;
    }
    if (node.drain().isUnused()) {
      call.onNext(DrainProgress.newBuilder().setDone(true).build());
      call.onCompleted();
    } else {
      call.onError(Status.DEADLINE_EXCEEDED
          .withDescription(
              "coordinators %s still use node %s, which ends all the same; is there room for its shards elsewhere?"
                  .formatted(node.drain().users(), node.identity().nodeId()))
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
    if (!request.getModelDigest().equals(node.model().digest())) {
      throw Status.FAILED_PRECONDITION.withDescription("node %s serves checkpoint %s, the placement is for %s"
          .formatted(node.identity().nodeId(), node.model().digest(), request.getModelDigest())).asRuntimeException();
    }
  }

  private static Map<ShardId, List<String>> holders(PlacementShards request) {
    return request.getHoldersList().stream().collect(Collectors.toMap(
        known -> shard(known.getShard()),
        ShardHolders::getEndpointsList, (first, _) -> first));
  }

  private static ShardStore.Planned plan(PlacementShards request) {
    if (request.getEpoch() < 1) {
      throw Status.INVALID_ARGUMENT.withDescription("epochs begin with 1, found " + request.getEpoch())
          .asRuntimeException();
    }
    return new ShardStore.Planned(request.getEpoch(), request.getPlannerId(), request.getShardsList().stream()
        .map(ExpertControlService::shard).collect(Collectors.toSet()));
  }

  private static ShardId shard(io.llada.proto.internal.v1.ShardId message) {
    try {
      return new ShardId(message.getLayer(), message.getGroup());
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
        case UNKNOWN_SHARD, NOT_PREPARED, NO_SOURCE -> Status.FAILED_PRECONDITION;
        case LOADING_TAKES_TOO_LONG, NO_SOURCE_NOW -> Status.UNAVAILABLE;
      }).withDescription(refused.getMessage());
      case DeviceException device -> (device.reason() == DeviceException.Reason.OUT_OF_MEMORY
          ? Status.RESOURCE_EXHAUSTED
          : Status.FAILED_PRECONDITION).withDescription(device.getMessage());
      case io.grpc.StatusRuntimeException known -> known.getStatus();
      default -> {
        LOG.error("the node failed", failure);
        yield Status.INTERNAL.withDescription("the node failed: " + failure);
      }
    };
  }
}
