package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.KernelProvider;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The promise of the project: the same request gives the same bits wherever its experts are and whoever shares the
/// batch. Compared are all token ids, committed positions and confidences of every step.
class SameBitsClusterTest {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final int COMPANY = 63;

  /// What decides the bits.
  private record Setup(Path model, ActivationType activations, CacheFormat caches) {
    static Setup of(Path model, ActivationType activations) {
      return new Setup(model, activations, CacheFormat.F32);
    }
  }

  @ParameterizedTest
  @EnumSource(ActivationType.class)
  void tracesAreEqualOnAnyNumberOfNodesAloneAndInCompany(ActivationType activations) throws Exception {
    List<DenoisingRequest> requests = Trace.requests();
    List<String> expected = tracesOneByOne(Setup.of(MODEL, activations), 0, requests);
    assertThat(expected).doesNotHaveDuplicates();
    for (int nodes : new int[]{0, 1, 2, 4}) {
      assertThat(tracesOneByOne(Setup.of(MODEL, activations), nodes, requests)).as("%d nodes, alone", nodes)
          .isEqualTo(expected);
      assertThat(tracesInCompany(Setup.of(MODEL, activations), nodes, requests)).as("%d nodes, in company", nodes)
          .isEqualTo(expected);
    }
  }

  /// In company on two nodes only, to keep the test short.
  @ParameterizedTest
  @EnumSource(StoredModel.class)
  void tracesAreEqualOnAnyNumberOfNodesInEveryFormat(StoredModel stored, @TempDir Path model) throws Exception {
    stored.write(MODEL, model);
    List<DenoisingRequest> requests = Trace.requests();
    List<String> expected = tracesOneByOne(Setup.of(model, ActivationType.F32), 0, requests);
    assertThat(expected).doesNotHaveDuplicates();
    assertThat(tracesOneByOne(Setup.of(MODEL, ActivationType.F32), 0, requests)).as("as published")
        .doesNotContainAnyElementsOf(
            expected);
    for (int nodes : new int[]{1, 2, 4}) {
      assertThat(tracesOneByOne(Setup.of(model, ActivationType.F32), nodes, requests)).as("%d nodes, alone", nodes)
          .isEqualTo(
              expected);
    }
    assertThat(tracesInCompany(Setup.of(model, ActivationType.F32), 2, requests)).as("2 nodes, in company")
        .isEqualTo(expected);
  }

  @Test
  void tracesWithBf16CachesAreEqualInProcessAndOnTwoNodesAloneAndInCompany() throws Exception {
    List<DenoisingRequest> requests = Trace.requests();
    Setup rounded = new Setup(MODEL, ActivationType.F32, CacheFormat.BF16);
    List<String> expected = tracesOneByOne(rounded, 0, requests);
    assertThat(tracesOneByOne(rounded, 2, requests)).isEqualTo(expected);
    assertThat(tracesInCompany(rounded, 0, requests)).isEqualTo(expected);
    assertThat(tracesInCompany(rounded, 2, requests)).isEqualTo(expected);
    assertThat(tracesOneByOne(Setup.of(MODEL, ActivationType.F32), 0, requests)).isNotEqualTo(expected);
  }

  @Test
  void roundingToBf16IsVisibleSoThatTheComparisonCouldFail() throws Exception {
    List<DenoisingRequest> requests = Trace.requests();
    assertThat(tracesOneByOne(Setup.of(MODEL, ActivationType.BF16), 0, requests))
        .isNotEqualTo(tracesOneByOne(Setup.of(MODEL, ActivationType.F32), 0, requests));
  }

  private static List<String> tracesOneByOne(Setup setup, int nodes, List<DenoisingRequest> requests) throws Exception {
    return withCoordinator(setup, nodes, coordinator -> requests.stream().map(request -> {
      Trace trace = new Trace();
      coordinator.scheduler().submit(request, trace);
      return trace.await();
    }).toList());
  }

  private static List<String> tracesInCompany(Setup setup, int nodes, List<DenoisingRequest> requests)
      throws Exception {
    return withCoordinator(setup, nodes, coordinator -> {
      List<Trace> watched = new ArrayList<>();
      List<Trace> company = new ArrayList<>();
      for (int i = 0; i < COMPANY + 1; i++) {
        Trace trace = new Trace();
        DenoisingRequest request = requests.get(i % requests.size());
        coordinator.scheduler().submit(new DenoisingRequest(request.id() + "-" + i, i < requests.size()
            ? request
                .promptIds()
            : Arrays.copyOf(request.promptIds(), request.promptIds().length - i % 7), request.settings()),
            trace);
        (i < requests.size() ? watched : company).add(trace);
      }
      company.forEach(Trace::await);
      return watched.stream().map(Trace::await).toList();
    });
  }

  private interface Use<T> {
    T with(Coordinator coordinator);
  }

  private static <T> T withCoordinator(Setup setup, int nodes, Use<T> use) throws Exception {
    try (InProcessNodes experts = new InProcessNodes(setup.model());
        Coordinator coordinator = Coordinator.open(new CoordinatorSettings("test", setup.model(), nodes == 0
            ? new ExpertSource.Local()
            : new ExpertSource.Nodes(experts.start(nodes)),
            new ComputeSettings(setup.activations(), setup.caches(), 2, KernelProvider.JAVA),
            SchedulerLimits.DEFAULTS, PlacementGoals.SINGLE))) {
      assertThat(coordinator.awaitExperts(Duration.ofSeconds(30))).isTrue();
      return use.with(coordinator);
    }
  }
}
