package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.coordinator.Degradation;
import io.llada.gateway.generation.AnswerTerms;
import io.llada.gateway.generation.FinishReason;
import io.llada.gateway.generation.GenerationEvent;
import io.llada.gateway.generation.Usage;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** How one completion endpoint writes answers. */
interface CompletionBodies {

  /** What a stream begins with. */
  Optional<ObjectNode> opening(AnswerTerms terms);

  /** More text. */
  ObjectNode text(AnswerTerms terms, String text);

  /** A tool call. */
  ObjectNode call(AnswerTerms terms, GenerationEvent.Call call);

  /** Why the stream ends. */
  ObjectNode ending(AnswerTerms terms, FinishReason reason);

  /** A chunk without choices, which clients pass over unless they know what it holds besides. */
  ObjectNode withoutChoices(AnswerTerms terms);

  /** The answer in one piece. */
  ObjectNode whole(AnswerTerms terms, String text, List<ToolCall> calls, FinishReason reason);

  static String word(FinishReason reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }

  /** Nothing for an answer that had all its experts. */
  static void putDegraded(ObjectNode body, Degradation degradation) {
    if (!degradation.isNone()) {
      ObjectNode node = body.putObject("degraded");
      degradation.layers().forEach(node.putArray("layers")::add);
      degradation.groups().forEach(node.putArray("groups")::add);
      node.put("tokens", degradation.tokens());
    }
  }

  static void putUsage(ObjectNode body, Usage usage) {
    ObjectNode node = body.putObject("usage")
        .put("prompt_tokens", usage.promptTokens())
        .put("completion_tokens", usage.completionTokens())
        .put("total_tokens", usage.promptTokens() + usage.completionTokens());
    node.putObject("diffusion")
        .put("steps", usage.steps())
        .put("forwards", usage.forwards())
        .put("tokens_per_forward", usage.tokensPerForward());
  }
}
