package io.llada.gateway.coordinator;

import io.llada.gateway.coordinator.DenoisingEvent.BlockCommitted;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.Arrays;

/**
 * What an answer has so far: enough for any coordinator to go on behind its last committed block. Bounded by max_tokens.
 * Not thread-safe: the thread that pulls the answer owns it.
 */
final class Journal {
  private final DenoisingRequest request;
  private int[] committedIds = new int[0];
  private int blocks;
  private int attempts;
  // What the blocks took, and how much of it in attempts before the present one, which counts from 0.
  private int steps;
  private int forwards;
  private int stepsBefore;
  private int forwardsBefore;
  private Degradation degradation = Degradation.NONE;
  private Degradation degradationBefore = Degradation.NONE;

  Journal(DenoisingRequest request) {
    this.request = request;
  }

  /** Begins one more attempt. */
  DenoisingRequest remaining(Duration timeout) {
    attempts++;
    stepsBefore = steps;
    forwardsBefore = forwards;
    degradationBefore = degradation;
    return request.behind(committedIds, timeout);
  }

  /**
   * Takes an event of the present attempt down.
   *
   * @return the event as one of the whole answer
   * @throws GatewayException INTERNAL when a block is not the next one
   */
  DenoisingEvent enter(DenoisingEvent event) {
    return event instanceof BlockCommitted block ? enter(block) : event;
  }

  private BlockCommitted enter(BlockCommitted block) {
    if (block.blockIndex() != blocks) {
      throw new GatewayException(Reason.INTERNAL,
          "the coordinator broke its contract: it committed block %d where block %d is next"
              .formatted(block.blockIndex(), blocks));
    }
    int[] ids = block.tokenIds();
    committedIds = Arrays.copyOf(committedIds, committedIds.length + ids.length);
    System.arraycopy(ids, 0, committedIds, committedIds.length - ids.length, ids.length);
    blocks++;
    steps = stepsBefore + block.steps();
    forwards = forwardsBefore + block.forwards();
    degradation = degradationBefore.plus(block.degradation());
    return new BlockCommitted(block.blockIndex(), ids, steps, forwards, degradation);
  }

  String requestId() {
    return request.requestId();
  }

  /** Blocks committed, which is the index of the next one. */
  int blocks() {
    return blocks;
  }

  int attempts() {
    return attempts;
  }
}
