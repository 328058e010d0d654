package io.llada.deploy.offline;

import io.llada.coordinator.denoising.CommittedBlock;
import io.llada.coordinator.denoising.DenoisingListener;
import io.llada.coordinator.denoising.DenoisingOutcome;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.DenoisingStep;
import io.llada.deploy.failure.CommandFailedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/// Runs a batch of requests side by side and gives their results in the order of the batch.
public final class OfflineRunner {
  private final OfflineModel model;

  public OfflineRunner(OfflineModel model) {
    this.model = model;
  }

  /// What a caller may want to see on the way.
  ///
  /// @param wantsSteps whether steps are kept
  /// @param onText called as text of a single request becomes final
  /// @param onFinished called once per finished request, from the scheduler's thread
  public record Watch(boolean wantsSteps, Consumer<String> onText, Runnable onFinished) {
    public static final Watch NOTHING = new Watch(false, text -> {}, () -> {});
  }

  /// A result and, where wanted, its steps.
  public record Run(OfflineResult result, List<DenoisingStep> steps) {}

  /// Submits all requests and calls `consumer` with each run, in order, as soon as it and those before it are done.
  ///
  /// @throws CommandFailedException naming the request that failed
  public void run(List<OfflineRequest> requests, Watch watch, Consumer<Run> consumer) {
    List<Listener> listeners = new ArrayList<>();
    for (OfflineRequest request : requests) {
      Listener listener = new Listener(watch);
      try {
        model.scheduler().submit(new DenoisingRequest(request.id(), request.promptIds(), request.settings()), listener);
      } catch (IllegalArgumentException e) {
        throw new CommandFailedException("request %s: %s".formatted(request.id(), e.getMessage()), e);
      }
      listeners.add(listener);
    }
    for (int i = 0; i < requests.size(); i++) {
      OfflineRequest request = requests.get(i);
      Listener listener = listeners.set(i, null);
      try {
        consumer.accept(new Run(result(request, listener.outcome.join()), listener.steps));
      } catch (CompletionException e) {
        throw new CommandFailedException("request %s: %s".formatted(request.id(), e.getCause().getMessage()), e);
      }
    }
  }

  private OfflineResult result(OfflineRequest request, DenoisingOutcome outcome) {
    String text = model.text(outcome.tokens());
    int cut = request.stop().stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(-1);
    boolean endsTurn = Arrays.stream(outcome.tokens()).anyMatch(model.encoder().endTokens()::contains);
    return new OfflineResult(request.id(), outcome, cut >= 0 ? text.substring(0, cut) : text, outcome.endToken()
        || endsTurn || cut >= 0 ? "stop" : "length");
  }

  /// Keeps what a request's consumer wants.
  private final class Listener implements DenoisingListener {
    private final Watch watch;
    private final List<DenoisingStep> steps = new ArrayList<>();
    private final List<Integer> answer = new ArrayList<>();
    private final CompletableFuture<DenoisingOutcome> outcome = new CompletableFuture<>();
    private String shown = "";

    private Listener(Watch watch) {
      this.watch = watch;
    }

    @Override
    public boolean wantsSteps() {
      return watch.wantsSteps();
    }

    @Override
    public void stepped(DenoisingStep step) {
      steps.add(step);
    }

    @Override
    public void committed(CommittedBlock block) {
      Arrays.stream(block.tokens()).forEach(answer::add);
      show(false);
    }

    /// A character may be cut at a block's end: what ends in a replacement character waits for the next block.
    private void show(boolean isLast) {
      String text = model.text(answer.stream().mapToInt(Integer::intValue).toArray());
      int end = text.length();
      while (!isLast && end > 0 && text.charAt(end - 1) == '\ufffd') {
        end--;
      }
      if (end > shown.length()) {
        watch.onText().accept(text.substring(shown.length(), end));
        shown = text.substring(0, end);
      }
    }

    @Override
    public void finished(DenoisingOutcome result) {
      show(true);
      outcome.complete(result);
      watch.onFinished().run();
    }

    @Override
    public void failed(RuntimeException cause) {
      outcome.completeExceptionally(cause);
    }
  }
}
