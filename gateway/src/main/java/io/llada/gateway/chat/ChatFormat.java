package io.llada.gateway.chat;

import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * How a model family writes a conversation. Implementations are stateless.
 */
public sealed interface ChatFormat permits Llada2ChatFormat, Llada8bChatFormat {

  /**
   * The conversation as a prompt that asks for the next assistant turn.
   *
   * @throws IllegalArgumentException when the format has no way to say it, for example tools in LLaDA-8B
   */
  List<Segment> render(Conversation conversation);

  /** Control tokens after which an answer is over. */
  List<String> turnEndTokens();

  /** Whether an answer may hold tool calls. */
  boolean hasTools();

  /**
   * The format of a model, recognised by its control tokens; empty for a base model that was never trained to chat.
   *
   * @param hasControlToken whether the model's tokenizer has a control token
   */
  static Optional<ChatFormat> of(Predicate<String> hasControlToken) {
    if (hasControlToken.test("<role>") && hasControlToken.test("<|role_end|>")) {
      return Optional.of(new Llada2ChatFormat());
    }
    if (hasControlToken.test("<|start_header_id|>") && hasControlToken.test("<|eot_id|>")) {
      return Optional.of(new Llada8bChatFormat());
    }
    return Optional.empty();
  }
}
