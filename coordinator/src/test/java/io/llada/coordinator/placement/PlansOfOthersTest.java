package io.llada.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ShardId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/// The coordinator `first` beside another one, `second`, whose plans nodes follow; of two plans of one epoch that of the
/// first goes before.
class PlansOfOthersTest {
  private static final ExpertModel MODEL = model();
  private static final Duration STEP = Duration.ofMillis(10);
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Map<String, Node> nodes = new TreeMap<>();
  private boolean isCutOff;
  private long now = 1;
  private final PlacementDriver driver = new PlacementDriver(PlacementSettings.of("first", PlacementGoals.SINGLE),
      MODEL,
      new NoLinks(), new Surroundings(() -> now, () -> List.copyOf(nodes.keySet()), nodes::get,
          new PlacementPlanner(MODEL.shards(), MODEL.shardBytes(), PlacementGoals.SINGLE), Optional.empty(),
          Runnable::run));

  private static ExpertModel model() {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of("../deploy/models/llada2-tiny-chat"))) {
      return ExpertModel.of(checkpoint.config(), "digest", "class", 1);
    }
  }

  private static final class NoLinks implements NodeLinks {
    @Override
    public void retain(Map<String, String> endpoints) {
      // Nothing is dispatched.
    }

    @Override
    public Optional<LinkStatus> status(String nodeId) {
      return Optional.empty();
    }
  }

  /// Describes itself always, and hears no orders while the coordinator is cut off.
  private final class Node implements NodeCalls {
    private final String id;
    private Set<ShardId> held = new HashSet<>();
    private DescribedNode.Planned planned = new DescribedNode.Planned(PlanId.NONE, Set.of());
    private int loaded;

    Node(String id) {
      this.id = id;
    }

    void follow(PlanId plan, Collection<ShardId> shards) {
      planned = new DescribedNode.Planned(plan, Set.copyOf(shards));
      Set<ShardId> lacking = new HashSet<>(shards);
      lacking.removeAll(held);
      loaded += lacking.size();
      held.addAll(shards);
    }

    @Override
    public CompletableFuture<DescribedNode> describe(Duration timeout) {
      return CompletableFuture.completedFuture(new DescribedNode(id, "life", MODEL.digest(), MODEL.numericsClass(), "",
          1_000, held.size(), Set.copyOf(held), planned, "cpu", "", false, true, List.of()));
    }

    @Override
    public CompletableFuture<Void> prepare(Order order, Duration timeout) {
      if (isCutOff) {
        return CompletableFuture.failedFuture(CallException.of(Status.DEADLINE_EXCEEDED));
      }
      follow(order.plan(), order.shards());
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> activate(Order order, Duration timeout) {
      held = new HashSet<>(order.shards());
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> release(Order order, Duration timeout) {
      throw new AssertionError("there is room for everything");
    }

    @Override
    public void close() {
      // Nothing is open.
    }
  }

  private void advanceUntil(BooleanSupplier condition) {
    long deadline = now + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(now).as("nanoseconds, condition not met").isLessThan(deadline);
      driver.advance();
      now += STEP.toNanos();
    }
  }

  private boolean isAtRest(PlanId plan) {
    return driver.coversEveryShard() && driver.placement().epoch() == plan.epoch()
        && nodes.values().stream().allMatch(node -> node.planned.id().equals(plan));
  }

  private int loaded() {
    return nodes.values().stream().mapToInt(node -> node.loaded).sum();
  }

  @Test
  void aPlanThatAllFollowIsTakenUpByACoordinatorWhosePlanOfThatEpochReachedNobody() {
    nodes.put("a", new Node("a"));
    nodes.put("b", new Node("b"));
    advanceUntil(() -> isAtRest(new PlanId(1, "first")));

    isCutOff = true;
    nodes.put("c", new Node("c"));
    advanceUntil(() -> driver.placement().epoch() == 2);
    PlanId theirs = new PlanId(2, "second");
    List<ShardId> shards = MODEL.shards();
    nodes.get("a").follow(theirs, shards.subList(0, 5));
    nodes.get("b").follow(theirs, shards.subList(5, 10));
    nodes.get("c").follow(theirs, shards.subList(10, shards.size()));
    int before = loaded();

    isCutOff = false;
    advanceUntil(() -> driver.counts().takenUp() == 1);
    for (Duration time = Duration.ZERO; time.compareTo(PATIENCE) < 0; time = time.plus(STEP)) {
      driver.advance();
      now += STEP.toNanos();
    }
    assertThat(isAtRest(theirs)).isTrue();
    assertThat(loaded()).isEqualTo(before);
  }

  @Test
  void aPlanThatNotAllFollowGivesWayToTheFirstPlannersOfThatEpoch() {
    nodes.put("a", new Node("a"));
    nodes.put("b", new Node("b"));
    advanceUntil(() -> isAtRest(new PlanId(1, "first")));
    nodes.get("a").follow(new PlanId(1, "second"), MODEL.shards());

    advanceUntil(() -> isAtRest(new PlanId(1, "first")));
    assertThat(driver.counts().takenUp()).isZero();
  }
}
