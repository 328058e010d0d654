package io.llada.gateway.generation;

import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.DenoisingRequest;
import io.llada.gateway.coordinator.DenoisingStream;
import io.llada.gateway.coordinator.DiffusionSettings;
import io.llada.gateway.coordinator.ServedModel;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.time.InstantSource;
import java.util.OptionalInt;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests: validate, render, tokenise, denoise, detokenise. Knows neither HTTP nor gRPC. Thread-safe; calls
 * block, so make them on virtual threads.
 */
public final class GenerationService {
  private static final Logger LOG = LoggerFactory.getLogger(GenerationService.class);

  private final PromptEncoder encoder;
  private final CoordinatorPool coordinators;
  private final Duration deadline;
  private final int maxConcurrent;
  private final Semaphore places;
  private final GenerationMetrics metrics;
  private final Supplier<String> requestIds;
  private final InstantSource clock;

  /**
   * @param deadline how long one answer may take
   * @param maxConcurrent answers in progress at once, from 1
   * @param requestIds gives a new id at each call
   */
  public GenerationService(PromptEncoder encoder, CoordinatorPool coordinators, Duration deadline, int maxConcurrent,
      GenerationMetrics metrics, Supplier<String> requestIds, InstantSource clock) {
    this.encoder = encoder;
    this.coordinators = coordinators;
    this.deadline = deadline;
    this.maxConcurrent = maxConcurrent;
    this.places = new Semaphore(maxConcurrent);
    this.metrics = metrics;
    this.requestIds = requestIds;
    this.clock = clock;
  }

  /** @throws GatewayException UNAVAILABLE when no coordinator is reachable */
  public ServedModel model() {
    return coordinators.model();
  }

  /**
   * The served model, if that is what the id means.
   *
   * @param id empty: the served one
   * @throws GatewayException NOT_FOUND for another id, UNAVAILABLE when no coordinator is reachable
   */
  public ServedModel model(String id) {
    ServedModel model = model();
    if (!id.isEmpty() && !id.equals(model.id())) {
      throw new GatewayException(Reason.NOT_FOUND, "model",
          "the model '%s' is not served here; '%s' is".formatted(abbreviated(id), model.id()));
    }
    return model;
  }

  private static String abbreviated(String text) {
    return text.length() <= 100 ? text : text.substring(0, 100) + "...";
  }

  /**
   * Begins an answer; the caller closes it.
   *
   * @throws GatewayException when the request is wrong, too much is going on, or no coordinator is reachable
   */
  public Answer generate(GenerationRequest request) {
    if (!places.tryAcquire()) {
      metrics.refused("overloaded");
      throw new GatewayException(Reason.OVERLOADED,
          "%d answers are in progress: at most %d at once, try again later".formatted(maxConcurrent, maxConcurrent));
    }
    AnswerRecord record = new AnswerRecord(places, metrics);
    try {
      return begin(request, record);
    } catch (GatewayException e) {
      record.failed(e.reason());
      record.close();
      throw e;
    } catch (RuntimeException e) {
      record.failed(Reason.INTERNAL);
      record.close();
      throw e;
    }
  }

  private Answer begin(GenerationRequest request, AnswerRecord record) {
    ServedModel model = model(request.model());
    int[] promptIds = new PromptReader(encoder, model).read(request.prompt());
    // Settled here, so that whichever coordinator goes on with the answer means the same.
    DiffusionSettings settled = request.settings().orElse(model.defaults());
    int blockLength = settled.blockLength().orElse(model.blockLength());
    int maxTokens = maxTokens(request.settings().maxTokens(), promptIds.length, model, blockLength);

    String requestId = requestIds.get();
    LOG.debug("request {}: {} prompt tokens, at most {} answer tokens", requestId, promptIds.length, maxTokens);
    AnswerTerms terms = new AnswerTerms(requestId, model, clock.instant(), promptIds.length, maxTokens,
        request.hasStepEvents(), new BlockPicture(encoder, promptIds, blockLength));
    DenoisingStream upstream = coordinators
        .denoise(new DenoisingRequest(requestId, promptIds, new int[0], settled.withMaxTokens(maxTokens),
            request.hasStepEvents(), request.allowsDegraded(), deadline));
    AnswerText text = new AnswerText(encoder.streamingDecoder(), request.stop(), encoder.endTokens(),
        hasTools(request));
    return new Answer(terms, upstream, text, record);
  }

  private static boolean hasTools(GenerationRequest request) {
    return request.prompt() instanceof Prompt.Chat chat && !chat.conversation().tools().isEmpty();
  }

  /** A limit of the answer that fits the context. */
  private static int maxTokens(OptionalInt asked, int promptTokens, ServedModel model, int blockLength) {
    int room = model.room(promptTokens, blockLength);
    if (room < 1) {
      throw GatewayException.invalid("prompt",
          "the prompt has %d tokens and leaves no room for an answer: the context holds %d positions in blocks of %d"
              .formatted(promptTokens, model.contextLength(), blockLength));
    }
    int maxTokens = asked.orElse(Math.min(model.defaultMaxTokens(), room));
    if (maxTokens > room) {
      throw GatewayException.invalid("max_tokens",
          "max_tokens is %d, but the prompt has %d tokens and the context holds %d positions in blocks of %d: at most %d"
              .formatted(maxTokens, promptTokens, model.contextLength(), blockLength, room));
    }
    return maxTokens;
  }
}
