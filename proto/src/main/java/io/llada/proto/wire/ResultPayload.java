package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The partial sums of one dispatch, one row per (token, group), as they came.
///
/// @param token index of the token row in the dispatch, one per partial sum
/// @param group expert group, one per partial sum
/// @param rows one per partial sum
public record ResultPayload(int[] token, int[] group, FrameRows rows) {
  private static final int INDEX_BYTES = 2 * Integer.BYTES;

  /// Partial sums to send.
  ///
  /// @param token index of the token row in the dispatch, one per partial sum
  /// @param group expert group, one per partial sum
  /// @param rows `(partial sums, hiddenSize)`
  public record Sums(int[] token, int[] group, float[] rows) {
    /// Writes the answer to a dispatch; rows are rounded to its element type.
    public Frame encode(FrameHeader dispatch, long epoch) {
      ElementType type = dispatch.elementType();
      int bytes = Math.addExact(Math.multiplyExact(token.length, INDEX_BYTES),
          Math.multiplyExact(rows.length, type.bytes()));
      ByteBuffer payload = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (int sum = 0; sum < token.length; sum++) {
        payload.putInt(token[sum]).putInt(group[sum]);
      }
      type.write(rows, 0, rows.length, payload);
      return Frame.sealed(dispatch.answer(FrameKind.RESULT, epoch, token.length), payload.flip());
    }
  }

  /// Bytes of a payload.
  public static long bytes(long sums, int hiddenSize, ElementType type) {
    return sums * (INDEX_BYTES + (long) hiddenSize * type.bytes());
  }

  /// Reads a result and checks its size; whether it answers the question is for the caller to check.
  ///
  /// @throws FrameException when the payload does not fit its header
  public static ResultPayload decode(Frame frame, int hiddenSize) {
    FrameHeader header = frame.header();
    ByteBuffer payload = frame.payload();
    int sums = header.tokens();
    long expected = bytes(sums, hiddenSize, header.elementType());
    if (payload.remaining() != expected) {
      throw FrameException.badRequest("%d sums of %d %s take %d bytes, found %d", sums, hiddenSize,
          header.elementType(), expected, payload.remaining());
    }
    int[] token = new int[sums];
    int[] group = new int[sums];
    for (int sum = 0; sum < sums; sum++) {
      token[sum] = payload.getInt();
      group[sum] = payload.getInt();
    }
    return new ResultPayload(token, group, new FrameRows(header.elementType(), sums, hiddenSize, payload));
  }
}
