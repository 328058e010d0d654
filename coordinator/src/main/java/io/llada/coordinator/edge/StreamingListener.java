package io.llada.coordinator.edge;

import io.grpc.Metadata;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.llada.coordinator.denoising.AdmissionException;
import io.llada.coordinator.denoising.CommittedBlock;
import io.llada.coordinator.denoising.Degradation;
import io.llada.coordinator.denoising.DenoisingListener;
import io.llada.coordinator.denoising.DenoisingOutcome;
import io.llada.coordinator.denoising.DenoisingStep;
import io.llada.coordinator.denoising.ShuttingDownException;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.proto.internal.v1.BlockTokens;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseFinished;
import io.llada.proto.internal.v1.ExpertsUnavailable;
import io.llada.proto.internal.v1.StepTokens;
import io.llada.proto.v1.Degraded;
import io.llada.proto.v1.Usage;
import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes what happens to a request onto its gRPC stream.
///
/// A reader that does not keep up misses steps, never blocks: blocks are bounded by `max_tokens` and are always kept.
/// Called on the scheduler's thread; failures of the stream stay here.
final class StreamingListener implements DenoisingListener {
  private static final Logger LOG = LoggerFactory.getLogger(StreamingListener.class);
  private static final Metadata.Key<ExpertsUnavailable> EXPERTS_UNAVAILABLE = ProtoUtils.keyForProto(ExpertsUnavailable
      .getDefaultInstance());

  private final ServerCallStreamObserver<DenoiseEvent> observer;
  private final boolean wantsSteps;

  StreamingListener(ServerCallStreamObserver<DenoiseEvent> observer, boolean wantsSteps) {
    this.observer = observer;
    this.wantsSteps = wantsSteps;
  }

  @Override
  public boolean wantsSteps() {
    return wantsSteps && observer.isReady();
  }

  @Override
  public void stepped(DenoisingStep step) {
    StepTokens.Builder tokens = StepTokens.newBuilder().setBlockIndex(step.answerBlock()).setStep(step.step());
    for (int position = step.blockStart(); position < step.blockEnd(); position++) {
      tokens.addTokenIds(step.window()[position]);
    }
    Arrays.stream(step.masked()).forEach(position -> tokens.addMaskedPositions(position - step.blockStart()));
    Arrays.stream(step.committed()).forEach(position -> tokens.addCommittedPositions(position - step.blockStart()));
    for (float confidence : step.confidences()) {
      tokens.addConfidences(confidence);
    }
    send(DenoiseEvent.newBuilder().setStep(tokens).build());
  }

  @Override
  public void committed(CommittedBlock block) {
    BlockTokens.Builder tokens = BlockTokens.newBuilder().setBlockIndex(block.index()).setSteps(block.steps())
        .setForwards(block.forwards());
    Arrays.stream(block.tokens()).forEach(tokens::addTokenIds);
    Degradation degradation = block.degradation();
    if (degradation.tokens() > 0) {
      tokens.setDegraded(Degraded.newBuilder().addAllLayers(degradation.layers()).addAllGroups(degradation.groups())
          .setTokens(degradation.tokens()));
    }
    send(DenoiseEvent.newBuilder().setBlockCommitted(tokens).build());
  }

  @Override
  public void finished(DenoisingOutcome outcome) {
    Usage usage = Usage.newBuilder().setPromptTokens(outcome.promptTokens()).setCompletionTokens(outcome
        .tokens().length).setSteps(outcome.steps()).setForwards(outcome.forwards()).setTokensPerForward(outcome
            .tokensPerForward())
        .build();
    send(DenoiseEvent.newBuilder().setFinished(DenoiseFinished.newBuilder().setReason(outcome.endToken()
        ? DenoiseFinished.Reason.REASON_END_TOKEN
        : DenoiseFinished.Reason.REASON_LENGTH).setUsage(usage)).build());
    guarded(observer::onCompleted);
  }

  @Override
  public void failed(RuntimeException cause) {
    guarded(() -> observer.onError(status(cause).withDescription(cause.getMessage())
        .asRuntimeException(trailers(cause))));
  }

  /// What tells a coordinator that lives and has waited for experts from one that goes away.
  private static Metadata trailers(RuntimeException cause) {
    Metadata trailers = new Metadata();
    if (cause instanceof ExpertsUnavailableException unavailable) {
      trailers.put(EXPERTS_UNAVAILABLE, ExpertsUnavailable.newBuilder().setLayer(unavailable.layer())
          .addAllGroups(unavailable.groups()).build());
    }
    return trailers;
  }

  /// The status by what the caller should do.
  static io.grpc.Status status(RuntimeException cause) {
    return switch (cause) {
      case IllegalArgumentException _ -> io.grpc.Status.INVALID_ARGUMENT;
      case AdmissionException _ -> io.grpc.Status.RESOURCE_EXHAUSTED;
      case ExpertsUnavailableException _,ShuttingDownException _ -> io.grpc.Status.UNAVAILABLE;
      default -> io.grpc.Status.INTERNAL;
    };
  }

  private void send(DenoiseEvent event) {
    guarded(() -> observer.onNext(event));
  }

  private void guarded(Runnable call) {
    try {
      if (!observer.isCancelled()) {
        call.run();
      }
    } catch (RuntimeException e) {
      LOG.debug("the reader of a denoising stream is gone: {}", e.toString());
    }
  }
}
