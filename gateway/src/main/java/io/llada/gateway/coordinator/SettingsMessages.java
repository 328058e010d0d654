package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** {@link DiffusionSettings} to and from protobuf; the public and the internal contract share the message. */
public final class SettingsMessages {
  private SettingsMessages() {}

  public static io.llada.proto.v1.DiffusionSettings write(DiffusionSettings settings) {
    var message = io.llada.proto.v1.DiffusionSettings.newBuilder();
    settings.maxTokens().ifPresent(message::setMaxTokens);
    settings.steps().ifPresent(message::setSteps);
    settings.blockLength().ifPresent(message::setBlockLength);
    settings.threshold().ifPresent(value -> message.setThreshold((float) value));
    settings.remasking().ifPresent(value -> message.setRemasking(switch (value) {
      case THRESHOLD -> io.llada.proto.v1.Remasking.REMASKING_THRESHOLD;
      case LOW_CONFIDENCE -> io.llada.proto.v1.Remasking.REMASKING_LOW_CONFIDENCE;
      case RANDOM -> io.llada.proto.v1.Remasking.REMASKING_RANDOM;
      case EDITING -> io.llada.proto.v1.Remasking.REMASKING_EDITING;
    }));
    settings.temperature().ifPresent(value -> message.setTemperature((float) value));
    settings.topP().ifPresent(value -> message.setTopP((float) value));
    settings.topK().ifPresent(message::setTopK);
    settings.seed().ifPresent(message::setSeed);
    settings.earlyStop().ifPresent(message::setEarlyStop);
    settings.editingThreshold().ifPresent(value -> message.setEditingThreshold((float) value));
    settings.guidance().ifPresent(value -> message.setGuidance((float) value));
    return message.build();
  }

  /** @throws GatewayException naming the setting that is out of range */
  public static DiffusionSettings read(io.llada.proto.v1.DiffusionSettings message) {
    return new DiffusionSettings(
        message.hasMaxTokens() ? unsigned("max_tokens", message.getMaxTokens()) : OptionalInt.empty(),
        message.hasSteps() ? unsigned("steps", message.getSteps()) : OptionalInt.empty(),
        message.hasBlockLength() ? unsigned("block_length", message.getBlockLength()) : OptionalInt.empty(),
        message.hasThreshold() ? OptionalDouble.of(message.getThreshold()) : OptionalDouble.empty(),
        remasking(message.getRemasking()),
        message.hasTemperature() ? OptionalDouble.of(message.getTemperature()) : OptionalDouble.empty(),
        message.hasTopP() ? OptionalDouble.of(message.getTopP()) : OptionalDouble.empty(),
        message.hasTopK() ? unsigned("top_k", message.getTopK()) : OptionalInt.empty(),
        message.hasSeed() ? OptionalLong.of(message.getSeed()) : OptionalLong.empty(),
        message.hasEarlyStop() ? Optional.of(message.getEarlyStop()) : Optional.empty(),
        message.hasEditingThreshold() ? OptionalDouble.of(message.getEditingThreshold()) : OptionalDouble.empty(),
        message.hasGuidance() ? OptionalDouble.of(message.getGuidance()) : OptionalDouble.empty());
  }

  // A uint32 above 2^31-1 reads as a negative int; say what the caller sent.
  private static OptionalInt unsigned(String name, int value) {
    if (value < 0) {
      throw GatewayException.invalid(name,
          "%s is %d: must be at most %d".formatted(name, Integer.toUnsignedLong(value), Integer.MAX_VALUE));
    }
    return OptionalInt.of(value);
  }

  private static Optional<Remasking> remasking(io.llada.proto.v1.Remasking remasking) {
    return switch (remasking) {
      case REMASKING_UNSPECIFIED -> Optional.empty();
      case REMASKING_THRESHOLD -> Optional.of(Remasking.THRESHOLD);
      case REMASKING_LOW_CONFIDENCE -> Optional.of(Remasking.LOW_CONFIDENCE);
      case REMASKING_RANDOM -> Optional.of(Remasking.RANDOM);
      case REMASKING_EDITING -> Optional.of(Remasking.EDITING);
      case UNRECOGNIZED -> throw GatewayException.invalid("remasking",
          "remasking has an unknown value: must be one of the contract's Remasking values");
    };
  }
}
