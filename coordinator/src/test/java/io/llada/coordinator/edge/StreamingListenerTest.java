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
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.ExpertsUnavailable;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// What a failed request looks like on the wire.
class StreamingListenerTest {
  private static final Metadata.Key<ExpertsUnavailable> KEY = ProtoUtils.keyForProto(ExpertsUnavailable
      .getDefaultInstance());

  private static StatusRuntimeException failure(RuntimeException cause) throws IOException {
    DenoisingGrpc.DenoisingImplBase failing = new DenoisingGrpc.DenoisingImplBase() {
      @Override
      public void denoise(DenoiseRequest request, StreamObserver<DenoiseEvent> observer) {
        new StreamingListener((ServerCallStreamObserver<DenoiseEvent>) observer, false).failed(cause);
      }
    };
    Server server = InProcessServerBuilder.forName("failing").directExecutor().addService(failing).build().start();
    ManagedChannel channel = InProcessChannelBuilder.forName("failing").directExecutor().build();
    try {
      return catchThrowableOfType(StatusRuntimeException.class, () -> DenoisingGrpc.newBlockingStub(channel)
          .withDeadlineAfter(30, TimeUnit.SECONDS).denoise(DenoiseRequest.getDefaultInstance()).next());
    } finally {
      channel.shutdownNow();
      server.shutdownNow();
    }
  }

  @Test
  void missingExpertsAreNamedInTheTrailers() throws IOException {
    StatusRuntimeException failure = failure(new ExpertsUnavailableException(3, Set.of(4, 1), "layer 3 groups [1, 4]"));
    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription()).isEqualTo("layer 3 groups [1, 4]");
    assertThat(failure.getTrailers().get(KEY)).isEqualTo(ExpertsUnavailable.newBuilder().setLayer(3).addGroups(1)
        .addGroups(4).build());
  }

  @Test
  void otherFailuresNameNone() throws IOException {
    StatusRuntimeException failure = failure(new IllegalStateException("a defect"));
    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.INTERNAL);
    assertThat(failure.getTrailers().containsKey(KEY)).isFalse();
  }
}
