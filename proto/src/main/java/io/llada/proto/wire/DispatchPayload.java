package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The work of one dispatch: token rows and the (token, expert) pairs to compute on them.
///
/// @param rows `(tokens, hiddenSize)`
/// @param pairToken index of the row, one per pair
/// @param pairExpert expert id within the layer, one per pair
/// @param pairWeight routing weight, one per pair
public record DispatchPayload(float[] rows, int[] pairToken, int[] pairExpert, float[] pairWeight) {
  /// Bytes of one pair.
  public static final int PAIR_BYTES = 3 * Integer.BYTES;

  /// Where the rows of a dispatch come from, so that they are rounded and copied once, straight into the frame.
  ///
  /// @param rows rows of a whole batch, `(any, hiddenSize)`
  /// @param selected which of them to send, in this order
  /// @param hiddenSize width of a row
  public record Rows(float[] rows, int[] selected, int hiddenSize) {}

  /// Bytes of a payload.
  public static long bytes(long tokens, long pairs, int hiddenSize, ElementType type) {
    return tokens * hiddenSize * type.bytes() + pairs * PAIR_BYTES;
  }

  /// Writes a dispatch frame; rows are rounded to the header's element type.
  ///
  /// @param header its token and pair counts are replaced by those of the arguments
  public static Frame encode(FrameHeader header, Rows rows, int[] pairToken, int[] pairExpert, float[] pairWeight) {
    ElementType type = header.elementType();
    int tokens = rows.selected().length;
    long bytes = bytes(tokens, pairToken.length, rows.hiddenSize(), type);
    ByteBuffer payload = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    for (int row : rows.selected()) {
      type.write(rows.rows(), row * rows.hiddenSize(), rows.hiddenSize(), payload);
    }
    for (int pair = 0; pair < pairToken.length; pair++) {
      payload.putInt(pairToken[pair]).putInt(pairExpert[pair]).putFloat(pairWeight[pair]);
    }
    FrameHeader counted = new FrameHeader(FrameKind.DISPATCH, type, header.sequence(), header.attempt(), header.layer(),
        header.epoch(), tokens, pairToken.length, header.flags(), header.durationMicros(), 0, 0);
    return Frame.sealed(counted, payload.flip());
  }

  /// Reads a dispatch and checks its sizes, indices and numbers.
  ///
  /// @throws FrameException when the payload does not fit its header, an index is out of range or a number not finite
  public static DispatchPayload decode(Frame frame, int hiddenSize) {
    FrameHeader header = frame.header();
    ByteBuffer payload = frame.payload();
    long expected = bytes(header.tokens(), header.pairs(), hiddenSize, header.elementType());
    if (payload.remaining() != expected) {
      throw FrameException.badRequest("%d rows of %d %s and %d pairs take %d bytes, found %d", header.tokens(),
          hiddenSize, header.elementType(), header.pairs(), expected, payload.remaining());
    }
    float[] rows = new float[header.tokens() * hiddenSize];
    header.elementType().read(payload, rows);
    payload.position(rows.length * header.elementType().bytes());
    int[] tokens = new int[header.pairs()];
    int[] experts = new int[header.pairs()];
    float[] weights = new float[header.pairs()];
    for (int pair = 0; pair < tokens.length; pair++) {
      tokens[pair] = payload.getInt();
      experts[pair] = payload.getInt();
      weights[pair] = payload.getFloat();
      if (tokens[pair] < 0 || tokens[pair] >= header.tokens()) {
        throw FrameException.badRequest("pair %d names token %d of %d", pair, tokens[pair], header.tokens());
      }
    }
    requireFinite("row", rows);
    requireFinite("weight", weights);
    return new DispatchPayload(rows, tokens, experts, weights);
  }

  private static void requireFinite(String what, float[] values) {
    if (!Bf16Rows.areFinite(values)) {
      throw new FrameException(FrameError.of(FrameError.Code.NON_FINITE,
          "a %s of the dispatch is infinite or not a number".formatted(what)));
    }
  }
}
