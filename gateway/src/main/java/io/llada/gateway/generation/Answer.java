package io.llada.gateway.generation;

import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.coordinator.Degradation;
import io.llada.gateway.coordinator.DenoisingEvent;
import io.llada.gateway.coordinator.DenoisingStream;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One answer as it comes, pulled: a slow reader slows the coordinator and fills no memory here. One thread pulls;
 * {@link #close} may come from any thread, wakes it, and must be called in the end.
 */
public final class Answer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Answer.class);

  private final AnswerTerms terms;
  private final DenoisingStream upstream;
  private final AnswerText text;
  private final AnswerRecord record;
  private final Queue<GenerationEvent> ready = new ArrayDeque<>();
  private int completionTokens;
  private int lastBlock;
  private int steps;
  private int forwards;
  private Degradation degradation = Degradation.NONE;
  private int callsGiven;
  private boolean isOver;

  Answer(AnswerTerms terms, DenoisingStream upstream, AnswerText text, AnswerRecord record) {
    this.terms = terms;
    this.upstream = upstream;
    this.text = text;
    this.record = record;
  }

  /** What was agreed before the first token. */
  public AnswerTerms terms() {
    return terms;
  }

  /**
   * The next event, or empty when none came in time. The last is always {@link GenerationEvent.Finished}.
   *
   * @throws GatewayException when the answer failed; nothing follows
   * @throws NoSuchElementException after the last event
   */
  public Optional<GenerationEvent> next(Duration wait) {
    if (ready.isEmpty() && isOver) {
      throw new NoSuchElementException("the answer is over");
    }
    long deadline = System.nanoTime() + wait.toNanos();
    while (ready.isEmpty()) {
      Duration remaining = Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
      Optional<DenoisingEvent> event = pull(remaining);
      if (event.isEmpty()) {
        return Optional.empty();
      }
      take(event.get());
    }
    return Optional.of(ready.remove());
  }

  private Optional<DenoisingEvent> pull(Duration wait) {
    try {
      return upstream.next(wait);
    } catch (GatewayException e) {
      isOver = true;
      record.failed(e.reason());
      throw marked(e);
    }
  }

  private void take(DenoisingEvent event) {
    switch (event) {
      case DenoisingEvent.BlockCommitted block -> commit(block);
      case DenoisingEvent.StepTaken step -> {
        if (terms.hasStepEvents()) {
          ready.add(terms.picture().draw(step));
        }
      }
      case DenoisingEvent.Finished finished -> finish(finished.isEndToken() ? FinishReason.STOP : FinishReason.LENGTH);
    }
  }

  private void commit(DenoisingEvent.BlockCommitted block) {
    lastBlock = block.blockIndex();
    steps = block.steps();
    forwards = block.forwards();
    degraded(block.degradation());
    IntStream.Builder kept = IntStream.builder();
    Optional<FinishReason> end = Optional.empty();
    int lastId = -1;
    for (int i = 0; i < block.tokenIds().length && end.isEmpty(); i++) {
      lastId = block.tokenIds()[i];
      if (lastId == terms.model().maskTokenId()) {
        throw brokenContract("a committed block holds the mask token");
      }
      completionTokens++;
      boolean isEnd = text.isEndToken(lastId);
      if (!isEnd) {
        kept.add(lastId);
        isEnd = text.append(lastId);
      }
      if (isEnd) {
        end = Optional.of(FinishReason.STOP);
      } else if (completionTokens == terms.maxTokens()) {
        end = Optional.of(FinishReason.LENGTH);
      }
    }
    give(kept.build().toArray());
    end.ifPresent(this::finish);
  }

  private void degraded(Degradation now) {
    if (degradation.isNone() && !now.isNone()) {
      record.degraded();
      LOG.warn("request {} is degraded, as it allows: layers {} groups {} are missing from block {} on",
          terms.requestId(), now.layers(), now.groups(), lastBlock);
    }
    degradation = now;
  }

  /** A failure tells what its answer went without: there is no other place left for it. */
  private GatewayException marked(GatewayException failure) {
    return degradation.isNone()
        ? failure
        : new GatewayException(failure.reason(), "%s; what came before is degraded: %d rows of layers %s groups %s"
            .formatted(failure.getMessage(), degradation.tokens(), degradation.layers(), degradation.groups()),
            failure);
  }

  private GatewayException brokenContract(String what) {
    isOver = true;
    record.failed(Reason.INTERNAL);
    return new GatewayException(Reason.INTERNAL, "the coordinator broke its contract: " + what);
  }

  private void give(int[] tokenIds) {
    String added = text.take();
    if (tokenIds.length > 0 || !added.isEmpty()) {
      ready.add(new GenerationEvent.Text(lastBlock, tokenIds, added));
      record.text();
    }
    List<ToolCall> calls = text.toolCalls();
    for (; callsGiven < calls.size(); callsGiven++) {
      ready.add(new GenerationEvent.Call(callsGiven, calls.get(callsGiven)));
    }
  }

  private void finish(FinishReason reason) {
    isOver = true;
    upstream.close();
    text.finish();
    give(new int[0]);
    Usage usage = new Usage(terms.promptTokens(), completionTokens, steps, forwards);
    List<ToolCall> calls = text.toolCalls();
    ready.add(new GenerationEvent.Finished(calls.isEmpty() ? reason : FinishReason.TOOL_CALLS, usage, calls,
        degradation));
    record.finished(usage);
  }

  /** Cancels what is still running and frees the answer's place. Harmless when repeated. */
  @Override
  public void close() {
    upstream.close();
    record.close();
  }
}
