package io.llada.coordinator.placement;

import io.llada.coordinator.placement.PlacementPlanner.Plan;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// Those who want to know what the planner would do now, until they are answered. Any thread may ask, one answers.
final class Proposals {
  private final Queue<Request> requests = new ConcurrentLinkedQueue<>();

  private record Request(Proposal.Intent intent, CompletableFuture<Proposal> answer) {}

  CompletableFuture<Proposal> ask(Proposal.Intent intent) {
    Request request = new Request(intent, new CompletableFuture<>());
    requests.add(request);
    return request.answer();
  }

  /// Answers all who have asked.
  ///
  /// @param followed the plan that is followed
  /// @param carryOut told of every plan that is to be followed from now on
  void answer(Planning planning, Supplier<Target> followed, Consumer<Plan> carryOut) {
    for (Request request = requests.poll(); request != null; request = requests.poll()) {
      if (planning.isPossible()) {
        Plan plan = planning.forBalance(followed.get());
        Proposal proposal = planning.proposal(plan, followed.get());
        if (request.intent() == Proposal.Intent.CARRY_OUT && proposal.isChange()) {
          carryOut.accept(plan);
        }
        request.answer().complete(proposal);
      } else {
        request.answer().completeExceptionally(new IllegalStateException("there is no expert node to plan with"));
      }
    }
  }
}
