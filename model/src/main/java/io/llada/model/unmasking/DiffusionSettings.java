package io.llada.model.unmasking;

/// How one request is denoised.
///
/// @param maxTokens upper limit of answer tokens, at least 1
/// @param steps denoising steps per block, 1..1024; more than `maxTokens` count as `maxTokens`, as in the reference
/// @param blockLength positions denoised together, 1..1024
/// @param remasking which positions a step commits
/// @param threshold confidence above which a position is committed, 0..1
/// @param sampling how tokens are drawn
/// @param earlyStop stop at the first end token once every position before it is committed
/// @param editing settings of [Remasking#EDITING]
/// @param guidance strength of classifier-free guidance against the masked prompt; 0: off
public record DiffusionSettings(int maxTokens, int steps, int blockLength, Remasking remasking, float threshold,
    Sampling sampling, boolean earlyStop, Editing editing, float guidance) {
  /// Most denoising steps of a block, and longest block.
  public static final int LARGEST_BLOCK = 1024;

  /// Token editing (LLaDA2.1).
  ///
  /// @param threshold confidence above which another token replaces a committed one, 0..1; 0 always replaces
  /// @param maxSteps most forward passes for editing alone, once no mask is left
  public record Editing(float threshold, int maxSteps) {
    /// Values of the reference.
    public static final Editing REFERENCE = new Editing(0.9f, 16);

    public Editing {
      require("editing_threshold", threshold >= 0 && threshold <= 1, "0..1", threshold);
      require("max_editing_steps", maxSteps >= 0 && maxSteps <= LARGEST_BLOCK, "0.." + LARGEST_BLOCK, maxSteps);
    }
  }

  public DiffusionSettings {
    require("max_tokens", maxTokens >= 1, "at least 1", maxTokens);
    require("steps", steps >= 1 && steps <= LARGEST_BLOCK, "1.." + LARGEST_BLOCK, steps);
    require("block_length", blockLength >= 1 && blockLength <= LARGEST_BLOCK, "1.." + LARGEST_BLOCK, blockLength);
    require("threshold", threshold >= 0 && threshold <= 1, "0..1", threshold);
    require("guidance", guidance >= 0 && guidance <= 100, "0..100", guidance);
  }

  private static void require(String name, boolean holds, String expected, Number found) {
    if (!holds) {
      throw new IllegalArgumentException("%s must be %s, found %s".formatted(name, expected, found));
    }
  }

  /// The report's settings for LLaDA2.0: greedy, threshold 0.95, 32 steps, early stop.
  public static DiffusionSettings defaults(int maxTokens, int blockLength) {
    return new DiffusionSettings(maxTokens, 32, blockLength, Remasking.THRESHOLD, 0.95f, Sampling.GREEDY, true,
        Editing.REFERENCE, 0);
  }

  /// The policy these settings ask for.
  public UnmaskingPolicy policy() {
    TransferSchedule schedule = new TransferSchedule(blockLength, Math.min(steps, maxTokens));
    return switch (remasking) {
      case THRESHOLD -> new ConfidenceThreshold(threshold, schedule);
      case LOW_CONFIDENCE -> new LowConfidence(schedule);
      case RANDOM -> new RandomRemasking(schedule, sampling.seed());
      case EDITING -> new TokenEditing(threshold, editing);
    };
  }
}
