package io.llada.coordinator.denoising;

/// What happens to one request, in order: any number of steps and committed blocks, then exactly one of finished and
/// failed. Called on the scheduler's thread, so it must not block.
public interface DenoisingListener {
  /// Whether [#stepped] is wanted; it costs a copy of the sequence.
  default boolean wantsSteps() {
    return false;
  }

  default void stepped(DenoisingStep step) {}

  /// A block became final.
  default void committed(CommittedBlock block) {}

  void finished(DenoisingOutcome outcome);

  /// @param cause an [io.llada.model.experts.ExpertsUnavailableException] when a repetition may succeed
  void failed(RuntimeException cause);
}
