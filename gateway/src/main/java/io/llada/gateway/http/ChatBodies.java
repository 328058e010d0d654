package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.generation.AnswerTerms;
import io.llada.gateway.generation.FinishReason;
import io.llada.gateway.generation.GenerationEvent;
import java.util.List;
import java.util.Optional;

/** Writes chat completions and their chunks. */
final class ChatBodies implements CompletionBodies {

  @Override
  public Optional<ObjectNode> opening(AnswerTerms terms) {
    ObjectNode chunk = withoutChoices(terms);
    addDelta(chunk).put("role", "assistant").put("content", "");
    return Optional.of(chunk);
  }

  @Override
  public ObjectNode text(AnswerTerms terms, String text) {
    ObjectNode chunk = withoutChoices(terms);
    addDelta(chunk).put("content", text);
    return chunk;
  }

  @Override
  public ObjectNode call(AnswerTerms terms, GenerationEvent.Call call) {
    ObjectNode chunk = withoutChoices(terms);
    ObjectNode item = addDelta(chunk).putArray("tool_calls").addObject().put("index", call.index());
    fill(item, terms, call.index(), call.call());
    return chunk;
  }

  @Override
  public ObjectNode ending(AnswerTerms terms, FinishReason reason) {
    ObjectNode chunk = withoutChoices(terms);
    chunk.withArray("choices").addObject().put("index", 0).put("finish_reason", CompletionBodies.word(reason))
        .putNull("logprobs").putObject("delta");
    return chunk;
  }

  @Override
  public ObjectNode withoutChoices(AnswerTerms terms) {
    return body(terms, "chat.completion.chunk");
  }

  @Override
  public ObjectNode whole(AnswerTerms terms, String text, List<ToolCall> calls, FinishReason reason) {
    ObjectNode whole = body(terms, "chat.completion");
    ObjectNode message = whole.withArray("choices").addObject().put("index", 0)
        .put("finish_reason", CompletionBodies.word(reason)).putNull("logprobs").putObject("message");
    message.put("role", "assistant").putNull("refusal");
    if (text.isEmpty() && !calls.isEmpty()) {
      message.putNull("content");
    } else {
      message.put("content", text);
    }
    for (int i = 0; i < calls.size(); i++) {
      fill(message.withArray("tool_calls").addObject(), terms, i, calls.get(i));
    }
    return whole;
  }

  private static ObjectNode body(AnswerTerms terms, String object) {
    ObjectNode body = JsonNodeFactory.instance.objectNode()
        .put("id", "chatcmpl-" + terms.requestId())
        .put("object", object)
        .put("created", terms.createdAt().getEpochSecond())
        .put("model", terms.model().id());
    body.putArray("choices");
    return body;
  }

  private static ObjectNode addDelta(ObjectNode chunk) {
    return chunk.withArray("choices").addObject().put("index", 0).putNull("finish_reason").putNull("logprobs")
        .putObject("delta");
  }

  private static void fill(ObjectNode item, AnswerTerms terms, int index, ToolCall call) {
    item.put("id", "call_" + terms.requestId() + "_" + index).put("type", "function")
        .putObject("function").put("name", call.name()).put("arguments", call.argumentsJson());
  }
}
