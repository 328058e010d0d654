package io.llada.coordinator.edge;

import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;

/// Between the wire's settings, where everything may be left out, and ours, where nothing is.
final class SettingsTranslation {
  private final DiffusionSettings defaults;

  SettingsTranslation(DiffusionSettings defaults) {
    this.defaults = defaults;
  }

  /// @throws IllegalArgumentException naming value and range
  DiffusionSettings fromWire(io.llada.proto.v1.DiffusionSettings wire) {
    Sampling sampling = defaults.sampling();
    DiffusionSettings.Editing editing = defaults.editing();
    return new DiffusionSettings(
        wire.hasMaxTokens() ? positive("max_tokens", wire.getMaxTokens()) : defaults.maxTokens(),
        wire.hasSteps() ? positive("steps", wire.getSteps()) : defaults.steps(),
        wire.hasBlockLength() ? positive("block_length", wire.getBlockLength()) : defaults.blockLength(),
        remasking(wire.getRemasking()), wire.hasThreshold() ? wire.getThreshold() : defaults.threshold(),
        new Sampling(wire.hasTemperature() ? wire.getTemperature() : sampling.temperature(),
            wire.hasTopK() ? positive("top_k", wire.getTopK()) : sampling.topK(),
            wire.hasTopP() ? wire.getTopP() : sampling.topP(), wire.hasSeed() ? wire.getSeed() : sampling.seed()),
        wire.hasEarlyStop() ? wire.getEarlyStop() : defaults.earlyStop(),
        wire.hasEditingThreshold()
            ? new DiffusionSettings.Editing(wire.getEditingThreshold(), editing.maxSteps())
            : editing,
        wire.hasGuidance() ? wire.getGuidance() : defaults.guidance());
  }

  /// The wire's numbers are unsigned; Java reads the upper half of them as negative.
  private static int positive(String name, int value) {
    if (value < 0) {
      throw new IllegalArgumentException("%s must be at most %d, found %s".formatted(name, Integer.MAX_VALUE, Integer
          .toUnsignedString(value)));
    }
    return value;
  }

  private Remasking remasking(io.llada.proto.v1.Remasking wire) {
    return switch (wire) {
      case REMASKING_UNSPECIFIED -> defaults.remasking();
      case REMASKING_THRESHOLD -> Remasking.THRESHOLD;
      case REMASKING_LOW_CONFIDENCE -> Remasking.LOW_CONFIDENCE;
      case REMASKING_RANDOM -> Remasking.RANDOM;
      case REMASKING_EDITING -> Remasking.EDITING;
      case UNRECOGNIZED -> throw new IllegalArgumentException("remasking is not one this coordinator knows");
    };
  }

  /// The defaults, as clients are told them.
  io.llada.proto.v1.DiffusionSettings defaultsToWire() {
    return io.llada.proto.v1.DiffusionSettings.newBuilder().setMaxTokens(defaults.maxTokens()).setSteps(defaults
        .steps()).setBlockLength(defaults.blockLength()).setThreshold(defaults.threshold())
        .setRemasking(switch (defaults
            .remasking()) {
          case THRESHOLD -> io.llada.proto.v1.Remasking.REMASKING_THRESHOLD;
          case LOW_CONFIDENCE -> io.llada.proto.v1.Remasking.REMASKING_LOW_CONFIDENCE;
          case RANDOM -> io.llada.proto.v1.Remasking.REMASKING_RANDOM;
          case EDITING -> io.llada.proto.v1.Remasking.REMASKING_EDITING;
        }).setTemperature(defaults.sampling().temperature()).setTopP(defaults.sampling().topP()).setTopK(defaults
            .sampling().topK())
        .setSeed(defaults.sampling().seed()).setEarlyStop(defaults.earlyStop()).setEditingThreshold(
            defaults.editing().threshold())
        .setGuidance(defaults.guidance()).build();
  }
}
