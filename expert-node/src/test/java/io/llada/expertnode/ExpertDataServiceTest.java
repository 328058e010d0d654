package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.Metadata;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.MetadataUtils;
import io.llada.cluster.Lease;
import io.llada.model.experts.DeviceException;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import java.util.concurrent.atomic.AtomicReference;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.PlacementShards;
import io.llada.proto.internal.v1.ShardId;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameError.Code;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.Hello;
import io.llada.proto.wire.HelloAck;
import io.llada.proto.wire.ResultPayload;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A node over real gRPC, spoken to frame by frame.
class ExpertDataServiceTest {
  private static final int HIDDEN_SIZE = 128;
  private static final int LAYER = 1;
  private static final int CREDITS = 3;

  private final TinyModel tiny = new TinyModel();
  private final CountDownLatch computing = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private volatile boolean stuck;
  private volatile boolean deviceFails;
  private ExpertNodeServer node;
  private ManagedChannel control;
  private FrameClient client;

  @BeforeEach
  void start() {
    ExpertNodeModel good = tiny.model;
    ExpertNodeModel model = new ExpertNodeModel(good.outline(), good.numericsClass(), good.device(), good.checkpoint(),
        good.placing(), (batch, shards) -> {
          if (!Thread.currentThread().getName().equals("expert-worker")) {
            return good.computation().compute(batch, shards); // the probe of a shard that was just loaded
          }
          awaitUnlessFree();
          if (deviceFails) {
            throw new DeviceException(DeviceException.Reason.LAUNCH_FAILED, "opencl:0 (test) failed at a launch");
          }
          return good.computation().compute(batch, shards);
        });
    node = new ExpertNodeServer(new ExpertNodeSettings("node-a", "127.0.0.1", 0, Optional.empty(), 1L << 30, 16, 2,
        CREDITS, "", ExpertNodeSettings.DEFAULT_DRAIN_TIMEOUT, ExpertNodeSettings.Sources.NONE), model,
        InsecureServerCredentials.create(),
        Optional.empty());
    node.start();
    control = NettyChannelBuilder.forTarget("dns:///" + node.endpoint(), InsecureChannelCredentials.create()).build();
    PlacementShards placement = PlacementShards.newBuilder().setEpoch(4).setModelDigest(tiny.model.digest())
        .addShards(ShardId.newBuilder().setLayer(LAYER).setGroup(0)).build();
    ExpertControlGrpc.newBlockingStub(control).prepare(placement);
    ExpertControlGrpc.newBlockingStub(control).activate(placement);
    client = new FrameClient(node.endpoint());
  }

  private void awaitUnlessFree() {
    computing.countDown();
    try {
      if (stuck && !goOn.await(20, TimeUnit.SECONDS)) {
        throw new AssertionError("never let go");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void stop() {
    goOn.countDown();
    client.close();
    control.shutdownNow();
    node.close();
    tiny.close();
  }

  @Test
  void aDispatchIsAnsweredWithOneRowForEachTokenAndGroup() throws Exception {
    greet();
    client.send(dispatch(1, new int[]{0, 0, 1}, new int[]{2, 5, 7}, 1));

    Frame answer = client.next();

    assertThat(answer.header().kind()).isEqualTo(FrameKind.RESULT);
    assertThat(answer.header().sequence()).isEqualTo(1);
    assertThat(answer.header().epoch()).isEqualTo(4);
    assertThat(answer.serviceTime()).isPositive();
    ResultPayload result = ResultPayload.decode(answer, HIDDEN_SIZE);
    assertThat(result.token()).containsExactly(0, 1);
    assertThat(result.group()).containsExactly(0, 0);
    assertThat(result.rows().copy()).hasSize(2 * HIDDEN_SIZE).doesNotContain(Float.NaN);
  }

  @Test
  void theWelcomeNamesTheNodeAndItsLimitsAndPingsFollow() throws Exception {
    client.send(hello(tiny.model.digest(), HIDDEN_SIZE));

    assertThat(HelloAck.decode(client.next()))
        .isEqualTo(new HelloAck("node-a", node.incarnation(), CREDITS, 16, 4));
    Frame ping = client.nextOfAll();
    assertThat(ping.header().kind()).isEqualTo(FrameKind.PING);
    assertThat(ping.number()).isZero();
  }

  @Test
  void aStrangerIsToldWhyAndTheStreamIsClosed() throws Exception {
    client.send(hello("another", HIDDEN_SIZE));

    assertThat(closingError()).isEqualTo(Code.MODEL_MISMATCH);
    assertThat(client.end().isOk()).isTrue();
  }

  @Test
  void aDispatchBeforeTheHelloClosesTheStream() throws Exception {
    client.send(dispatch(1, new int[]{0}, new int[]{0}, 1));

    assertThat(closingError()).isEqualTo(Code.BAD_REQUEST);
    assertThat(client.end().isOk()).isTrue();
  }

  @Test
  void randomBytesGiveATypedErrorAndTheNodeLivesOn() throws Exception {
    Random random = new Random(22);
    for (int i = 0; i < 50; i++) {
      byte[] bytes = new byte[random.nextInt(200)];
      random.nextBytes(bytes);
      try (FrameClient stranger = new FrameClient(node.endpoint())) {
        stranger.send(bytes);
        assertThat(FrameError.decode(stranger.next()).code()).isEqualTo(Code.BAD_REQUEST);
        assertThat(stranger.end().isOk()).isTrue();
      }
    }
    greet();
  }

  @Test
  void whatTheNodeDoesNotHoldIsAnsweredWithItsEpoch() throws Exception {
    greet();
    client.send(dispatch(1, new int[]{0}, new int[]{31}, 1));

    FrameError error = FrameError.decode(client.next());
    assertThat(error.code()).isEqualTo(Code.NOT_OWNER);
    assertThat(error.epoch()).isEqualTo(4);
  }

  @Test
  void aChangedPayloadIsRefusedAndTheStreamStaysOpen() throws Exception {
    greet();
    byte[] changed = FrameClient.bytes(dispatch(1, new int[]{0}, new int[]{0}, 1));
    changed[100] ^= 1;
    client.send(changed);
    assertThat(FrameError.decode(client.next()).code()).isEqualTo(Code.BAD_CHECKSUM);

    client.send(dispatch(2, new int[]{0}, new int[]{0}, 1));
    assertThat(client.next().header().kind()).isEqualTo(FrameKind.RESULT);
  }

  @Test
  void impossibleWorkIsRefusedByName() throws Exception {
    greet();
    client.send(dispatch(1, new int[]{0, 0}, new int[]{5, 2}, 1));
    assertThat(FrameError.decode(client.next()).message()).contains("ascend");
    client.send(dispatch(2, new int[]{0}, new int[]{32}, 1));
    assertThat(FrameError.decode(client.next()).message()).contains("expert 32 of 32");
    client.send(dispatch(3, new int[17], new int[17], 1));
    assertThat(FrameError.decode(client.next()).message()).contains("at most 16 tokens");
    client.send(dispatch(4, new int[]{0}, new int[]{0}, Float.NaN));
    assertThat(FrameError.decode(client.next()).code()).isEqualTo(Code.NON_FINITE);
  }

  @Test
  void aNodeWhoseDeviceFailedSaysSoAndAsksForAnother() throws Exception {
    Metadata headers = new Metadata();
    AtomicReference<Metadata> answered = new AtomicReference<>();
    ExpertControlGrpc.ExpertControlBlockingStub stub = ExpertControlGrpc.newBlockingStub(control).withInterceptors(
        MetadataUtils.newCaptureMetadataInterceptor(answered, new AtomicReference<>(headers)));
    assertThat(stub.describeNode(DescribeNodeRequest.getDefaultInstance()).getFailure()).isEmpty();
    assertThat(answered.get().get(ExpertNodeServer.DEVICE)).isEqualTo("cpu");

    greet();
    deviceFails = true;
    client.send(dispatch(1, new int[]{0}, new int[]{0}, 1));
    FrameError error = FrameError.decode(client.next());

    assertThat(error.code()).isEqualTo(Code.DEVICE_FAILED);
    assertThat(error.code().isRetryable()).isTrue();
    assertThat(error.message()).contains("opencl:0 (test)");
    assertThat(stub.describeNode(DescribeNodeRequest.getDefaultInstance()).getFailure()).contains("failed at a launch");
    assertThat(HealthGrpc.newBlockingStub(control).check(HealthCheckRequest.getDefaultInstance()).getStatus())
        .isEqualTo(
            ServingStatus.NOT_SERVING);
    assertThat(node.lease().state()).isEqualTo(Lease.State.UNHEALTHY);
    assertThat(node.lease().device()).isEqualTo("cpu");
  }

  @Test
  void aFullQueueIsBusyAndWhatIsCancelledGivesItsCreditBack() throws Exception {
    greet();
    fillTheNode();
    try (FrameClient other = new FrameClient(node.endpoint())) {
      other.send(hello(tiny.model.digest(), HIDDEN_SIZE));
      other.next();
      other.send(dispatch(1, new int[]{0}, new int[]{0}, 1));
      FrameError busy = FrameError.decode(other.next());
      assertThat(busy.code()).isEqualTo(Code.BUSY);
      assertThat(busy.retryAfter()).isPositive();
    }

    client.send(Frame.cancel(2));
    Frame credit = client.next();
    assertThat(credit.header().kind()).isEqualTo(FrameKind.CREDIT);
    assertThat(credit.number()).isEqualTo(1);
    goOn.countDown();
    assertThat(client.next().header().sequence()).isEqualTo(1);
    assertThat(client.next().header().sequence()).isEqualTo(3);
  }

  /// One dispatch computes until told to go on, two wait: all the credits of the client and all of the queue.
  private void fillTheNode() throws InterruptedException {
    stuck = true;
    client.send(dispatch(1, new int[]{0}, new int[]{0}, 1));
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();
    client.send(dispatch(2, new int[]{0}, new int[]{0}, 1));
    client.send(dispatch(3, new int[]{0}, new int[]{0}, 1));
    await().until(() -> ExpertControlGrpc.newBlockingStub(control)
        .describeNode(DescribeNodeRequest.getDefaultInstance()).getQueueDepth() == 2);
  }

  @Test
  void moreDispatchesThanCreditsCloseTheStream() throws Exception {
    greet();
    fillTheNode();
    client.send(dispatch(4, new int[]{0}, new int[]{0}, 1));

    assertThat(FrameError.decode(client.next()).message()).contains("3 credits");
    assertThat(client.end().isOk()).isTrue();
  }

  @Test
  void theHealthServiceSaysServing() {
    assertThat(HealthGrpc.newBlockingStub(control).check(HealthCheckRequest.getDefaultInstance()).getStatus())
        .isEqualTo(ServingStatus.SERVING);
  }

  private void greet() throws InterruptedException {
    client.send(hello(tiny.model.digest(), HIDDEN_SIZE));
    assertThat(client.next().header().kind()).isEqualTo(FrameKind.HELLO_ACK);
  }

  private Code closingError() throws InterruptedException {
    Frame frame = client.next();
    assertThat(frame.header().kind()).isEqualTo(FrameKind.ERROR);
    assertThat(frame.header().sequence()).isZero();
    return FrameError.decode(frame).code();
  }

  private static Frame hello(String digest, int hiddenSize) {
    return new Hello(digest, ElementType.F32, hiddenSize, "test").encode();
  }

  private static Frame dispatch(long sequence, int[] tokens, int[] experts, float first) {
    int rows = Arrays.stream(tokens).max().orElseThrow() + 1;
    int sent = tokens.length > 16 ? tokens.length : rows;
    float[] values = new float[sent * HIDDEN_SIZE];
    values[0] = first;
    float[] weights = new float[tokens.length];
    Arrays.fill(weights, 0.5f);
    FrameHeader header = new FrameHeader(FrameKind.DISPATCH, ElementType.F32, sequence, 0, LAYER, 4, 0, 0, 0,
        10_000_000, 0, 0);
    return DispatchPayload.encode(header, new DispatchPayload.Rows(values,
        IntStream.range(0, sent).toArray(), HIDDEN_SIZE), tokens, experts, weights);
  }
}
