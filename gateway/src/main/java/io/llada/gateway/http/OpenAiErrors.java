package io.llada.gateway.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.linecorp.armeria.common.AggregatedHttpResponse;
import com.linecorp.armeria.common.ContentTooLargeException;
import com.linecorp.armeria.common.HttpData;
import com.linecorp.armeria.common.HttpHeaderNames;
import com.linecorp.armeria.common.HttpResponse;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.common.RequestHeaders;
import com.linecorp.armeria.common.ResponseHeaders;
import com.linecorp.armeria.common.ResponseHeadersBuilder;
import com.linecorp.armeria.common.annotation.Nullable;
import com.linecorp.armeria.common.stream.ClosedStreamException;
import com.linecorp.armeria.common.util.Exceptions;
import com.linecorp.armeria.server.HttpResponseException;
import com.linecorp.armeria.server.HttpStatusException;
import com.linecorp.armeria.server.RequestTimeoutException;
import com.linecorp.armeria.server.ServerErrorHandler;
import com.linecorp.armeria.server.ServiceConfig;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.grpc.StatusRuntimeException;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every failure as OpenAI clients expect it: {@code {"error": {"message", "type", "param", "code"}}} and a status. */
public final class OpenAiErrors implements ServerErrorHandler {
  private static final Logger LOG = LoggerFactory.getLogger(OpenAiErrors.class);
  private static final int RETRY_AFTER_SECONDS = 1;
  private static final Set<HttpStatus> COME_BACK = Set.of(HttpStatus.TOO_MANY_REQUESTS,
      HttpStatus.SERVICE_UNAVAILABLE, HttpStatus.CONFLICT);

  @Override
  public HttpResponse onServiceException(ServiceRequestContext context, Throwable thrown) {
    Throwable cause = Exceptions.peel(thrown);
    return switch (cause) {
      case HttpResponseException response -> response.httpResponse();
      case HttpStatusException status -> render(context.config(), status.httpStatus(), "").toHttpResponse();
      // The short timeout is for sending the request; once it has been read, the context has another one.
      case RequestTimeoutException timeout when context.requestTimeoutMillis() == context.config()
          .requestTimeoutMillis() ->
        response(HttpStatus.REQUEST_TIMEOUT, body(type(HttpStatus.REQUEST_TIMEOUT), "",
            code(HttpStatus.REQUEST_TIMEOUT), "the request was not complete after %d s, the most it may take to send it"
                .formatted(Duration.ofMillis(context.requestTimeoutMillis()).toSeconds())))
            .toHttpResponse();
      // gRPC's own failures, which its clients read from trailers.
      case StatusRuntimeException grpc -> ServerErrorHandler.ofDefault().onServiceException(context, grpc);
      default -> response(read(cause, context.config().maxRequestLength())).toHttpResponse();
    };
  }

  @Override
  public AggregatedHttpResponse renderStatus(@Nullable ServiceRequestContext context, ServiceConfig config,
      @Nullable RequestHeaders headers, HttpStatus status, @Nullable String description, @Nullable Throwable cause) {
    return render(config, status, description == null ? "" : description);
  }

  private static AggregatedHttpResponse render(ServiceConfig config, HttpStatus status, String description) {
    if (status.equals(HttpStatus.REQUEST_ENTITY_TOO_LARGE)) {
      return response(tooLarge(config.maxRequestLength()));
    }
    String message = switch (status.code()) {
      case 404 -> "there is nothing at this path";
      case 405 -> "this path does not take this method";
      default -> description.isEmpty() ? status.reasonPhrase() : description;
    };
    return response(status, body(type(status), "", code(status), message));
  }

  static GatewayException read(Throwable thrown, long maxBodyBytes) {
    return switch (Exceptions.peel(thrown)) {
      case GatewayException failure -> failure;
      case ContentTooLargeException tooLarge -> tooLarge(maxBodyBytes);
      case RequestTimeoutException timeout -> new GatewayException(Reason.DEADLINE_EXCEEDED,
          "the request took longer than its deadline allows", timeout);
      case ClosedStreamException gone -> new GatewayException(Reason.CANCELLED, "the client has gone", gone);
      case Throwable other -> {
        LOG.error("a request failed unexpectedly", other);
        yield new GatewayException(Reason.INTERNAL, "an internal error; the log of the gateway tells more", other);
      }
    };
  }

  private static GatewayException tooLarge(long maxBodyBytes) {
    return new GatewayException(Reason.TOO_LARGE, "the body is too large: at most %d bytes".formatted(maxBodyBytes));
  }

  static AggregatedHttpResponse response(GatewayException failure) {
    return response(status(failure.reason()), body(failure));
  }

  private static AggregatedHttpResponse response(HttpStatus status, ObjectNode body) {
    ResponseHeadersBuilder headers = ResponseHeaders.builder(status).contentType(MediaType.JSON_UTF_8);
    if (COME_BACK.contains(status)) {
      headers.setInt(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    return AggregatedHttpResponse.of(headers.build(), HttpData.ofUtf8(body.toString()));
  }

  /** The error object, as a body or as the last chunk of a stream. */
  static ObjectNode body(GatewayException failure) {
    HttpStatus status = status(failure.reason());
    String code = failure.reason() == Reason.NOT_FOUND ? "model_not_found" : code(status);
    return body(type(status), failure.parameter().orElse(""), code, failure.getMessage());
  }

  private static ObjectNode body(String type, String parameter, String code, String message) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    ObjectNode error = body.putObject("error").put("message", message).put("type", type);
    if (parameter.isEmpty()) {
      error.putNull("param");
    } else {
      error.put("param", parameter);
    }
    error.put("code", code);
    return body;
  }

  private static HttpStatus status(Reason reason) {
    return switch (reason) {
      case INVALID -> HttpStatus.BAD_REQUEST;
      case NOT_FOUND -> HttpStatus.NOT_FOUND;
      case CONFLICT -> HttpStatus.CONFLICT;
      case TOO_LARGE -> HttpStatus.REQUEST_ENTITY_TOO_LARGE;
      case UNSUPPORTED_MEDIA_TYPE -> HttpStatus.UNSUPPORTED_MEDIA_TYPE;
      case OVERLOADED -> HttpStatus.TOO_MANY_REQUESTS;
      case UNAVAILABLE, EXPERTS_UNAVAILABLE, CANCELLED -> HttpStatus.SERVICE_UNAVAILABLE;
      case DEADLINE_EXCEEDED -> HttpStatus.GATEWAY_TIMEOUT;
      case INTERNAL -> HttpStatus.INTERNAL_SERVER_ERROR;
    };
  }

  private static String type(HttpStatus status) {
    return switch (status.code()) {
      case 429 -> "rate_limit_error";
      case 500, 503, 504 -> "server_error";
      default -> "invalid_request_error";
    };
  }

  private static String code(HttpStatus status) {
    return switch (status.code()) {
      case 400 -> "invalid_value";
      case 404 -> "not_found";
      case 405 -> "method_not_allowed";
      case 408 -> "request_timeout";
      case 409 -> "conflict";
      case 413 -> "body_too_large";
      case 415 -> "unsupported_media_type";
      case 429 -> "overloaded";
      case 503 -> "unavailable";
      case 504 -> "deadline_exceeded";
      default -> "http_" + status.code();
    };
  }
}
