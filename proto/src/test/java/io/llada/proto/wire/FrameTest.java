package io.llada.proto.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.proto.wire.FrameError.Code;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class FrameTest {
  private static final int VERSION_OFFSET = 4;
  private static final int KIND_OFFSET = 6;
  private static final int PAYLOAD_LENGTH_OFFSET = 44;

  @ParameterizedTest
  @EnumSource(ElementType.class)
  void aDispatchSurvivesTheWire(ElementType type) {
    Frame sent = Frames.dispatch(1, type, 5, 13);

    Frame received = Frames.parse(Frames.bytes(sent));

    assertThat(received.header()).isEqualTo(sent.header());
    assertThat(received.isIntact()).isTrue();
    DispatchPayload payload = DispatchPayload.decode(received, Frames.HIDDEN_SIZE);
    DispatchPayload original = DispatchPayload.decode(sent, Frames.HIDDEN_SIZE);
    assertThat(payload.rows()).isEqualTo(original.rows()).hasSize(5 * Frames.HIDDEN_SIZE);
    assertThat(payload.pairToken()).isEqualTo(original.pairToken());
    assertThat(payload.pairExpert()).isEqualTo(original.pairExpert());
    assertThat(payload.pairWeight()).isEqualTo(original.pairWeight());
  }

  @Test
  void aResultAnswersTheSequenceAndAttemptOfItsDispatch() {
    Frame dispatch = Frames.dispatch(2, ElementType.F32, 3, 4);
    ResultPayload.Sums result = Frames.result(3, 6);

    Frame received = Frames.parse(Frames.bytes(result.encode(dispatch.header(), 12)));

    assertThat(received.header().kind()).isEqualTo(FrameKind.RESULT);
    assertThat(received.header().sequence()).isEqualTo(dispatch.header().sequence());
    assertThat(received.header().attempt()).isEqualTo(dispatch.header().attempt());
    assertThat(received.header().epoch()).isEqualTo(12);
    ResultPayload decoded = ResultPayload.decode(received, Frames.HIDDEN_SIZE);
    assertThat(decoded.rows().copy()).isEqualTo(result.rows());
    assertThat(decoded.token()).isEqualTo(result.token());
    assertThat(decoded.group()).isEqualTo(result.group());
  }

  @Test
  void anAnswerSaysHowLongTheNodeHadItsDispatch() {
    Frame dispatch = Frames.dispatch(3, ElementType.F32, 2, 2);
    assertThat(Frames.parse(Frames.bytes(dispatch)).budget()).isEqualTo(Duration.ofMillis(1_500));
    Frame result = Frames.result(2, 2).encode(dispatch.header(), 12);
    assertThat(result.serviceTime()).isZero();

    Frame received = Frames.parse(Frames.bytes(result.after(Duration.ofNanos(2_345_678))));

    assertThat(received.serviceTime()).isEqualTo(Duration.ofNanos(2_345_000));
    assertThat(received.isIntact()).isTrue();
  }

  @Test
  void greetingsErrorsAndNumbersSurviveTheWire() {
    Hello hello = new Hello("digest", ElementType.BF16, 2048, "coordinator-é");
    HelloAck ack = new HelloAck("node-a", "life-1", 3, 512, 9);
    FrameError error = new FrameError(Code.BUSY, "queue of 8 is full", 4, Duration.ofMillis(20));

    assertThat(Hello.decode(Frames.parse(Frames.bytes(hello.encode())))).isEqualTo(hello);
    assertThat(HelloAck.decode(Frames.parse(Frames.bytes(ack.encode())))).isEqualTo(ack);
    assertThat(FrameError.decode(Frames.parse(Frames.bytes(Frame.closing(error))))).isEqualTo(error);
    assertThat(Frames.parse(Frames.bytes(Frame.ping(17, 2))).number()).isEqualTo(17);
    assertThat(Frames.parse(Frames.bytes(Frame.credit(2))).number()).isEqualTo(2);
    assertThat(Frames.parse(Frames.bytes(Frame.cancel(88))).header().sequence()).isEqualTo(88);
  }

  @Test
  void aFrameTakesTheDocumentedBytes() {
    ByteBuffer bytes = ByteBuffer.wrap(Frames.bytes(Frames.dispatch(4, ElementType.BF16, 2, 3)))
        .order(ByteOrder.LITTLE_ENDIAN);

    assertThat(bytes.remaining()).isEqualTo(64 + 2 * Frames.HIDDEN_SIZE * 2 + 3 * 12);
    assertThat(new byte[]{bytes.get(0), bytes.get(1), bytes.get(2), bytes.get(3)}).asString().isEqualTo("LLDA");
    assertThat(bytes.get(KIND_OFFSET)).isEqualTo((byte) 3);
    assertThat(bytes.getLong(8)).isEqualTo(7);
    assertThat(bytes.getInt(32)).isEqualTo(2);
    assertThat(bytes.getInt(36)).isEqualTo(3);
    assertThat(bytes.getInt(PAYLOAD_LENGTH_OFFSET)).isEqualTo(bytes.remaining() - 64);
  }

  @Test
  void readingAFrameByStreamGivesTheBytesThatDrainingGives() throws IOException {
    Frame frame = Frames.dispatch(5, ElementType.F32, 3, 2);
    try (InputStream stream = new FrameMarshaller(0).stream(frame)) {
      assertThat(stream.available()).isEqualTo(Frames.bytes(frame).length);
      assertThat(stream.readAllBytes()).isEqualTo(Frames.bytes(frame));
    }
  }

  @Test
  void aChangedPayloadIsFoundAndKeepsItsSequence() {
    byte[] bytes = Frames.bytes(Frames.dispatch(6, ElementType.F32, 2, 2));
    bytes[bytes.length - 1] ^= 1;

    Frame frame = Frames.parse(bytes);

    assertThat(frame.isIntact()).isFalse();
    assertThat(frame.header().sequence()).isEqualTo(7);
  }

  @Test
  void aChangedHeaderIsMalformed() {
    byte[] bytes = Frames.bytes(Frames.dispatch(7, ElementType.F32, 2, 2));
    bytes[9] ^= 1;

    assertThat(Frames.defect(bytes)).isEqualTo(Code.BAD_CHECKSUM);
  }

  @Test
  void anotherVersionOrMagicIsMalformed() {
    byte[] version = Frames.bytes(Frame.ping(1, 1));
    version[VERSION_OFFSET] = 2;
    byte[] magic = Frames.bytes(Frame.ping(1, 1));
    magic[0] = 'X';

    assertThat(Frames.defect(version)).isEqualTo(Code.VERSION_MISMATCH);
    assertThat(Frames.defect(magic)).isEqualTo(Code.BAD_REQUEST);
  }

  @Test
  void everyTruncationIsMalformed() {
    byte[] bytes = Frames.bytes(Frames.dispatch(8, ElementType.BF16, 2, 2));
    for (int length = 0; length < bytes.length; length++) {
      assertThat(Frames.defect(Arrays.copyOf(bytes, length))).isEqualTo(Code.BAD_REQUEST);
    }
    assertThat(Frames.defect(Arrays.copyOf(bytes, bytes.length + 1))).isEqualTo(Code.BAD_REQUEST);
  }

  @Test
  void aPayloadBeyondTheCapIsRefusedBeforeItIsRead() {
    FrameHeader huge = new FrameHeader(FrameKind.DISPATCH, ElementType.F32, 1, 0, 0, 0, Integer.MAX_VALUE,
        Integer.MAX_VALUE, 0, 0, Integer.MAX_VALUE, 0);

    assertThat(Frames.defect(huge.encode())).isEqualTo(Code.BAD_REQUEST);
  }

  @Test
  void countsThatDoNotFitThePayloadAreRefused() {
    Frame frame = Frames.dispatch(9, ElementType.F32, 2, 2);
    FrameHeader lie = new FrameHeader(FrameKind.DISPATCH, ElementType.F32, 1, 0, 0, 0, Integer.MAX_VALUE, 2, 0, 0, 0,
        0);

    assertThatThrownBy(() -> DispatchPayload.decode(Frame.sealed(lie, frame.payload()), Frames.HIDDEN_SIZE))
        .isInstanceOf(FrameException.class).hasMessageContaining("2147483647 rows");
    assertThatThrownBy(() -> ResultPayload.decode(Frame.sealed(lie, frame.payload()), Frames.HIDDEN_SIZE))
        .isInstanceOf(FrameException.class).hasMessageContaining("2147483647 sums");
  }

  static List<float[]> notFinite() {
    return List.of(new float[]{1, Float.NaN}, new float[]{Float.POSITIVE_INFINITY, 0},
        new float[]{Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY});
  }

  @ParameterizedTest
  @MethodSource("notFinite")
  void whatIsNotFiniteIsRefused(float[] row) {
    FrameHeader header = FrameHeader.ofStream(FrameKind.DISPATCH, ElementType.BF16, 0);
    Frame badRow = DispatchPayload.encode(header, new DispatchPayload.Rows(row, new int[]{0}, 2), new int[]{0},
        new int[]{0}, new float[]{1});
    Frame badWeight = DispatchPayload.encode(header, new DispatchPayload.Rows(new float[2], new int[]{0}, 2),
        new int[]{0, 0}, new int[]{0, 1}, row);

    for (Frame bad : List.of(badRow, badWeight)) {
      assertThatThrownBy(() -> DispatchPayload.decode(bad, 2)).isInstanceOfSatisfying(FrameException.class,
          e -> assertThat(e.error().code())
              .isEqualTo(Code.NON_FINITE));
    }
  }

  @Test
  void onlyFailuresThatMayPassAreRetryable() {
    assertThat(Arrays.stream(Code.values()).filter(Code::isRetryable)).containsExactly(Code.NOT_OWNER, Code.BUSY,
        Code.BAD_CHECKSUM, Code.DEVICE_FAILED);
  }
}
