package io.llada.coordinator.denoising;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Keeps everything it hears.
final class RecordingListener implements DenoisingListener {
  private static final long PATIENCE_SECONDS = 60;

  final List<DenoisingStep> steps = new CopyOnWriteArrayList<>();
  final List<int[]> blocks = new CopyOnWriteArrayList<>();
  final List<Integer> blockIndices = new CopyOnWriteArrayList<>();
  final List<Degradation> degradations = new CopyOnWriteArrayList<>();
  private final CompletableFuture<DenoisingOutcome> outcome = new CompletableFuture<>();
  private final boolean isResumed;

  RecordingListener() {
    this(false);
  }

  /// @param isResumed whether blocks need not begin with the first
  RecordingListener(boolean isResumed) {
    this.isResumed = isResumed;
  }

  @Override
  public boolean wantsSteps() {
    return true;
  }

  @Override
  public void stepped(DenoisingStep step) {
    steps.add(step);
  }

  @Override
  public void committed(CommittedBlock block) {
    if (!isResumed && block.index() != blocks.size()) {
      outcome
          .completeExceptionally(new AssertionError("block " + block.index() + " after " + blocks.size() + " blocks"));
    }
    blockIndices.add(block.index());
    blocks.add(block.tokens());
    degradations.add(block.degradation());
  }

  @Override
  public void finished(DenoisingOutcome result) {
    outcome.complete(result);
  }

  @Override
  public void failed(RuntimeException cause) {
    outcome.completeExceptionally(cause);
  }

  boolean isDone() {
    return outcome.isDone();
  }

  DenoisingOutcome await() {
    try {
      return outcome.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new AssertionError(e.getCause());
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError("no outcome within " + PATIENCE_SECONDS + " s", e);
    }
  }
}
