package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/// Short texts inside a payload: int32 length in bytes, then UTF-8.
final class Text {
  private static final int MAX_BYTES = 512;

  private Text() {}

  static byte[] encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "an identifier has at most %d bytes, found %d: %s".formatted(MAX_BYTES, bytes.length, text));
    }
    return bytes;
  }

  static void write(byte[] encoded, ByteBuffer to) {
    to.putInt(encoded.length).put(encoded);
  }

  static String read(ByteBuffer from) {
    int length = readInt(from);
    if (length < 0 || length > Math.min(MAX_BYTES, from.remaining())) {
      throw FrameException.badRequest("a text has 0 to %d bytes, found %d with %d bytes left", MAX_BYTES, length,
          from.remaining());
    }
    byte[] bytes = new byte[length];
    from.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static int readInt(ByteBuffer from) {
    if (from.remaining() < Integer.BYTES) {
      throw FrameException.badRequest("the payload ends %d bytes into a number of %d", from.remaining(), Integer.BYTES);
    }
    return from.getInt();
  }

  static void requireEnd(ByteBuffer from) {
    if (from.hasRemaining()) {
      throw FrameException.badRequest("%d bytes follow the end of the payload", from.remaining());
    }
  }
}
