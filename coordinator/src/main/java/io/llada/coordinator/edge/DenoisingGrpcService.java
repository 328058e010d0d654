package io.llada.coordinator.edge;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.coordinator.denoising.ModelDescription;
import io.llada.coordinator.placement.ClusterView;
import io.llada.coordinator.placement.Proposal;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.denoising.SchedulerStatistics;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ShardId;
import io.llada.proto.internal.v1.CoordinatorStatus;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.DescribeRequest;
import io.llada.proto.internal.v1.RebalancePlan;
import io.llada.proto.internal.v1.RebalanceRequest;
import io.llada.proto.internal.v1.ServedModel;
import io.llada.proto.internal.v1.StatusRequest;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// The coordinator's service on the wire.
public final class DenoisingGrpcService extends DenoisingGrpc.DenoisingImplBase {
  private static final int MOST_LISTED_SHARDS = 16;
  private static final Duration PROPOSAL_TIMEOUT = Duration.ofSeconds(10);

  private final ModelDescription model;
  private final Scheduler scheduler;
  private final ClusterView cluster;
  private final SettingsTranslation settings;

  public DenoisingGrpcService(ModelDescription model, Scheduler scheduler, ClusterView cluster) {
    this.model = model;
    this.scheduler = scheduler;
    this.cluster = cluster;
    this.settings = new SettingsTranslation(model.defaults());
  }

  @Override
  public void denoise(DenoiseRequest request, StreamObserver<DenoiseEvent> responses) {
    ServerCallStreamObserver<DenoiseEvent> observer = (ServerCallStreamObserver<DenoiseEvent>) responses;
    StreamingListener listener = new StreamingListener(observer, request.getStepEvents());
    try {
      Scheduler.Ticket ticket = scheduler.submit(new DenoisingRequest(request.getRequestId(), ints(request
          .getPromptIdsList()), settings.fromWire(request.getSettings()), ints(request.getCommittedIdsList()),
          request.getAllowDegraded()),
          listener);
      observer.setOnCancelHandler(ticket::cancel);
    } catch (RuntimeException e) {
      listener.failed(e);
    }
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public void describe(DescribeRequest request, StreamObserver<ServedModel> responses) {
    ModelConfig config = model.config();
    responses.onNext(ServedModel.newBuilder().setId(model.id()).setVocabularySize(config.vocabularySize())
        .setContextLength(config.contextLength()).setBlockLength(config.blockLength()).setMaskTokenId(config
            .maskTokenId())
        .setEndTokenId(config.endTokenId()).setModelDigest(model.digest()).setDefaultSettings(settings
            .defaultsToWire())
        .build());
    responses.onCompleted();
  }

  @Override
  public void status(StatusRequest request, StreamObserver<CoordinatorStatus> responses) {
    SchedulerStatistics statistics = scheduler.statistics();
    List<ShardId> missing = cluster.missing();
    CoordinatorStatus.Builder status = CoordinatorStatus.newBuilder().setLastForwardAgeMillis(statistics
        .lastForwardAge().map(Duration::toMillis).orElse(-1L)).setEveryShardCovered(missing.isEmpty())
        .setRunningSequences(statistics.running()).setQueuedSequences(statistics.queued()).setPlacementEpoch(cluster
            .epoch())
        .setForwards(statistics.forwards()).setTokensCommitted(statistics.tokens()).setExperts(cluster
            .description())
        .setNumericsClass(model.numericsClass()).setRegistry(cluster.registry()).setDraining(scheduler.isDraining());
    missing.stream().limit(MOST_LISTED_SHARDS).forEach(shard -> status.addMissingShards(shard.toString()));
    cluster.underReplicated().stream().limit(MOST_LISTED_SHARDS)
        .forEach(shard -> status.addUnderReplicated(shard.toString()));
    ClusterView.Counts counts = cluster.counts();
    status.setHedges(counts.repeats().hedges()).setFailovers(counts.repeats().failovers())
        .setPlansMade(counts.plans().made()).setPlansTakenUp(counts.plans().takenUp())
        .setImbalance(counts.plans().imbalance());
    cluster.nodes().forEach(node -> status.addExpertNodes(NodeTranslation.toWire(node)));
    responses.onNext(status.build());
    responses.onCompleted();
  }

  @Override
  public void rebalance(RebalanceRequest request, StreamObserver<RebalancePlan> responses) {
    cluster.propose(request.getDryRun() ? Proposal.Intent.LOOK : Proposal.Intent.CARRY_OUT)
        .orTimeout(PROPOSAL_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).whenComplete((proposal, failure) -> {
          if (failure != null) {
            responses.onError(Status.FAILED_PRECONDITION.withDescription(failure instanceof TimeoutException
                ? "the expert nodes were not heard within " + PROPOSAL_TIMEOUT.toSeconds() + " s"
                : failure.getMessage()).asRuntimeException());
          } else {
            responses.onNext(NodeTranslation.toWire(proposal));
            responses.onCompleted();
          }
        });
  }
}
