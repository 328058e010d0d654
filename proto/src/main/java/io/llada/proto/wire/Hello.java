package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The first frame on a stream: who calls, and for which model.
///
/// @param modelDigest digest of the checkpoint the caller serves
/// @param elementType number format of the rows on this stream, both ways
/// @param hiddenSize width of a row
/// @param coordinatorId name of the caller, for logs
public record Hello(String modelDigest, ElementType elementType, int hiddenSize, String coordinatorId) {
  public Frame encode() {
    byte[] digest = Text.encode(modelDigest);
    byte[] coordinator = Text.encode(coordinatorId);
    ByteBuffer payload = ByteBuffer.allocate(3 * Integer.BYTES + digest.length + coordinator.length)
        .order(ByteOrder.LITTLE_ENDIAN);
    payload.putInt(hiddenSize);
    Text.write(digest, payload);
    Text.write(coordinator, payload);
    return Frame.sealed(FrameHeader.ofStream(FrameKind.HELLO, elementType, 0), payload.flip());
  }

  /// @throws FrameException when the payload is no hello
  public static Hello decode(Frame frame) {
    ByteBuffer payload = frame.payload();
    int hiddenSize = Text.readInt(payload);
    Hello hello = new Hello(Text.read(payload), frame.header().elementType(), hiddenSize, Text.read(payload));
    Text.requireEnd(payload);
    return hello;
  }
}
