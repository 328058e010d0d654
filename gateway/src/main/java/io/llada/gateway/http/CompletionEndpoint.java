package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.AggregatedHttpRequest;
import com.linecorp.armeria.common.HttpHeaderNames;
import com.linecorp.armeria.common.HttpRequest;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpResponseWriter;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.common.util.TimeoutMode;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.gateway.generation.Answer;
import io.llada.gateway.generation.GenerationEvent;
import io.llada.gateway.generation.GenerationService;
import io.llada.gateway.json.InvalidJsonException;
import io.llada.gateway.json.StrictJson;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code POST /v1/chat/completions} and {@code POST /v1/completions}: one flow, two ways to read and to write. Each
 * request runs on a thread of its own, which may wait.
 */
public final class CompletionEndpoint implements HttpService {
  private static final Logger LOG = LoggerFactory.getLogger(CompletionEndpoint.class);
  // The answer has its own deadline and ends with a proper error; the server's comes later, as a safety net.
  private static final Duration DEADLINE_MARGIN = Duration.ofSeconds(30);

  private final CompletionReader reader;
  private final CompletionBodies bodies;
  private final GenerationService service;
  private final CompletionLimits limits;
  private final Executor threads;
  private final IdempotencyKeys keys = new IdempotencyKeys(System::nanoTime);

  private CompletionEndpoint(CompletionReader reader, CompletionBodies bodies, GenerationService service,
      CompletionLimits limits, Executor threads) {
    this.reader = reader;
    this.bodies = bodies;
    this.service = service;
    this.limits = limits;
    this.threads = threads;
  }

  /** @param threads one thread per task, which may block */
  public static CompletionEndpoint chat(GenerationService service, CompletionLimits limits, Executor threads) {
    return new CompletionEndpoint(new ChatCompletionReader(), new ChatBodies(), service, limits, threads);
  }

  /** @param threads one thread per task, which may block */
  public static CompletionEndpoint text(GenerationService service, CompletionLimits limits, Executor threads) {
    return new CompletionEndpoint(new TextCompletionReader(), new TextBodies(), service, limits, threads);
  }

  @Override
  public HttpResponse serve(ServiceRequestContext context, HttpRequest request) {
    requireJson(request);
    return HttpResponse.of(request.aggregate().thenApplyAsync(whole -> answer(context, whole), threads));
  }

  private static void requireJson(HttpRequest request) {
    String encoding = request.headers().get(HttpHeaderNames.CONTENT_ENCODING, "identity");
    if (!encoding.equalsIgnoreCase("identity")) {
      throw new GatewayException(Reason.UNSUPPORTED_MEDIA_TYPE,
          "the Content-Encoding '" + encoding + "' is not supported: send the body as it is");
    }
    MediaType type = request.contentType();
    Charset charset = type == null ? StandardCharsets.UTF_8 : type.charset(StandardCharsets.UTF_8);
    if (type == null || !type.is(MediaType.JSON.withoutParameters()) || !charset.equals(StandardCharsets.UTF_8)) {
      throw new GatewayException(Reason.UNSUPPORTED_MEDIA_TYPE,
          "the Content-Type is '" + type + "': must be application/json in UTF-8");
    }
  }

  private HttpResponse answer(ServiceRequestContext context, AggregatedHttpRequest request) {
    CompletionCall call = reader.read(parse(request));
    Resumption resumption = Resumption.of(request.headers(), call.isStreamed());
    requireRepeatable(call, resumption);
    // The server's short timeout is for sending the request; the answer may take longer.
    context.setRequestTimeout(TimeoutMode.SET_FROM_NOW, limits.deadline().plus(DEADLINE_MARGIN));
    Optional<String> key = Optional.ofNullable(request.headers().get(Resumption.IDEMPOTENCY_KEY));
    Optional<String> known = key.flatMap(given -> keys.begin(given, request.content().array()));
    if (known.isPresent()) {
      return json(known.get());
    }
    Runnable release = () -> key.ifPresent(keys::forget);
    try {
      Answer answer = service.generate(call.request());
      context.whenRequestCancelling().thenRun(answer::close);
      if (call.isStreamed()) {
        return stream(call, answer, resumption, release);
      }
      String body = whole(answer);
      key.ifPresent(given -> keys.answered(given, body));
      return json(body);
    } catch (RuntimeException e) {
      release.run();
      throw e;
    }
  }

  // A degraded answer is not the same when it is made again, so its rest must not be put behind its beginning.
  private static void requireRepeatable(CompletionCall call, Resumption resumption) {
    if (call.request().allowsDegraded() && resumption.firstPiece() > 0) {
      throw GatewayException.invalid("Last-Event-ID",
          "Last-Event-ID does not go with \"allow_degraded\": true: such an answer may be another when it is made again");
    }
  }

  private static HttpResponse json(String body) {
    return HttpResponse.of(HttpStatus.OK, MediaType.JSON_UTF_8, body);
  }

  private static JsonNode parse(AggregatedHttpRequest request) {
    try {
      return StrictJson.parse(request.content().array());
    } catch (InvalidJsonException e) {
      throw new GatewayException(Reason.INVALID, "the body is " + e.getMessage(), e);
    }
  }

  private String whole(Answer answer) {
    StringBuilder text = new StringBuilder();
    try (answer) {
      while (true) {
        switch (answer.next(limits.deadline()).orElse(null)) {
          case GenerationEvent.Text added -> text.append(added.text());
          case GenerationEvent.Finished finished -> {
            ObjectNode body = bodies.whole(answer.terms(), text.toString(), finished.toolCalls(), finished.reason());
            CompletionBodies.putUsage(body, finished.usage());
            CompletionBodies.putDegraded(body, finished.degradation());
            return body.toString();
          }
          case null -> throw new GatewayException(Reason.DEADLINE_EXCEEDED, "nothing came within the deadline");
          default -> {
            // steps are for streams; calls come with the last event
          }
        }
      }
    }
  }

  // The first event decides between an error with a status of its own and a stream; after that, errors are events.
  private HttpResponse stream(CompletionCall call, Answer answer, Resumption resumption, Runnable release) {
    Optional<GenerationEvent> first = begin(answer);
    HttpResponseWriter writer = HttpResponse.streaming();
    writer.whenComplete().handle((nothing, gone) -> {
      answer.close();
      release.run();
      return null;
    });
    threads.execute(() -> pump(call, answer, first, new EventStream(writer, limits.slowReader(), resumption)));
    return writer;
  }

  private Optional<GenerationEvent> begin(Answer answer) {
    try {
      return answer.next(limits.keepAlive());
    } catch (RuntimeException e) {
      answer.close();
      throw e;
    }
  }

  private void pump(CompletionCall call, Answer answer, Optional<GenerationEvent> first, EventStream out) {
    try (answer) {
      out.open();
      bodies.opening(answer.terms()).ifPresent(out::send);
      Optional<GenerationEvent> event = first;
      while (!isLast(event)) {
        event.ifPresentOrElse(known -> send(answer, known, out), out::keepAlive);
        event = answer.next(limits.keepAlive());
      }
      GenerationEvent.Finished finished = (GenerationEvent.Finished) event.orElseThrow();
      ObjectNode ending = bodies.ending(answer.terms(), finished.reason());
      CompletionBodies.putDegraded(ending, finished.degradation());
      out.send(ending);
      if (call.hasUsageChunk()) {
        ObjectNode usage = bodies.withoutChoices(answer.terms());
        CompletionBodies.putUsage(usage, finished.usage());
        out.send(usage);
      }
      out.done();
    } catch (RuntimeException e) {
      end(answer, e, out);
    }
  }

  private static boolean isLast(Optional<GenerationEvent> event) {
    return event.isPresent() && event.get() instanceof GenerationEvent.Finished;
  }

  private void send(Answer answer, GenerationEvent event, EventStream out) {
    switch (event) {
      case GenerationEvent.Text text when text.text().isEmpty() -> {
        // tokens without text yet: part of a character, or of what may be a stop string or a tool call
      }
      case GenerationEvent.Text text -> out.sendPiece(bodies.text(answer.terms(), text.text()));
      case GenerationEvent.Call call -> out.sendPiece(bodies.call(answer.terms(), call));
      case GenerationEvent.Step step -> out.send(StepBodies.chunk(bodies.withoutChoices(answer.terms()), step));
      case GenerationEvent.Finished finished -> throw new IllegalStateException("the last event is sent by the caller");
    }
  }

  private static void end(Answer answer, RuntimeException thrown, EventStream out) {
    GatewayException failure = OpenAiErrors.read(thrown, 0);
    LOG.debug("stream {} ended early: {}", answer.terms().requestId(), failure.getMessage());
    try {
      if (failure.reason() != Reason.CANCELLED) {
        out.send(OpenAiErrors.body(failure));
      }
    } catch (GatewayException gone) {
      LOG.debug("and its client had gone: {}", gone.getMessage());
    } finally {
      out.close();
    }
  }
}
