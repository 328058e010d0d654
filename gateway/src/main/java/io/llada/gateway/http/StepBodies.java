package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.coordinator.DenoisingEvent.StepTaken;
import io.llada.gateway.generation.GenerationEvent;

/** Writes denoising steps as chunks that OpenAI clients pass over. */
final class StepBodies {
  private StepBodies() {}

  /** @param chunk a chunk without choices */
  static ObjectNode chunk(ObjectNode chunk, GenerationEvent.Step event) {
    StepTaken step = event.step();
    ObjectNode body = chunk.putObject("diffusion_step")
        .put("block_index", step.blockIndex())
        .put("step", step.step());
    fill(body.putArray("token_ids"), step.tokenIds());
    fill(body.putArray("masked_positions"), step.maskedPositions());
    fill(body.putArray("committed_positions"), step.committedPositions());
    ArrayNode confidences = body.putArray("confidences");
    for (float confidence : step.confidences()) {
      confidences.add(confidence);
    }
    body.put("text", event.text()).put("answer_from", event.answerFrom());
    event.pieces().forEach(body.putArray("pieces")::add);
    return chunk;
  }

  private static void fill(ArrayNode array, int[] values) {
    for (int value : values) {
      array.add(value);
    }
  }
}
