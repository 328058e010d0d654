package io.llada.coordinator.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorServer;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.proto.internal.v1.CoordinatorStatus;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.DescribeRequest;
import io.llada.proto.internal.v1.ServedModel;
import io.llada.proto.internal.v1.StatusRequest;
import io.llada.proto.v1.DiffusionSettings;
import io.llada.proto.v1.Remasking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The coordinator over real gRPC.
class DenoisingGrpcServiceTest {
  private static Coordinator coordinator;
  private static CoordinatorServer server;
  private static ManagedChannel channel;

  @BeforeAll
  static void start() {
    coordinator = Coordinator.open(new CoordinatorSettings("test", Path.of("../deploy/models/llada2-tiny-chat"),
        new ExpertSource.Local(), ComputeSettings.usual(), SchedulerLimits.DEFAULTS, PlacementGoals.SINGLE));
    server = new CoordinatorServer("127.0.0.1", 0, coordinator);
    channel = NettyChannelBuilder.forAddress("127.0.0.1", server.start()).usePlaintext().build();
  }

  @AfterAll
  static void stop() {
    channel.shutdownNow();
    server.close();
    coordinator.close();
  }

  private static DenoisingGrpc.DenoisingBlockingStub stub() {
    return DenoisingGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
  }

  private static DenoiseRequest request(DiffusionSettings.Builder settings) {
    // "Who is the mother of Mical?" in the model's chat format
    return DenoiseRequest.newBuilder()
        .addAllPromptIds(List.of(1992, 291, 1993, 287, 283, 284, 1994, 1992, 278, 1993, 543,
            298, 267, 491, 265, 1898, 30, 1994, 1992, 275, 1993))
        .setSettings(settings).setStepEvents(true).build();
  }

  @Test
  void streamsStepsBlocksAndTheEnd() {
    List<DenoiseEvent> events = new ArrayList<>();
    stub().denoise(request(DiffusionSettings.newBuilder().setMaxTokens(64))).forEachRemaining(events::add);
    assertThat(events.getFirst().getStep().getTokenIdsCount()).isEqualTo(32);
    assertThat(events.get(events.size() - 2).getBlockCommitted().getTokenIdsList()).containsExactly(314, 491, 265, 1898,
        298, 1853, 13, 1994, 1985);
    assertThat(events.get(events.size() - 2).getBlockCommitted().getSteps()).isEqualTo(1);
    assertThat(events.getLast().getFinished().getUsage().getForwards()).isEqualTo(1);
    assertThat(events.getLast().getFinished().getUsage().getPromptTokens()).isEqualTo(21);
  }

  @Test
  void describesTheModelWithItsDefaults() {
    ServedModel model = stub().describe(DescribeRequest.getDefaultInstance());
    assertThat(model.getId()).isEqualTo("llada2-tiny-chat");
    assertThat(model.getMaskTokenId()).isEqualTo(1988);
    assertThat(model.getEndTokenId()).isEqualTo(1985);
    assertThat(model.getContextLength()).isEqualTo(2048);
    assertThat(model.getDefaultSettings().getThreshold()).isEqualTo(0.95f);
    assertThat(model.getDefaultSettings().getRemasking()).isEqualTo(Remasking.REMASKING_THRESHOLD);
  }

  @Test
  void saysHowItFares() {
    await().until(() -> stub().status(StatusRequest.getDefaultInstance()).getLastForwardAgeMillis() >= 0);
    CoordinatorStatus status = stub().status(StatusRequest.getDefaultInstance());
    assertThat(status.getEveryShardCovered()).isTrue();
    assertThat(status.getExperts()).isEqualTo("local");
    assertThat(status.getRegistry()).isEqualTo("static");
    assertThat(status.getDraining()).isFalse();
  }

  @Test
  void wrongSettingsAreTheCallersFault() {
    assertThatThrownBy(() -> stub().denoise(request(DiffusionSettings.newBuilder().setSteps(5000))).next())
        .isInstanceOf(
            StatusRuntimeException.class)
        .hasMessageContaining("INVALID_ARGUMENT").hasMessageContaining("steps").hasMessageContaining(
            "5000");
    assertThatThrownBy(() -> stub().denoise(request(DiffusionSettings.newBuilder().setMaxTokens(-1))).next())
        .hasMessageContaining("max_tokens").hasMessageContaining("4294967295");
    assertThatThrownBy(() -> stub().denoise(request(DiffusionSettings.newBuilder().setGuidance(1))).next())
        .hasMessageContaining("INVALID_ARGUMENT").hasMessageContaining("guidance");
  }

  @Test
  void cancellingTheCallFreesItsSlot() {
    Context.CancellableContext context = Context.current().withCancellation();
    context.run(() -> stub().denoise(request(DiffusionSettings.newBuilder().setMaxTokens(2000).setTemperature(2)
        .setRemasking(Remasking.REMASKING_RANDOM))).next());
    context.cancel(null);
    await().until(() -> coordinator.scheduler().statistics().running() == 0);
  }
}
