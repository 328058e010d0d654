package io.llada.gateway;

import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.ServedModel;
import java.util.Optional;
import java.util.function.Function;

/**
 * Whether a served model goes with this gateway's tokenizer. Families reuse each other's vocabularies with other control
 * tokens, so a wrong pair would not fail but answer nonsense.
 */
final class ModelFit implements Function<ServedModel, Optional<String>> {
  private final PromptEncoder encoder;

  ModelFit(PromptEncoder encoder) {
    this.encoder = encoder;
  }

  /** Why it does not; empty when it does. */
  @Override
  public Optional<String> apply(ServedModel model) {
    return encoder.maskToken().filter(mask -> mask != model.maskTokenId())
        .map(mask -> "it serves '%s', whose mask token is %d, but the mask token of tokenizer.json is %d: "
            .formatted(model.id(), model.maskTokenId(), mask) + "start the gateway with that model's directory");
  }
}
