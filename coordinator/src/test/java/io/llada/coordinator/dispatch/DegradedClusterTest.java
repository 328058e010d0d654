package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.denoising.CommittedBlock;
import io.llada.coordinator.denoising.Degradation;
import io.llada.coordinator.denoising.Denoiser;
import io.llada.coordinator.denoising.DenoisingListener;
import io.llada.coordinator.denoising.DenoisingOutcome;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import io.llada.model.unmasking.DiffusionSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Two nodes with room for one half each, of which one dies: nobody can take its shards.
class DegradedClusterTest {
  private static final ActivationType TYPE = ActivationType.F32;
  private static final Duration PATIENCE = Duration.ofMillis(700);
  private static final int TOKENS = 24;
  private static final int TRIES = 5;

  private final TinyCluster tiny = new TinyCluster();
  private ExpertNodeServer dying;
  private ExpertCluster cluster;

  @BeforeEach
  void start() throws InterruptedException {
    long half = tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size() / 2;
    ExpertNodeServer staying = tiny.node("node-0", 0, tiny.nodeModel, half);
    dying = tiny.node("node-1", 0, tiny.nodeModel, half);
    DispatchSettings usual = DispatchSettings.of("test-coordinator", TYPE);
    cluster = tiny.cluster(
        new DispatchSettings(usual.coordinatorId(), TYPE, usual.maxTokensPerFrame(), usual.interactiveTokens(),
            usual.budget(), usual.attemptTimeout(), PATIENCE, usual.maxAttempts()),
        NodeDirectory.of(List.of(staying.endpoint(), dying.endpoint())), Optional.empty());
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
  }

  @AfterEach
  void close() {
    tiny.close();
  }

  private float[] layer(Omissions omissions) {
    float[] out = TinyCluster.rows(4, TOKENS);
    cluster.experts().dispatch(TinyCluster.MOE_LAYER, TinyCluster.rows(3, TOKENS), TinyCluster.routing(3, TOKENS),
        omissions).addTo(out);
    return out;
  }

  /// What the layer is when the experts of these groups count nothing.
  private float[] localWithout(Set<Integer> groups) {
    Routing routing = TinyCluster.routing(3, TOKENS);
    float[] weights = routing.weights().clone();
    for (int pair = 0; pair < weights.length; pair++) {
      weights[pair] = groups.contains(tiny.model().moe().groupOf(routing.experts()[pair])) ? 0 : weights[pair];
    }
    float[] out = TinyCluster.rows(4, TOKENS);
    tiny.local(TYPE).dispatch(TinyCluster.MOE_LAYER, TinyCluster.rows(3, TOKENS),
        new Routing(TOKENS, routing.expertsPerToken(), routing.experts(), weights)).addTo(out);
    return out;
  }

  /// Waits in vain until there is no newer placement to wait under.
  private MissingExperts waitedFor() {
    await().atMost(TinyCluster.PATIENCE).until(() -> !cluster.placement().coversEveryShard());
    MissingExperts missing = MissingExperts.NONE;
    for (int i = 0; i < TRIES; i++) {
      try {
        layer(new Omissions(missing));
        return missing;
      } catch (ExpertsUnavailableException e) {
        missing = e.missing();
      }
    }
    throw new AssertionError("still waiting after " + TRIES + " times, last for " + missing);
  }

  @Test
  void groupsThatWereWaitedForAreLeftOutAndNothingElse() {
    dying.close();
    MissingExperts missing = waitedFor();
    Set<Integer> groups = missing.shards().stream().filter(shard -> shard.layer() == TinyCluster.MOE_LAYER)
        .map(ShardId::group).collect(Collectors.toSet());
    assertThat(groups).isNotEmpty().hasSizeLessThan(4);

    Omissions omissions = new Omissions(missing);
    assertThat(layer(omissions)).isEqualTo(localWithout(groups));
    assertThat(omissions.made()).extracting(Omissions.Omission::group).containsExactlyInAnyOrderElementsOf(groups);
    assertThat(omissions.made()).allSatisfy(omission -> {
      assertThat(omission.layer()).isEqualTo(TinyCluster.MOE_LAYER);
      assertThat(omission.rows()).isNotEmpty().isSorted();
    });
    assertThat(cluster.experts().stillMissing(missing)).isEqualTo(missing);
    assertThatThrownBy(() -> layer(Omissions.none())).isInstanceOf(ExpertsUnavailableException.class)
        .hasMessageContaining("layer 2 groups");
    assertThatThrownBy(() -> layer(new Omissions(new MissingExperts(missing.epoch() - 1, missing.shards()))))
        .isInstanceOf(ExpertsUnavailableException.class); // another placement deserves another wait
  }

  @Test
  void answersThatAllowItGoOnMarkedAndTheOthersFail() throws Exception {
    TransformerWeights weights = TransformerWeights.load(tiny.checkpoint);
    try (Scheduler scheduler = new Scheduler(
        new Denoiser(new Transformer(weights, cluster.experts(), tiny.kernels, tiny.pool),
            new LanguageModelHead(weights, tiny.kernels, tiny.pool), CacheFormat.F32, LayerProbe.NONE),
        SchedulerLimits.DEFAULTS)) {
      Result whole = submit(scheduler, false).get(30, TimeUnit.SECONDS);
      Result same = submit(scheduler, true).get(30, TimeUnit.SECONDS);
      assertThat(same.tokens()).isEqualTo(whole.tokens());
      assertThat(same.degradation()).isEqualTo(Degradation.NONE);

      dying.close();
      await().atMost(TinyCluster.PATIENCE).until(() -> !cluster.placement().coversEveryShard());
      CompletableFuture<Result> allowing = submit(scheduler, true);
      CompletableFuture<Result> strict = submit(scheduler, false);

      assertThatThrownBy(() -> strict.get(30, TimeUnit.SECONDS)).cause()
          .isInstanceOf(ExpertsUnavailableException.class).hasMessageContaining("layer").hasMessageContaining("groups");
      Degradation degradation = allowing.get(30, TimeUnit.SECONDS).degradation();
      assertThat(degradation.tokens()).isPositive();
      assertThat(degradation.layers()).isNotEmpty();
      assertThat(degradation.groups()).isNotEmpty();
    } finally {
      weights.close();
    }
  }

  @Test
  void whenTheNodeIsBackNothingIsLeftOut() throws InterruptedException {
    int port = Integer.parseInt(dying.endpoint().split(":")[1]);
    dying.close();
    MissingExperts missing = waitedFor();
    tiny.node("node-1", port, tiny.nodeModel, tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size() / 2);
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    Omissions omissions = new Omissions(new MissingExperts(cluster.placement().placement().epoch(), missing.shards()));
    assertThat(layer(omissions)).isEqualTo(localWithout(Set.of()));
    assertThat(omissions.made()).isEmpty();
    assertThat(cluster.experts().stillMissing(omissions.allowed()).shards()).isEmpty();
  }

  private record Result(int[] tokens, Degradation degradation) {}

  private static CompletableFuture<Result> submit(Scheduler scheduler, boolean allowsDegraded) {
    CompletableFuture<Result> result = new CompletableFuture<>();
    int[] prompt = IntStream.range(0, 20).map(i -> 300 + i * 7).toArray();
    scheduler.submit(new DenoisingRequest("r", prompt, DiffusionSettings.defaults(40, 32), new int[0], allowsDegraded),
        new DenoisingListener() {
          private Degradation degradation = Degradation.NONE;

          @Override
          public void committed(CommittedBlock block) {
            degradation = block.degradation();
          }

          @Override
          public void finished(DenoisingOutcome outcome) {
            result.complete(new Result(outcome.tokens(), degradation));
          }

          @Override
          public void failed(RuntimeException cause) {
            result.completeExceptionally(cause);
          }
        });
    return result;
  }
}
