package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/// The fixed 64 bytes before every payload, little-endian. The README has the layout.
///
/// @param kind what the frame says
/// @param elementType number format of the payload's rows
/// @param sequence number of the dispatch on its stream, from 1; 0 where the frame concerns the whole stream
/// @param attempt how often the same work was sent before, from 0
/// @param layer MoE layer of a dispatch
/// @param epoch placement epoch the sender acts on
/// @param tokens token rows of a dispatch, partial sums of a result
/// @param pairs (token, expert) pairs of a dispatch
/// @param flags see [#FLAG_BULK]
/// @param durationMicros of a dispatch: how long the sender will wait for the answer; of an answer: how long the node had the
///   dispatch, 0 where it does not say; relative, so that clocks need not agree
/// @param payloadLength bytes after the header
/// @param payloadChecksum CRC-32C of those bytes
public record FrameHeader(FrameKind kind, ElementType elementType, long sequence, int attempt, int layer, long epoch,
    int tokens, int pairs, int flags, long durationMicros, int payloadLength, int payloadChecksum) {
  /// Bytes of an encoded header.
  public static final int BYTES = 64;
  /// "LLDA" in the order of the bytes.
  public static final int MAGIC = 0x41444c4c;
  /// Raised when a frame of one version cannot be read by the other.
  public static final int PROTOCOL_VERSION = 1;
  /// The dispatch belongs to a prefill: throughput matters more than latency.
  public static final int FLAG_BULK = 1;

  private static final int CHECKED_BYTES = BYTES - Integer.BYTES;

  /// A header of a frame that concerns the stream as a whole.
  static FrameHeader ofStream(FrameKind kind, ElementType elementType, long epoch) {
    return new FrameHeader(kind, elementType, 0, 0, 0, epoch, 0, 0, 0, 0, 0, 0);
  }

  /// A header that answers the dispatch of this header.
  FrameHeader answer(FrameKind answerKind, long answerEpoch, int answerTokens) {
    return new FrameHeader(answerKind, elementType, sequence, attempt, layer, answerEpoch, answerTokens, 0, flags, 0, 0,
        0);
  }

  FrameHeader withPayload(int length, int checksum) {
    return new FrameHeader(kind, elementType, sequence, attempt, layer, epoch, tokens, pairs, flags, durationMicros,
        length, checksum);
  }

  /// The same header under another sequence and attempt.
  public FrameHeader numbered(long newSequence, int newAttempt) {
    return new FrameHeader(kind, elementType, newSequence, newAttempt, layer, epoch, tokens, pairs, flags,
        durationMicros,
        payloadLength, payloadChecksum);
  }

  FrameHeader lasting(long micros) {
    return new FrameHeader(kind, elementType, sequence, attempt, layer, epoch, tokens, pairs, flags, micros,
        payloadLength, payloadChecksum);
  }

  byte[] encode() {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(MAGIC).putShort((short) PROTOCOL_VERSION).put((byte) kind.code()).put((byte) elementType.code());
    bytes.putLong(sequence).putInt(attempt).putInt(layer).putLong(epoch);
    bytes.putInt(tokens).putInt(pairs).putInt(flags).putInt(payloadLength);
    bytes.putLong(durationMicros).putInt(payloadChecksum);
    bytes.putInt(checksum(bytes.array()));
    return bytes.array();
  }

  /// Reads a header and checks every field that needs no payload.
  ///
  /// @param maxPayloadBytes the most payload the reader accepts
  /// @throws FrameException naming the offending field
  static FrameHeader decode(byte[] encoded, int maxPayloadBytes) {
    ByteBuffer bytes = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN);
    requireOurs(bytes, encoded);
    FrameKind kind = FrameKind.of(bytes.get());
    ElementType elementType = ElementType.of(bytes.get());
    long sequence = bytes.getLong();
    int attempt = bytes.getInt();
    int layer = bytes.getInt();
    long epoch = bytes.getLong();
    int tokens = bytes.getInt();
    int pairs = bytes.getInt();
    int flags = bytes.getInt();
    int payloadLength = bytes.getInt();
    FrameHeader header = new FrameHeader(kind, elementType, sequence, attempt, layer, epoch, tokens, pairs, flags,
        bytes.getLong(), payloadLength, bytes.getInt());
    if (sequence < 0 || attempt < 0 || layer < 0 || epoch < 0 || tokens < 0 || pairs < 0 || header.durationMicros < 0) {
      throw FrameException.badRequest("no header field may be negative, found %s", header);
    }
    if (payloadLength < 0 || payloadLength > maxPayloadBytes) {
      throw FrameException.badRequest("a payload has 0 to %d bytes here, found %d", maxPayloadBytes, payloadLength);
    }
    return header;
  }

  private static void requireOurs(ByteBuffer bytes, byte[] encoded) {
    int magic = bytes.getInt();
    if (magic != MAGIC) {
      throw FrameException.badRequest("a frame begins with %08x, found %08x", MAGIC, magic);
    }
    int version = bytes.getShort() & 0xffff;
    if (version != PROTOCOL_VERSION) {
      throw new FrameException(FrameError.of(FrameError.Code.VERSION_MISMATCH,
          "this process speaks version %d, the peer %d; run the same release on both"
              .formatted(PROTOCOL_VERSION, version)));
    }
    int found = bytes.getInt(CHECKED_BYTES);
    if (found != checksum(encoded)) {
      throw new FrameException(FrameError.of(FrameError.Code.BAD_CHECKSUM, "the frame header was changed on its way"));
    }
  }

  private static int checksum(byte[] encoded) {
    CRC32C crc = new CRC32C();
    crc.update(encoded, 0, CHECKED_BYTES);
    return (int) crc.getValue();
  }
}
