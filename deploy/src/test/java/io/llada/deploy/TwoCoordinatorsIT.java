package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.gateway.GatewayLimits;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.v1.DiffusionSettings;
import io.llada.proto.v1.Remasking;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// Two coordinators, one pool of expert nodes: the same bits from both, and one plan.
class TwoCoordinatorsIT {
  /// Each may have made one before it saw the other's, and one of them another to settle it.
  private static final long MOST_PLANS = 4;

  @Test
  void nodesAreFoundInTheRegistryOfBoth() throws Exception {
    try (SharedPool pool = new SharedPool(true, GatewayLimits.defaults())) {
      requireOnePlanAndTheSameBits(pool, "fresh");
      assertThat(pool.status(0).path("epoch").asLong()).isBetween(1L, MOST_PLANS);
    }
  }

  /// @param registry what both say of it
  static void requireOnePlanAndTheSameBits(SharedPool pool, String registry) throws Exception {
    await().atMost(Duration.ofMinutes(2)).until(() -> pool.status(0).path("epoch").asLong() == pool.status(1)
        .path("epoch").asLong());
    long epoch = pool.status(0).path("epoch").asLong();
    List<CompletableFuture<List<String>>> both = new ArrayList<>();
    for (int coordinator = 0; coordinator < SharedPool.COORDINATORS; coordinator++) {
      String address = pool.address(coordinator);
      both.add(CompletableFuture.supplyAsync(() -> answers(address)));
    }
    assertThat(both.getFirst().join()).isEqualTo(both.getLast().join());
    for (int coordinator = 0; coordinator < SharedPool.COORDINATORS; coordinator++) {
      assertThat(pool.status(coordinator).path("registry").asText()).isEqualTo(registry);
      assertThat(pool.status(coordinator).path("epoch").asLong()).isEqualTo(epoch);
      assertThat(pool.status(coordinator).path("expertNodes")).allMatch(node -> node.path("roundTripMicros")
          .asDouble() > 0);
    }
  }

  /// Blocks and figures of several requests. Steps are left out: a coordinator may drop them on a slow wire.
  private static List<String> answers(String address) {
    ManagedChannel channel = NettyChannelBuilder.forTarget(address).usePlaintext().build();
    try {
      List<String> answers = new ArrayList<>();
      for (DenoisingRequest request : Trace.requests()) {
        StringBuilder events = new StringBuilder();
        DenoisingGrpc.newBlockingStub(channel).withDeadlineAfter(180, TimeUnit.SECONDS)
            .denoise(DenoiseRequest.newBuilder().setRequestId(request.id())
                .addAllPromptIds(Arrays.stream(request.promptIds()).boxed().toList())
                .setSettings(DiffusionSettings.newBuilder().setMaxTokens(64).setTemperature(0.8f).setSeed(7)
                    .setRemasking(Remasking.REMASKING_LOW_CONFIDENCE))
                .build())
            .forEachRemaining((DenoiseEvent event) -> events.append(event));
        answers.add(events.toString());
      }
      return answers;
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    } finally {
      channel.shutdownNow();
    }
  }
}
