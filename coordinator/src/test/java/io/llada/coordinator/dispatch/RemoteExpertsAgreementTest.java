package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.placement.NodeDirectory;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Experts on any number of nodes compute the very bits of experts in this process.
class RemoteExpertsAgreementTest {
  static Stream<Arguments> clusters() {
    return Stream.of(ActivationType.values())
        .flatMap(type -> Stream.of(1, 2, 3, 4).map(nodes -> Arguments.of(type, nodes)));
  }

  @ParameterizedTest
  @MethodSource("clusters")
  void remoteEqualsLocal(ActivationType type, int nodes) throws Exception {
    try (TinyCluster tiny = new TinyCluster()) {
      List<String> endpoints = new ArrayList<>();
      for (int node = 0; node < nodes; node++) {
        endpoints.add(tiny.node("node-" + node).endpoint());
      }
      ExpertCluster cluster = tiny.cluster(type, endpoints);
      assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();

      for (int tokens : new int[]{1, 2, 31, 32, 33, 200}) {
        assertThat(TinyCluster.layer(cluster.experts(), tokens, tokens))
            .isEqualTo(TinyCluster.layer(tiny.local(type), tokens, tokens));
      }
    }
  }

  @Test
  void splittingALayerIntoFramesChangesNoBit() throws Exception {
    try (TinyCluster tiny = new TinyCluster()) {
      List<String> endpoints = List.of(tiny.node("node-0").endpoint(), tiny.node("node-1").endpoint());
      DispatchSettings small = new DispatchSettings("test-coordinator", ActivationType.BF16, 7, 3,
          Duration.ofSeconds(20), Duration.ofSeconds(10), Duration.ofSeconds(2), 20);
      ExpertCluster cluster = tiny.cluster(small, NodeDirectory.of(endpoints), Optional.empty());
      assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();

      assertThat(TinyCluster.layer(cluster.experts(), 5, 150))
          .isEqualTo(TinyCluster.layer(tiny.local(ActivationType.BF16), 5, 150));
      assertThat(cluster.times().waiting().plus(cluster.times().transport())).isPositive();
    }
  }

  @Test
  void concurrentLayersDoNotDisturbEachOther() throws Exception {
    try (TinyCluster tiny = new TinyCluster();
        ExecutorService callers = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("caller-", 0).factory())) {
      List<String> endpoints = List.of(tiny.node("node-0").endpoint(), tiny.node("node-1").endpoint());
      ExpertCluster cluster = tiny.cluster(ActivationType.BF16, endpoints);
      assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
      Experts local = tiny.local(ActivationType.BF16);

      List<Future<float[]>> layers = new ArrayList<>();
      for (int seed = 0; seed < 24; seed++) {
        long own = seed;
        layers.add(callers.submit(() -> TinyCluster.layer(cluster.experts(), own, 20)));
      }
      for (int seed = 0; seed < layers.size(); seed++) {
        assertThat(layers.get(seed).get(30, TimeUnit.SECONDS)).isEqualTo(TinyCluster.layer(local, seed, 20));
      }
    }
  }
}
