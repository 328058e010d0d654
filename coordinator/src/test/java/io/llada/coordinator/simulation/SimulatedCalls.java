package io.llada.coordinator.simulation;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.llada.coordinator.placement.CallException;
import io.llada.coordinator.placement.DescribedNode;
import io.llada.coordinator.placement.NodeCalls;
import io.llada.coordinator.placement.PlanId;
import io.llada.expertnode.SteppedNode.Contents;
import io.llada.expertnode.SteppedNode.Plan;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/// Control calls from one coordinator to one endpoint over the simulated network. A call that timed out may still
/// arrive.
final class SimulatedCalls implements NodeCalls {
  private final VirtualTime time;
  private final SimulatedNetwork network;
  private final SimulatedNetwork.Path path;
  private final SimulatedNetwork.Wire forth;
  private final SimulatedNetwork.Wire back;
  private final Ears ears;

  /// How a coordinator hears descriptions.
  ///
  /// @param truth told what each node really said
  /// @param hearsay what the coordinator makes of it
  record Ears(BiConsumer<String, List<ShardId>> truth, UnaryOperator<DescribedNode> hearsay) {}

  SimulatedCalls(VirtualTime time, SimulatedNetwork network, SimulatedNetwork.Path path, Ears ears) {
    this.time = time;
    this.network = network;
    this.path = path;
    this.ears = ears;
    forth = path.wire(true);
    back = path.wire(false);
  }

  @Override
  public CompletableFuture<DescribedNode> describe(Duration timeout) {
    return call("is asked who it is", timeout, node -> CompletableFuture.completedFuture(described(node)))
        .thenApply(node -> {
          time.note(path.coordinator(), () -> "hears from %s: %s, planned %s".formatted(node.nodeId(),
              new TreeSet<>(node.held()), node.planned().id()));
          ears.truth().accept(node.nodeId(), List.copyOf(node.held()));
          return ears.hearsay().apply(node);
        });
  }

  private static DescribedNode described(NodeProcess node) {
    Contents contents = node.inside().contents();
    Plan planned = contents.planned();
    return new DescribedNode(node.id(), node.incarnation(), node.digest(), SimulatedModel.numericsClass(), node.zone(),
        node.capacityBytes(), contents.bytes(), new TreeSet<>(contents.shards()),
        new DescribedNode.Planned(new PlanId(planned.epoch(), planned.plannerId()), planned.shards()), "simulated", "",
        node.isLeaving(), true, List.of());
  }

  @Override
  public CompletableFuture<Void> prepare(Order order, Duration timeout) {
    return call("is asked to prepare", timeout, node -> node.prepare(plan(order)));
  }

  @Override
  public CompletableFuture<Void> activate(Order order, Duration timeout) {
    return call("is asked to activate", timeout, node -> node.activate(plan(order), order.coordinatorId()));
  }

  @Override
  public CompletableFuture<Void> release(Order order, Duration timeout) {
    return call("is asked to release", timeout, node -> node.release(plan(order)));
  }

  private static Plan plan(Order order) {
    return new Plan(order.plan().epoch(), order.plan().plannerId(), Set.copyOf(order.shards()));
  }

  private <T> CompletableFuture<T> call(String what, Duration timeout,
      Function<NodeProcess, CompletableFuture<T>> serve) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    forth.send(what, () -> {
      NodeProcess node = network.node(path.endpoint());
      if (!node.isDead()) {
        node.deliver(what, () -> serve.apply(node)
            .whenComplete((value, failure) -> back.send("is answered", () -> end(answer, value, failure))));
      } else if (!node.isUnpowered()) {
        back.send("is refused", () -> fail(answer, Status.UNAVAILABLE.withDescription("connection refused")));
      }
    });
    time.after(timeout.toNanos(), path.coordinator(), "has waited for an answer",
        () -> fail(answer, Status.DEADLINE_EXCEEDED.withDescription("no answer within " + timeout)));
    return answer;
  }

  private static <T> void end(CompletableFuture<T> answer, T value, Throwable failure) {
    if (failure == null) {
      answer.complete(value);
    } else {
      fail(answer, failure instanceof StatusRuntimeException known ? known.getStatus() : Status.fromThrowable(failure));
    }
  }

  private static void fail(CompletableFuture<?> answer, Status status) {
    if (!answer.isDone()) {
      answer.completeExceptionally(CallException.of(status));
    }
  }

  @Override
  public void close() {
    // Calls under way end with their timeouts.
  }
}
