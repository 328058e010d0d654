package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.zip.CRC32C;

/// A header and its payload.
///
/// The payload is a heap buffer that is not written to any more; [#payload] hands out independent views of it.
public final class Frame {
  private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

  private final FrameHeader header;
  private final ByteBuffer payload;

  Frame(FrameHeader header, ByteBuffer payload) {
    this.header = header;
    this.payload = payload;
  }

  /// Seals a payload: its length and checksum go into the header.
  static Frame sealed(FrameHeader header, ByteBuffer payload) {
    return new Frame(header.withPayload(payload.remaining(), checksum(payload)), payload);
  }

  static Frame malformed(FrameError error) {
    return sealed(FrameHeader.ofStream(FrameKind.MALFORMED, ElementType.F32, 0), error.encode());
  }

  /// An error that answers a dispatch.
  public static Frame error(FrameHeader dispatch, FrameError error) {
    return sealed(dispatch.answer(FrameKind.ERROR, error.epoch(), 0), error.encode());
  }

  /// An error after which the sender closes the stream.
  public static Frame closing(FrameError error) {
    return sealed(FrameHeader.ofStream(FrameKind.ERROR, ElementType.F32, error.epoch()), error.encode());
  }

  /// Says that nobody waits for a dispatch any more.
  public static Frame cancel(long sequence) {
    return sealed(FrameHeader.ofStream(FrameKind.CANCEL, ElementType.F32, 0).numbered(sequence, 0), EMPTY);
  }

  public static Frame ping(int queueDepth, long epoch) {
    return sealed(FrameHeader.ofStream(FrameKind.PING, ElementType.F32, epoch), ofInt(queueDepth));
  }

  public static Frame credit(int credits) {
    return sealed(FrameHeader.ofStream(FrameKind.CREDIT, ElementType.F32, 0), ofInt(credits));
  }

  /// Bytes on the wire: header and payload.
  public int bytes() {
    return FrameHeader.BYTES + payload().remaining();
  }

  public FrameHeader header() {
    return header;
  }

  /// The payload from its first byte, little-endian.
  public ByteBuffer payload() {
    return payload.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /// Whether the payload is what the sender sealed.
  public boolean isIntact() {
    return checksum(payload) == header.payloadChecksum();
  }

  /// The same frame under another sequence and attempt; the payload is shared.
  public Frame numbered(long sequence, int attempt) {
    return new Frame(header.numbered(sequence, attempt), payload);
  }

  /// Of a dispatch: time the sender waits for the answer.
  public Duration budget() {
    return duration();
  }

  /// Of an answer: time the node had the dispatch, from its arrival until the answer was ready; zero where it does not
  /// say.
  public Duration serviceTime() {
    return duration();
  }

  /// The same answer with the time the node had the dispatch; the payload is shared.
  public Frame after(Duration serviceTime) {
    return new Frame(header.lasting(serviceTime.toNanos() / 1_000), payload);
  }

  private Duration duration() {
    return Duration.ofNanos(Math.min(header.durationMicros(), Long.MAX_VALUE / 1_000) * 1_000);
  }

  /// The number a PING or CREDIT frame carries.
  public int number() {
    if (header.payloadLength() != Integer.BYTES) {
      throw FrameException.badRequest("a %s frame has a payload of %d bytes, found %d", header.kind(), Integer.BYTES,
          header.payloadLength());
    }
    int number = payload().getInt();
    if (number < 0) {
      throw FrameException.badRequest("a %s frame carries a number from 0, found %d", header.kind(), number);
    }
    return number;
  }

  private static ByteBuffer ofInt(int value) {
    return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(value).flip();
  }

  private static int checksum(ByteBuffer payload) {
    CRC32C crc = new CRC32C();
    crc.update(payload.duplicate());
    return (int) crc.getValue();
  }
}
