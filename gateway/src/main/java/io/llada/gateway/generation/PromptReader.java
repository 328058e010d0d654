package io.llada.gateway.generation;

import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.chat.Tool;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.coordinator.ServedModel;
import io.llada.gateway.failure.GatewayException;

/** Prompts to token ids for one served model. Immutable. */
final class PromptReader {
  private final PromptEncoder encoder;
  private final ServedModel model;

  PromptReader(PromptEncoder encoder, ServedModel model) {
    this.encoder = encoder;
    this.model = model;
  }

  /** @throws GatewayException when the prompt is empty, too long, or cannot be said */
  int[] read(Prompt prompt) {
    try {
      return switch (prompt) {
        case Prompt.Chat chat -> {
          requireFits("messages", characters(chat.conversation()));
          yield encoder.encode(chat.conversation());
        }
        case Prompt.Text text -> {
          requireFits("prompt", text.text().length());
          yield notEmpty(encoder.encode(text.text()));
        }
        case Prompt.Tokens tokens -> checked(tokens.ids());
      };
    } catch (IllegalArgumentException e) { // the format cannot say it, or the text is no text
      throw GatewayException.invalid(prompt instanceof Prompt.Chat ? "messages" : "prompt", e.getMessage());
    }
  }

  // Refuses what cannot fit before work goes into it: encoding megabytes takes a core for seconds.
  private void requireFits(String parameter, long characters) {
    long fewest = encoder.tokenizer().fewestTokens(characters); // a character has at least one byte
    if (fewest > model.contextLength()) {
      throw GatewayException.invalid(parameter, "%d characters are at least %d tokens: the context holds %d"
          .formatted(characters, fewest, model.contextLength()));
    }
  }

  private static long characters(Conversation conversation) {
    long characters = 0;
    for (ChatMessage message : conversation.messages()) {
      characters += message.content().length();
      for (ToolCall call : message.toolCalls()) {
        characters += call.name().length() + (long) call.argumentsJson().length();
      }
    }
    for (Tool tool : conversation.tools()) {
      characters += tool.json().length();
    }
    return characters;
  }

  private int[] checked(int[] ids) {
    notEmpty(ids);
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= model.vocabularySize()) {
        throw GatewayException.invalid("prompt",
            "token id %d at index %d: must be 0 .. %d".formatted(ids[i], i, model.vocabularySize() - 1));
      }
      if (ids[i] == model.maskTokenId()) {
        throw GatewayException.invalid("prompt",
            "token id %d at index %d is the mask token, which no prompt may hold".formatted(ids[i], i));
      }
    }
    return ids;
  }

  private static int[] notEmpty(int[] ids) {
    if (ids.length == 0) {
      throw GatewayException.invalid("prompt", "the prompt has 0 tokens: at least 1");
    }
    return ids;
  }
}
