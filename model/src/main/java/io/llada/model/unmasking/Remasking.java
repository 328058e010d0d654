package io.llada.model.unmasking;

/// Which positions a denoising step commits.
public enum Remasking {
  /// Every position above the confidence threshold, never fewer than the schedule asks for (LLaDA2.0).
  THRESHOLD,
  /// As many as the schedule asks for, the most confident first (LLaDA).
  LOW_CONFIDENCE,
  /// As many as the schedule asks for, at random positions (LLaDA).
  RANDOM,
  /// Threshold, and committed tokens of the block may be replaced while it is denoised (LLaDA2.1).
  EDITING
}
