package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.generation.GenerationRequest;
import io.llada.gateway.generation.Prompt;
import java.util.Set;
import java.util.stream.IntStream;

/** Reads {@code POST /v1/completions}. */
final class TextCompletionReader implements CompletionReader {
  private static final Set<String> KNOWN = SharedFields.known(Set.of("prompt", "echo", "suffix", "best_of"));

  @Override
  public CompletionCall read(JsonNode body) {
    FieldReader fields = new FieldReader(body, "");
    fields.refuseOthers(KNOWN);
    SharedFields.refuseUnsupported(fields);
    fields.refuseUnless("logprobs", false, "leave it out");
    fields.refuseUnless("echo", !fields.isSet("echo"), "only false");
    fields.refuseUnless("suffix", fields.text("suffix").orElse("").isEmpty(), "leave it out");
    fields.refuseUnless("best_of", fields.integer("best_of", 1, 128).orElse(1) == 1, "only 1");
    GenerationRequest request = new GenerationRequest(fields.text("model").orElse(""), prompt(fields),
        SharedFields.settings(fields), fields.texts("stop"), false, fields.isSet("allow_degraded"));
    return new CompletionCall(request, fields.isSet("stream"), SharedFields.hasUsageChunk(fields));
  }

  private static Prompt prompt(FieldReader fields) {
    JsonNode prompt = fields.find("prompt").orElseThrow(() -> expected(fields));
    if (prompt.isTextual()) {
      return new Prompt.Text(prompt.textValue());
    }
    if (!prompt.isArray()) {
      throw expected(fields);
    }
    return new Prompt.Tokens(IntStream.range(0, prompt.size()).map(i -> {
      if (!prompt.get(i).isInt()) {
        throw expected(fields);
      }
      return prompt.get(i).intValue();
    }).toArray());
  }

  private static RuntimeException expected(FieldReader fields) {
    return fields.wrong("prompt", "a string or an array of token ids");
  }
}
