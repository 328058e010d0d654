package io.llada.gateway.grpc;

import com.linecorp.armeria.common.HttpHeaderNames;
import com.linecorp.armeria.common.util.TimeoutMode;
import com.linecorp.armeria.server.ServiceRequestContext;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.gateway.coordinator.ServedModel;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.gateway.generation.Answer;
import io.llada.gateway.generation.GenerationEvent;
import io.llada.gateway.generation.GenerationService;
import io.llada.proto.v1.GenerateEvent;
import io.llada.proto.v1.GenerateRequest;
import io.llada.proto.v1.GenerationGrpc;
import io.llada.proto.v1.ListModelsRequest;
import io.llada.proto.v1.ListModelsResponse;
import io.llada.proto.v1.Model;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code llada.v1.Generation}. Each call runs on a thread of its own, which may wait. */
public final class GenerationGrpcService extends GenerationGrpc.GenerationImplBase {
  /** The service's full name, for health checks. */
  public static final String NAME = GenerationGrpc.SERVICE_NAME;
  private static final Logger LOG = LoggerFactory.getLogger(GenerationGrpcService.class);

  private final GenerationService service;
  private final Duration deadline;
  private final Duration slowReaderLimit;
  private final Executor threads;

  /**
   * @param deadline for a whole answer
   * @param slowReaderLimit how long a client may leave events untaken
   * @param threads one thread per task, which may block
   */
  public GenerationGrpcService(GenerationService service, Duration deadline, Duration slowReaderLimit,
      Executor threads) {
    this.service = service;
    this.deadline = deadline;
    this.slowReaderLimit = slowReaderLimit;
    this.threads = threads;
  }

  @Override
  public void generate(GenerateRequest request, StreamObserver<GenerateEvent> observer) {
    ServiceRequestContext context = ServiceRequestContext.current();
    if (!context.request().headers().contains(HttpHeaderNames.of("grpc-timeout"))) {
      context.setRequestTimeout(TimeoutMode.SET_FROM_NOW, deadline); // a caller's own deadline stays
    }
    var call = (ServerCallStreamObserver<GenerateEvent>) observer;
    PacedCall paced = new PacedCall(call, slowReaderLimit); // handlers must be set before this method returns
    threads.execute(() -> answer(request, paced));
  }

  private void answer(GenerateRequest request, PacedCall call) {
    try (Answer answer = service.generate(GenerationMessages.read(request))) {
      call.onCancel(answer::close);
      while (true) {
        Optional<GenerationEvent> event = answer.next(deadline);
        if (event.isEmpty()) {
          throw new GatewayException(Reason.DEADLINE_EXCEEDED, "nothing came within the deadline");
        }
        GenerationMessages.write(answer.terms(), event.get()).ifPresent(call::send);
        if (event.get() instanceof GenerationEvent.Finished) {
          call.complete();
          return;
        }
      }
    } catch (RuntimeException e) {
      call.fail(status(e));
    }
  }

  @Override
  public void listModels(ListModelsRequest request, StreamObserver<ListModelsResponse> observer) {
    try {
      ServedModel model = service.model();
      observer.onNext(ListModelsResponse.newBuilder().addModels(Model.newBuilder()
          .setId(model.id())
          .setContextLength(model.contextLength())
          .setBlockLength(model.blockLength())).build());
      observer.onCompleted();
    } catch (RuntimeException e) {
      observer.onError(status(e));
    }
  }

  private static StatusRuntimeException status(RuntimeException thrown) {
    if (!(thrown instanceof GatewayException failure)) {
      LOG.error("a call failed unexpectedly", thrown);
      return Status.INTERNAL.withDescription("an internal error; the log of the gateway tells more")
          .asRuntimeException();
    }
    Status status = switch (failure.reason()) {
      case INVALID, UNSUPPORTED_MEDIA_TYPE, TOO_LARGE -> Status.INVALID_ARGUMENT;
      case NOT_FOUND -> Status.NOT_FOUND;
      case CONFLICT -> Status.ABORTED;
      case OVERLOADED -> Status.RESOURCE_EXHAUSTED;
      case UNAVAILABLE, EXPERTS_UNAVAILABLE -> Status.UNAVAILABLE;
      case DEADLINE_EXCEEDED -> Status.DEADLINE_EXCEEDED;
      case CANCELLED -> Status.CANCELLED;
      case INTERNAL -> Status.INTERNAL;
    };
    return status.withDescription(failure.getMessage()).asRuntimeException();
  }
}
