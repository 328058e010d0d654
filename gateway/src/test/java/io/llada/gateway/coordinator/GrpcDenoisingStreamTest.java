package io.llada.gateway.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.stub.ClientResponseObserver;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.internal.v1.BlockTokens;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.StepTokens;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GrpcDenoisingStreamTest {
  private final GrpcDenoisingStream stream = new GrpcDenoisingStream(failure -> new GatewayException(
      failure.getStatus().getCode() == Status.Code.UNAVAILABLE ? Reason.UNAVAILABLE : Reason.INTERNAL,
      "" + failure.getStatus().getCode()));
  private final ClientResponseObserver<DenoiseRequest, DenoiseEvent> observer = stream.observer();

  private static DenoiseEvent step(int index) {
    return DenoiseEvent.newBuilder().setStep(StepTokens.newBuilder().setStep(index)).build();
  }

  private static DenoiseEvent block(int index) {
    return DenoiseEvent.newBuilder().setBlockCommitted(BlockTokens.newBuilder().setBlockIndex(index)).build();
  }

  private List<DenoisingEvent> taken() {
    List<DenoisingEvent> taken = new ArrayList<>();
    Optional<DenoisingEvent> next = stream.next(Duration.ZERO);
    while (next.isPresent()) {
      taken.add(next.get());
      next = stream.next(Duration.ZERO);
    }
    return taken;
  }

  @Test
  void whoPullsSlowlyMissesStepsAndNoBlock() {
    for (int i = 0; i < 10_000; i++) {
      observer.onNext(i % 1_000 == 999 ? block(i / 1_000) : step(i));
    }
    assertThat(taken()).hasSize(GrpcDenoisingStream.MOST_STEPS + 10)
        .filteredOn(DenoisingEvent.BlockCommitted.class::isInstance).hasSize(10);
    observer.onNext(step(0));
    assertThat(taken()).hasSize(1);
  }

  @Test
  void aCallThatWasCutOffFromTheOtherSideIsWorthAnotherAttempt() {
    observer.onError(Status.CANCELLED.asRuntimeException());
    assertThatThrownBy(() -> stream.next(Duration.ZERO)).hasMessage("UNAVAILABLE");
  }

  @Test
  void aConnectionClosedUnderAWriteIsWorthAnotherAttempt() {
    observer.onError(Status.UNKNOWN.withCause(new ClosedChannelException()).asRuntimeException());
    assertThatThrownBy(() -> stream.next(Duration.ZERO)).hasMessage("UNAVAILABLE");
  }

  @Test
  void aCallThatIsNotWantedAnyMoreIsNot() {
    stream.close();
    observer.onError(Status.CANCELLED.asRuntimeException());
    assertThatThrownBy(() -> stream.next(Duration.ZERO)).hasMessage("CANCELLED");
  }
}
