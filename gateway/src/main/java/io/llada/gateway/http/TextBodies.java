package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.generation.AnswerTerms;
import io.llada.gateway.generation.FinishReason;
import io.llada.gateway.generation.GenerationEvent;
import java.util.List;
import java.util.Optional;

/** Writes text completions; whole and chunk have one shape. */
final class TextBodies implements CompletionBodies {

  @Override
  public Optional<ObjectNode> opening(AnswerTerms terms) {
    return Optional.empty();
  }

  @Override
  public ObjectNode text(AnswerTerms terms, String text) {
    ObjectNode chunk = withoutChoices(terms);
    addChoice(chunk, text).putNull("finish_reason");
    return chunk;
  }

  @Override
  public ObjectNode call(AnswerTerms terms, GenerationEvent.Call call) {
    throw new IllegalStateException("a text completion has no tools");
  }

  @Override
  public ObjectNode ending(AnswerTerms terms, FinishReason reason) {
    return whole(terms, "", List.of(), reason);
  }

  @Override
  public ObjectNode withoutChoices(AnswerTerms terms) {
    ObjectNode body = JsonNodeFactory.instance.objectNode()
        .put("id", "cmpl-" + terms.requestId())
        .put("object", "text_completion")
        .put("created", terms.createdAt().getEpochSecond())
        .put("model", terms.model().id());
    body.putArray("choices");
    return body;
  }

  @Override
  public ObjectNode whole(AnswerTerms terms, String text, List<ToolCall> calls, FinishReason reason) {
    ObjectNode whole = withoutChoices(terms);
    addChoice(whole, text).put("finish_reason", CompletionBodies.word(reason));
    return whole;
  }

  private static ObjectNode addChoice(ObjectNode body, String text) {
    return body.withArray("choices").addObject().put("index", 0).put("text", text).putNull("logprobs");
  }
}
