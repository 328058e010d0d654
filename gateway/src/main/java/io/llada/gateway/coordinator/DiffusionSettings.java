package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * How the masked positions of an answer become tokens. Components are optional because unset is a value of its own
 * here: the served model's default applies, which only the coordinator knows for sure.
 *
 * @param maxTokens most tokens of the answer, from 1
 * @param steps denoising steps per block, 1 .. 1024
 * @param blockLength positions denoised together, 1 .. 1024
 * @param threshold confidence above which a position is committed, 0 .. 1
 * @param temperature 0 (greedy) .. 2
 * @param topP probability mass of nucleus sampling, above 0, at most 1
 * @param topK most probable tokens to sample among, 0 (off) .. 2^31-1
 * @param seed seed of every draw, unsigned
 * @param earlyStop whether to stop at the first end token
 * @param editingThreshold confidence above which a committed token is replaced, 0 .. 1
 * @param guidance strength of classifier-free guidance, 0 (off) .. 100
 */
public record DiffusionSettings(OptionalInt maxTokens, OptionalInt steps, OptionalInt blockLength,
    OptionalDouble threshold, Optional<Remasking> remasking, OptionalDouble temperature, OptionalDouble topP,
    OptionalInt topK, OptionalLong seed, Optional<Boolean> earlyStop, OptionalDouble editingThreshold,
    OptionalDouble guidance) {
  public static final int MAX_STEPS = 1024;
  public static final int MAX_BLOCK_LENGTH = 1024;
  public static final double MAX_TEMPERATURE = 2;
  public static final double MAX_GUIDANCE = 100;

  /** @throws GatewayException naming the setting, its value and its limit */
  public DiffusionSettings {
    maxTokens.ifPresent(value -> within("max_tokens", value, 1, Integer.MAX_VALUE));
    steps.ifPresent(value -> within("steps", value, 1, MAX_STEPS));
    blockLength.ifPresent(value -> within("block_length", value, 1, MAX_BLOCK_LENGTH));
    threshold.ifPresent(value -> within("threshold", value, 0, 1));
    temperature.ifPresent(value -> within("temperature", value, 0, MAX_TEMPERATURE));
    topP.ifPresent(value -> within("top_p", value, Float.MIN_VALUE, 1));
    topK.ifPresent(value -> within("top_k", value, 0, Integer.MAX_VALUE));
    editingThreshold.ifPresent(value -> within("editing_threshold", value, 0, 1));
    guidance.ifPresent(value -> within("guidance", value, 0, MAX_GUIDANCE));
  }

  /** Nothing set. */
  public static DiffusionSettings defaults() {
    return new DiffusionSettings(OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), OptionalDouble.empty(),
        Optional.empty(), OptionalDouble.empty(), OptionalDouble.empty(), OptionalInt.empty(), OptionalLong.empty(),
        Optional.empty(), OptionalDouble.empty(), OptionalDouble.empty());
  }

  /** These settings with a limit of the answer's tokens. */
  public DiffusionSettings withMaxTokens(int limit) {
    return new DiffusionSettings(OptionalInt.of(limit), steps, blockLength, threshold, remasking, temperature, topP,
        topK, seed, earlyStop, editingThreshold, guidance);
  }

  /** These settings, and where they are unset, others. */
  public DiffusionSettings orElse(DiffusionSettings others) {
    return new DiffusionSettings(maxTokens.isPresent() ? maxTokens : others.maxTokens,
        steps.isPresent() ? steps : others.steps, blockLength.isPresent() ? blockLength : others.blockLength,
        threshold.isPresent() ? threshold : others.threshold, remasking.or(() -> others.remasking),
        temperature.isPresent() ? temperature : others.temperature, topP.isPresent() ? topP : others.topP,
        topK.isPresent() ? topK : others.topK, seed.isPresent() ? seed : others.seed,
        earlyStop.or(() -> others.earlyStop),
        editingThreshold.isPresent() ? editingThreshold : others.editingThreshold,
        guidance.isPresent() ? guidance : others.guidance);
  }

  private static void within(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw GatewayException.invalid(name, "%s is %d: must be %d .. %d".formatted(name, value, min, max));
    }
  }

  private static void within(String name, double value, double min, double max) {
    if (!(value >= min && value <= max)) { // NaN too
      throw GatewayException.invalid(name, "%s is %s: must be %s %.0f".formatted(name, value,
          min > 0 ? "above 0 and at most" : "0 ..", max));
    }
  }
}
