package io.llada.coordinator.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.coordinator.denoising.CommittedBlock;
import io.llada.coordinator.denoising.Degradation;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.ExpertsUnavailable;
import io.llada.proto.v1.Degraded;
import java.io.IOException;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// What a failed request looks like on the wire.
class StreamingListenerTest {
  private static final Metadata.Key<ExpertsUnavailable> KEY = ProtoUtils.keyForProto(ExpertsUnavailable
      .getDefaultInstance());

  /// What a caller hears: one event and the end.
  private static DenoiseEvent heard(Consumer<StreamingListener> telling) throws IOException {
    DenoisingGrpc.DenoisingImplBase service = new DenoisingGrpc.DenoisingImplBase() {
      @Override
      public void denoise(DenoiseRequest request, StreamObserver<DenoiseEvent> observer) {
        telling.accept(new StreamingListener((ServerCallStreamObserver<DenoiseEvent>) observer, false));
      }
    };
    Server server = InProcessServerBuilder.forName("telling").directExecutor().addService(service).build().start();
    ManagedChannel channel = InProcessChannelBuilder.forName("telling").directExecutor().build();
    try {
      return DenoisingGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS)
          .denoise(DenoiseRequest.getDefaultInstance()).next();
    } finally {
      channel.shutdownNow();
      server.shutdownNow();
    }
  }

  private static StatusRuntimeException failure(RuntimeException cause) {
    return catchThrowableOfType(StatusRuntimeException.class, () -> heard(listener -> listener.failed(cause)));
  }

  @Test
  void aBlockTellsWhatWasLeftOutAndNothingWhenNothingWas() throws IOException {
    Degradation degradation = new Degradation(new TreeSet<>(Set.of(3, 2)), new TreeSet<>(Set.of(1)), 9);
    assertThat(heard(listener -> listener.committed(new CommittedBlock(0, new int[]{5}, 1, 1, degradation)))
        .getBlockCommitted().getDegraded())
        .isEqualTo(Degraded.newBuilder().addLayers(2).addLayers(3).addGroups(1).setTokens(9).build());
    assertThat(heard(listener -> listener.committed(new CommittedBlock(0, new int[]{5}, 1, 1, Degradation.NONE)))
        .getBlockCommitted().hasDegraded()).isFalse();
  }

  @Test
  void missingExpertsAreNamedInTheTrailers() {
    StatusRuntimeException failure = failure(new ExpertsUnavailableException(3, Set.of(4, 1), "layer 3 groups [1, 4]"));
    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription()).isEqualTo("layer 3 groups [1, 4]");
    assertThat(failure.getTrailers().get(KEY)).isEqualTo(ExpertsUnavailable.newBuilder().setLayer(3).addGroups(1)
        .addGroups(4).build());
  }

  @Test
  void otherFailuresNameNone() {
    StatusRuntimeException failure = failure(new IllegalStateException("a defect"));
    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.INTERNAL);
    assertThat(failure.getTrailers().containsKey(KEY)).isFalse();
  }
}
