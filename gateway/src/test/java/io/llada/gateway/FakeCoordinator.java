package io.llada.gateway;

import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.proto.internal.v1.BlockTokens;
import io.llada.proto.internal.v1.CoordinatorStatus;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseFinished;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.DescribeRequest;
import io.llada.proto.internal.v1.ExpertsUnavailable;
import io.llada.proto.internal.v1.ServedModel;
import io.llada.proto.internal.v1.StatusRequest;
import io.llada.proto.internal.v1.StepTokens;
import io.llada.proto.v1.Degraded;
import io.llada.proto.v1.DiffusionSettings;
import io.llada.proto.v1.Usage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/** A real gRPC server that answers with scripted blocks. */
public final class FakeCoordinator extends DenoisingGrpc.DenoisingImplBase implements AutoCloseable {
  public static final int MASK = 1988;
  public static final int END_OF_TEXT = 1985;
  public static final int ROLE_END = 1994;

  /** What to do with a request; runs on a thread of its own. */
  public interface Script {
    void run(DenoiseRequest request, Call call) throws InterruptedException;
  }

  /** The answering side of a call. */
  public final class Call {
    private final ServerCallStreamObserver<DenoiseEvent> observer;
    private int steps;
    private int forwards;
    private Degraded degraded = Degraded.getDefaultInstance();
    private OptionalInt committedPosition = OptionalInt.empty();
    private float committedConfidence;

    private Call(ServerCallStreamObserver<DenoiseEvent> observer) {
      this.observer = observer;
    }

    /** What the following blocks say was spent so far. */
    public Call spent(int newSteps, int newForwards) {
      steps = newSteps;
      forwards = newForwards;
      return this;
    }

    /** What the following blocks say the call went without so far. */
    public Call without(int layer, int group, long tokens) {
      degraded = degraded.toBuilder().addLayers(layer).addGroups(group).setTokens(tokens).build();
      return this;
    }

    public Call block(int index, int... ids) throws InterruptedException {
      return send(DenoiseEvent.newBuilder()
          .setBlockCommitted(
              BlockTokens.newBuilder().setBlockIndex(index).setSteps(steps).setForwards(forwards).setDegraded(degraded)
                  .addAllTokenIds(Arrays.stream(ids).boxed().toList()))
          .build());
    }

    /** What the following steps say was committed. */
    public Call committing(int position, float confidence) {
      committedPosition = OptionalInt.of(position);
      committedConfidence = confidence;
      return this;
    }

    public Call step(int block, int step, int... ids) throws InterruptedException {
      spent(steps + 1, forwards + 1);
      StepTokens.Builder message = StepTokens.newBuilder().setBlockIndex(block).setStep(step);
      committedPosition
          .ifPresent(position -> message.addCommittedPositions(position).addConfidences(committedConfidence));
      List<Integer> masked = IntStream.range(0, ids.length).filter(i -> ids[i] == MASK).boxed().toList();
      return send(DenoiseEvent.newBuilder().setStep(message
          .addAllTokenIds(Arrays.stream(ids).boxed().toList()).addAllMaskedPositions(masked)).build());
    }

    public void finish(DenoiseFinished.Reason reason, int steps, int forwards) throws InterruptedException {
      send(DenoiseEvent.newBuilder().setFinished(DenoiseFinished.newBuilder().setReason(reason)
          .setUsage(Usage.newBuilder().setSteps(steps).setForwards(forwards))).build());
      observer.onCompleted();
    }

    /** Ends the call as if all were well, without the last event. */
    public void stop() {
      observer.onCompleted();
    }

    public void fail(Status status) {
      observer.onError(status.asRuntimeException());
    }

    /** Fails as a coordinator does that lives and has waited for experts in vain. */
    public void failForExperts(String message) {
      Metadata trailers = new Metadata();
      trailers.put(ProtoUtils.keyForProto(ExpertsUnavailable.getDefaultInstance()),
          ExpertsUnavailable.newBuilder().setLayer(2).addGroups(1).build());
      observer.onError(Status.UNAVAILABLE.withDescription(message).asRuntimeException(trailers));
    }

    public boolean isCancelled() {
      return observer.isCancelled();
    }

    private Call send(DenoiseEvent event) throws InterruptedException {
      while (!observer.isReady() && !observer.isCancelled()) {
        Thread.sleep(1); // a fake: polling is good enough for back-pressure
      }
      if (!observer.isCancelled()) {
        observer.onNext(event);
      }
      return this;
    }
  }

  public volatile Script script = (request, call) -> call.fail(Status.UNIMPLEMENTED);
  public volatile CoordinatorStatus status = CoordinatorStatus.newBuilder().setLastForwardAgeMillis(100)
      .setEveryShardCovered(true).build();
  public volatile ServedModel model = ServedModel.newBuilder().setId("llada2-tiny-chat").setVocabularySize(2048)
      .setContextLength(448).setBlockLength(32).setMaskTokenId(MASK).setEndTokenId(END_OF_TEXT).setModelDigest("d1")
      .setDefaultSettings(DiffusionSettings.newBuilder().setMaxTokens(256).setThreshold(0.95f)).build();
  /** Whether it answers nothing any more, like a process that was stopped. */
  public volatile boolean isFrozen;
  public final List<DenoiseRequest> requests = new CopyOnWriteArrayList<>();
  public final AtomicInteger cancelled = new AtomicInteger();
  private final Server server;
  private final int port;

  public FakeCoordinator() throws IOException {
    this(0);
  }

  public FakeCoordinator(int wantedPort) throws IOException {
    this.server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), wantedPort))
        .addService(this).build().start();
    this.port = server.getPort();
  }

  public Endpoint endpoint() {
    return new Endpoint("127.0.0.1", port);
  }

  /** Commits the ids in one block and finishes: with an end token when there is one, else at max_tokens. */
  public void answers(int... ids) {
    boolean isEnd = Arrays.stream(ids).anyMatch(id -> id == END_OF_TEXT);
    script = (request, call) -> call.spent(3, 2).block(0, ids).finish(
        isEnd ? DenoiseFinished.Reason.REASON_END_TOKEN : DenoiseFinished.Reason.REASON_LENGTH, 3, 2);
  }

  @Override
  public void denoise(DenoiseRequest request, StreamObserver<DenoiseEvent> observer) {
    requests.add(request);
    var stream = (ServerCallStreamObserver<DenoiseEvent>) observer;
    stream.setOnCancelHandler(cancelled::incrementAndGet);
    Script current = script;
    Thread.ofVirtual().name("fake-coordinator").start(() -> {
      try {
        current.run(request, new Call(stream));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
  }

  @Override
  public void describe(DescribeRequest request, StreamObserver<ServedModel> observer) {
    if (!isFrozen) {
      observer.onNext(model);
      observer.onCompleted();
    }
  }

  @Override
  public void status(StatusRequest request, StreamObserver<CoordinatorStatus> observer) {
    if (!isFrozen) {
      observer.onNext(status);
      observer.onCompleted();
    }
  }

  /** Ends as a killed process does. */
  public void stop() {
    server.shutdownNow();
  }

  @Override
  public void close() {
    stop();
  }
}
