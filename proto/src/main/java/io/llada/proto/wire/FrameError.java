package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;

/// Why a dispatch or a whole stream failed.
///
/// @param code the kind of failure, which decides what the caller does
/// @param message states the value, the limit and the remedy
/// @param epoch the placement epoch of the node that answers, 0 when unknown
/// @param retryAfter how long to wait before the next attempt; zero: at once
public record FrameError(Code code, String message, long epoch, Duration retryAfter) {
  /// Kinds of failure.
  public enum Code {
    /// The node does not hold a group of the dispatch; another node or a newer placement does.
    NOT_OWNER(1, true),
    /// The node's queue is full.
    BUSY(2, true),
    /// The payload was changed on its way.
    BAD_CHECKSUM(3, true),
    /// The frame breaks the contract; repeating it cannot help.
    BAD_REQUEST(4, false),
    /// The node serves another checkpoint.
    MODEL_MISMATCH(5, false),
    /// The peers speak different versions of this protocol.
    VERSION_MISMATCH(6, false),
    /// A row or weight is infinite or not a number.
    NON_FINITE(7, false),
    /// The node failed for a reason of its own.
    INTERNAL(8, false),
    /// The node's computing device failed; another node may answer.
    DEVICE_FAILED(9, true);

    private final int wire;
    private final boolean retryable;

    Code(int wire, boolean retryable) {
      this.wire = wire;
      this.retryable = retryable;
    }

    /// Whether the same dispatch may succeed when it is repeated, here or elsewhere.
    public boolean isRetryable() {
      return retryable;
    }

    private static Code of(int wire) {
      return Arrays.stream(values()).filter(code -> code.wire == wire).findFirst()
          .orElseThrow(() -> FrameException.badRequest("error code %d is unknown", wire));
    }
  }

  private static final int FIXED_BYTES = 2 * Integer.BYTES;
  private static final int MAX_MESSAGE_BYTES = 2_000;
  private static final Duration MAX_RETRY_AFTER = Duration.ofMinutes(1);

  public static FrameError of(Code code, String message) {
    return new FrameError(code, message, 0, Duration.ZERO);
  }

  /// The error as a payload. A message beyond its limit is cut.
  ByteBuffer encode() {
    byte[] text = message.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(text.length, MAX_MESSAGE_BYTES);
    ByteBuffer payload = ByteBuffer.allocate(FIXED_BYTES + length).order(ByteOrder.LITTLE_ENDIAN);
    payload.putInt(code.wire).putInt((int) (retryAfter.toNanos() / 1_000)).put(text, 0, length);
    return payload.flip();
  }

  /// Reads the error of an ERROR or MALFORMED frame.
  ///
  /// @throws FrameException when the payload is not an error
  public static FrameError decode(Frame frame) {
    ByteBuffer payload = frame.payload();
    if (payload.remaining() < FIXED_BYTES || payload.remaining() > FIXED_BYTES + MAX_MESSAGE_BYTES) {
      throw FrameException.badRequest("an error payload has %d to %d bytes, found %d", FIXED_BYTES,
                                      FIXED_BYTES + MAX_MESSAGE_BYTES, payload.remaining());
    }
    Code code = Code.of(payload.getInt());
    Duration retryAfter = Duration.ofNanos(Math.max(0, payload.getInt()) * 1_000L);
    byte[] text = new byte[payload.remaining()];
    payload.get(text);
    return new FrameError(code, new String(text, StandardCharsets.UTF_8), frame.header().epoch(),
        retryAfter.compareTo(MAX_RETRY_AFTER) > 0 ? MAX_RETRY_AFTER : retryAfter);
  }
}
