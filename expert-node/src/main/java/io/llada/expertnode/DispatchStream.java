package io.llada.expertnode;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameError.Code;
import io.llada.proto.wire.FrameException;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.Hello;
import io.llada.proto.wire.HelloAck;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One coordinator's stream of frames, as the node sees it.
///
/// Frames come in on the transport's thread, which checks and queues them and computes nothing; frames go out from any
/// thread, one at a time. The caller's credits bound what can be in flight and so what can wait to be sent.
final class DispatchStream implements StreamObserver<Frame> {
  private static final Logger LOG = LoggerFactory.getLogger(DispatchStream.class);

  private final ExpertNodeModel model;
  private final HelloAck welcome;
  private final ExpertWorker worker;
  private final ServerCallStreamObserver<Frame> out;
  private final Consumer<DispatchStream> onClosed;
  private volatile Optional<Hello> hello = Optional.empty();
  // Guarded by `out`.
  private int inFlight;
  private boolean closed;

  DispatchStream(ExpertNodeModel model, HelloAck welcome, ExpertWorker worker, ServerCallStreamObserver<Frame> out,
      Consumer<DispatchStream> onClosed) {
    this.model = model;
    this.welcome = welcome;
    this.worker = worker;
    this.out = out;
    this.onClosed = onClosed;
  }

  /// Who greeted; empty before.
  Optional<String> coordinatorId() {
    return hello.map(Hello::coordinatorId);
  }

  @Override
  public void onNext(Frame frame) {
    try {
      take(frame);
    } catch (FrameException e) {
      fail(e.error());
    }
  }

  private void take(Frame frame) {
    FrameKind kind = frame.header().kind();
    if (kind == FrameKind.MALFORMED) {
      throw new FrameException(FrameError.decode(frame));
    }
    if (hello.isEmpty() != (kind == FrameKind.HELLO)) {
      throw badRequest("a stream begins with one HELLO, found %s %s it".formatted(kind,
          hello.isEmpty() ? "before" : "after"));
    }
    switch (kind) {
      case HELLO -> greet(frame);
      case DISPATCH -> dispatch(frame);
      case CANCEL -> cancel(frame.header().sequence());
      default -> throw badRequest("a coordinator sends HELLO, DISPATCH and CANCEL, found " + kind);
    }
  }

  private void greet(Frame frame) {
    requireIntact(frame);
    Hello caller = Hello.decode(frame);
    if (!caller.modelDigest().equals(model.digest()) || caller.hiddenSize() != model.hiddenSize()) {
      throw new FrameException(FrameError.of(Code.MODEL_MISMATCH,
          "node %s serves checkpoint %s with rows of %d, the caller %s with rows of %d".formatted(welcome.nodeId(),
              model.digest(), model.hiddenSize(), caller.modelDigest(), caller.hiddenSize())));
    }
    hello = Optional.of(caller);
    LOG.info("coordinator {} opened a stream of {} rows", caller.coordinatorId(), caller.elementType());
    send(welcome.encode());
  }

  private void dispatch(Frame frame) {
    FrameHeader header = frame.header();
    if (header.elementType() != hello.orElseThrow().elementType() || header.sequence() == 0) {
      throw badRequest("a dispatch has a sequence from 1 and the element type of the HELLO, found " + header);
    }
    synchronized (out) {
      if (inFlight == welcome.credits()) {
        throw badRequest("the caller has %d credits and sent one dispatch more".formatted(welcome.credits()));
      }
      inFlight++;
    }
    if (!frame.isIntact()) {
      answer(Frame.error(header, FrameError.of(Code.BAD_CHECKSUM, "the payload was changed on its way")));
      return;
    }
    worker.submit(new Work(this, frame, worker.nanoTime(), this::answer));
  }

  private void cancel(long sequence) {
    int forgotten = worker
        .forget(work -> work.stream() == this && work.dispatch().header().sequence() == sequence);
    if (forgotten > 0) {
      answer(Frame.credit(1));
    }
  }

  /// Sends a frame that gives a credit back.
  private void answer(Frame frame) {
    synchronized (out) {
      inFlight--;
      send(frame);
    }
  }

  void ping(Frame ping) {
    synchronized (out) {
      // Where the caller does not read, pings must not pile up: it will hear of us when it reads again.
      if (out.isReady()) {
        send(ping);
      }
    }
  }

  private void send(Frame frame) {
    synchronized (out) {
      if (!closed) {
        out.onNext(frame);
      }
    }
  }

  private static void requireIntact(Frame frame) {
    if (!frame.isIntact()) {
      throw new FrameException(FrameError.of(Code.BAD_CHECKSUM, "the payload was changed on its way"));
    }
  }

  private static FrameException badRequest(String message) {
    return new FrameException(FrameError.of(Code.BAD_REQUEST, message));
  }

  /// Tells the caller what is wrong and closes the stream.
  private void fail(FrameError error) {
    LOG.warn("closing a stream: {} {}", error.code(), error.message());
    send(Frame.closing(error));
    close();
  }

  /// Closes the stream; dispatches that have not begun are forgotten.
  void close() {
    synchronized (out) {
      if (closed) {
        return;
      }
      closed = true;
      out.onCompleted();
    }
    ended();
  }

  void cancelled() {
    synchronized (out) {
      closed = true;
    }
    ended();
  }

  private void ended() {
    worker.forget(work -> work.stream() == this);
    onClosed.accept(this);
  }

  @Override
  public void onError(Throwable failure) {
    cancelled();
  }

  @Override
  public void onCompleted() {
    close();
  }
}
