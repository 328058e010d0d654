package io.llada.model.unmasking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.model.unmasking.DiffusionSettings.Editing;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class DiffusionSettingsTest {
  private static final DiffusionSettings DEFAULTS = DiffusionSettings.defaults(100, 32);

  private static DiffusionSettings with(int maxTokens, int steps, int blockLength, float threshold, float guidance) {
    return new DiffusionSettings(maxTokens, steps, blockLength, Remasking.THRESHOLD, threshold, Sampling.GREEDY, true,
        Editing.REFERENCE, guidance);
  }

  @Test
  void theDefaultsAreThoseOfTheReport() {
    assertThat(DEFAULTS).isEqualTo(new DiffusionSettings(100, 32, 32, Remasking.THRESHOLD, 0.95f, new Sampling(0, 0, 1,
        0), true, new Editing(0.9f, 16), 0));
  }

  @Test
  void theLimitsThemselvesAreAccepted() {
    assertThat(with(1, 1, 1, 0, 0).steps()).isEqualTo(1);
    assertThat(with(Integer.MAX_VALUE, 1024, 1024, 1, 100).blockLength()).isEqualTo(1024);
  }

  @Test
  void eachRefusalNamesSettingLimitAndValue() {
    refused(() -> with(0, 1, 1, 0, 0), "max_tokens must be at least 1, found 0");
    refused(() -> with(1, 0, 1, 0, 0), "steps must be 1..1024, found 0");
    refused(() -> with(1, 1025, 1, 0, 0), "steps must be 1..1024, found 1025");
    refused(() -> with(1, 1, 0, 0, 0), "block_length must be 1..1024, found 0");
    refused(() -> with(1, 1, 1025, 0, 0), "block_length must be 1..1024, found 1025");
    refused(() -> with(1, 1, 1, -0.1f, 0), "threshold must be 0..1, found -0.1");
    refused(() -> with(1, 1, 1, 1.1f, 0), "threshold must be 0..1, found 1.1");
    refused(() -> with(1, 1, 1, Float.NaN, 0), "threshold must be 0..1, found NaN");
    refused(() -> with(1, 1, 1, 0, -1), "guidance must be 0..100, found -1.0");
    refused(() -> with(1, 1, 1, 0, Float.POSITIVE_INFINITY), "guidance must be 0..100, found Infinity");
    refused(() -> new Editing(Float.NaN, 1), "editing_threshold must be 0..1, found NaN");
    refused(() -> new Editing(0.5f, 1025), "max_editing_steps must be 0..1024, found 1025");
    refused(() -> new Sampling(2.5f, 0, 1, 0), "temperature must be 0..2, found 2.5");
    refused(() -> new Sampling(Float.NaN, 0, 1, 0), "temperature must be 0..2, found NaN");
    refused(() -> new Sampling(1, -1, 1, 0), "top_k must not be negative, found -1");
    refused(() -> new Sampling(1, 0, 0, 0), "top_p must be above 0 and at most 1, found 0.0");
    refused(() -> new Sampling(1, 0, Float.NaN, 0), "top_p must be above 0 and at most 1, found NaN");
    refused(() -> new TransferSchedule(0, 1), "block length 0 and steps 1 must be at least 1");
  }

  private static void refused(ThrowingCallable settings, String message) {
    assertThatThrownBy(settings).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  @Test
  void eachRemaskingHasItsPolicy() {
    assertThat(policy(Remasking.THRESHOLD)).isEqualTo(new ConfidenceThreshold(0.7f, new TransferSchedule(16, 8)));
    assertThat(policy(Remasking.LOW_CONFIDENCE)).isEqualTo(new LowConfidence(new TransferSchedule(16, 8)));
    assertThat(policy(Remasking.RANDOM)).isEqualTo(new RandomRemasking(new TransferSchedule(16, 8), 77));
    assertThat(policy(Remasking.EDITING)).isEqualTo(new TokenEditing(0.7f, new Editing(0.4f, 5)));
  }

  private static UnmaskingPolicy policy(Remasking remasking) {
    return new DiffusionSettings(8, 20, 16, remasking, 0.7f, new Sampling(1, 0, 1, 77), true, new Editing(0.4f, 5), 0)
        .policy();
  }
}
