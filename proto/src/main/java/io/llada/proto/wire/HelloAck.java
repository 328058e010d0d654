package io.llada.proto.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// A node's welcome.
///
/// @param nodeId name of the node
/// @param incarnation drawn anew at each start of the node
/// @param credits dispatches that may be in flight on this stream
/// @param maxTokens most token rows of one dispatch
/// @param epoch placement epoch of the node
public record HelloAck(String nodeId, String incarnation, int credits, int maxTokens, long epoch) {
  public Frame encode() {
    byte[] node = Text.encode(nodeId);
    byte[] life = Text.encode(incarnation);
    ByteBuffer payload = ByteBuffer.allocate(4 * Integer.BYTES + node.length + life.length)
        .order(ByteOrder.LITTLE_ENDIAN);
    payload.putInt(credits).putInt(maxTokens);
    Text.write(node, payload);
    Text.write(life, payload);
    return Frame.sealed(FrameHeader.ofStream(FrameKind.HELLO_ACK, ElementType.F32, epoch), payload.flip());
  }

  /// @throws FrameException when the payload is no welcome
  public static HelloAck decode(Frame frame) {
    ByteBuffer payload = frame.payload();
    int credits = Text.readInt(payload);
    int maxTokens = Text.readInt(payload);
    if (credits < 1 || maxTokens < 1) {
      throw FrameException.badRequest("a node grants at least one credit and one token, found %d and %d", credits,
          maxTokens);
    }
    HelloAck ack = new HelloAck(Text.read(payload), Text.read(payload), credits, maxTokens, frame.header().epoch());
    Text.requireEnd(payload);
    return ack;
  }
}
