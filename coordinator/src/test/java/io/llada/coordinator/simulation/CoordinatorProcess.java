package io.llada.coordinator.simulation;

import io.llada.cluster.LeaseTracker;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.dispatch.ExpertCluster;
import io.llada.coordinator.dispatch.LayerDispatch;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementPlanner;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.coordinator.placement.Surroundings;
import io.llada.model.experts.ExpertsUnavailableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/// A machine that runs a coordinator's placement and dispatch, life after life, and clients that ask it for layers.
final class CoordinatorProcess {
  /// What a thread takes to wake up.
  private static final long WAKE_NANOS = 20_000;

  private final String id;
  private final Setting setting;
  private final World world;
  private final VirtualTime time;
  private final Random random;
  private final List<LayerRequest> requests = new ArrayList<>();
  private Optional<ExpertCluster> cluster = Optional.empty();
  private Optional<LeaseTracker> leases = Optional.empty();
  private int life;
  private long advanceAt = Long.MAX_VALUE;
  private long layersDueAt = Long.MAX_VALUE;

  /// How a coordinator is set up.
  ///
  /// @param endpoints the nodes by address; empty: they are found by their leases
  record Setting(Optional<List<String>> endpoints, PlacementSettings placing, DispatchSettings dispatch) {}

  CoordinatorProcess(Setting setting, World world, long seed) {
    this.setting = setting;
    this.world = world;
    id = setting.dispatch().coordinatorId();
    time = world.time();
    random = new Random(seed);
  }

  String id() {
    return id;
  }

  boolean isDead() {
    return cluster.isEmpty();
  }

  ExpertCluster cluster() {
    return cluster.orElseThrow();
  }

  List<LayerRequest> requests() {
    return requests;
  }

  /// Starts a new life.
  ///
  /// @param clients how many ask for layers, one after another
  void start(int clients) {
    if (!isDead()) {
      return;
    }
    life++;
    PlacementPlanner planner = new PlacementPlanner(SimulatedModel.shards(), SimulatedModel.SHARD_BYTES,
        setting.placing().goals());
    SimulatedCalls.Ears ears = new SimulatedCalls.Ears((node, held) -> world.invariants().heard(id, node, held),
        world.parts().hearsay());
    Surroundings around = new Surroundings(time::now, directory(),
        endpoint -> new SimulatedCalls(time, world.network(), world.network().path(id, endpoint), ears),
        world.invariants().checked(world.parts().planner().apply(planner)), Optional.of(world.registry()),
        Runnable::run);
    ExpertCluster started = new ExpertCluster(SimulatedModel.forCoordinators(), setting.dispatch(), setting.placing(),
        new ExpertCluster.Networks(around, endpoint -> world.network().transport(id, endpoint), () -> {}));
    cluster = Optional.of(started);
    int thisLife = life;
    started.placement().onWork(() -> {
      if (thisLife == life) {
        advanceAfter(WAKE_NANOS);
      }
    });
    advanceAt = Long.MAX_VALUE;
    layersDueAt = Long.MAX_VALUE;
    advanceAfter(0);
    repeat("looks at its connections", ExpertCluster.TICK.toNanos(), started::tick);
    for (int client = 0; client < clients; client++) {
      askAfter(random.nextInt(1_000) * 1_000_000L);
    }
  }

  private NodeDirectory directory() {
    if (setting.endpoints().isPresent()) {
      return NodeDirectory.of(setting.endpoints().get());
    }
    LeaseTracker tracker = new LeaseTracker(world.registry(), time::now);
    leases = Optional.of(tracker);
    tracker.poll();
    repeat("looks at the registry", LeaseTracker.POLL_INTERVAL.toNanos(), tracker::poll);
    return NodeDirectory.of(tracker);
  }

  private void inThisLife(long nanos, String what, Runnable action) {
    int thisLife = life;
    time.after(nanos, id, what, () -> {
      if (thisLife == life) {
        action.run();
      }
    });
  }

  private void repeat(String what, long nanos, Runnable action) {
    inThisLife(nanos, what, () -> {
      action.run();
      repeat(what, nanos, action);
    });
  }

  /// The placement's thread: sleeps until it is due or woken.
  private void advanceAfter(long nanos) {
    long due = time.now() + nanos;
    if (due < advanceAt) {
      advanceAt = due;
      inThisLife(nanos, "looks at its nodes", () -> {
        if (advanceAt == due) {
          advanceAt = Long.MAX_VALUE;
          advanceAfter(cluster().placement().advance());
        }
      });
    }
  }

  private void askAfter(long nanos) {
    inThisLife(nanos, "has a layer to compute", () -> {
      SimulatedModel.Work work = SimulatedModel.Work.drawn(random);
      long hedges = cluster().hedges();
      time.note(id, () -> "layer %d groups %s".formatted(work.layer(), SimulatedModel.groups(work)));
      requests.add(new LayerRequest(work, cluster().begin(work.layer(), work.rows(), work.routing()), time.now(),
          hedges));
    });
  }

  /// The threads that wait for layers: they look whenever anything may have happened to them.
  void advanceLayers() {
    long wait = Long.MAX_VALUE;
    for (LayerRequest request : List.copyOf(requests)) {
      wait = Math.min(wait, advance(request));
    }
    long due = wait == Long.MAX_VALUE ? Long.MAX_VALUE : time.now() + Math.max(wait, WAKE_NANOS);
    if (due < layersDueAt) {
      layersDueAt = due;
      inThisLife(due - time.now(), "looks at its layers", () -> layersDueAt = layersDueAt == due
          ? Long.MAX_VALUE
          : layersDueAt);
    }
  }

  /// @return nanoseconds until it is to be called again
  private long advance(LayerRequest request) {
    try {
      long wait = Long.MAX_VALUE;
      for (LayerDispatch part : request.parts()) {
        if (!part.isComplete()) {
          wait = Math.min(wait, part.advance());
        }
      }
      if (request.isComplete()) {
        requests.remove(request);
        world.invariants().computed(this, request, combined(request));
        askAfter(thinkNanos());
        return Long.MAX_VALUE;
      }
      return wait;
    } catch (ExpertsUnavailableException e) {
      request.parts().forEach(LayerDispatch::cancel);
      requests.remove(request);
      time.note(id, () -> "fails: " + e.getMessage());
      world.invariants().failed(this, request, e);
      askAfter(thinkNanos());
      return Long.MAX_VALUE;
    }
  }

  private float[] combined(LayerRequest request) {
    float[] combined = new float[request.work().rows().length];
    int times = cluster().hedges() > request.hedgesBefore() ? world.parts().timesAdded() : 1;
    for (int i = 0; i < times; i++) {
      request.parts().forEach(part -> part.addTo(combined));
    }
    return combined;
  }

  private long thinkNanos() {
    return (random.nextInt(4) == 0 ? 1 + random.nextInt(20) : 50 + random.nextInt(900)) * 1_000_000L;
  }

  void crash() {
    if (cluster.isPresent()) {
      life++;
      cluster = Optional.empty();
      requests.clear();
      world.network().coordinatorEnded(id);
      world.invariants().ended(id);
    }
  }
}
