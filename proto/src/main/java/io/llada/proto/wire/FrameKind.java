package io.llada.proto.wire;

/// What a frame says.
public enum FrameKind {
  /// Coordinator to node, first on every stream: who is calling and for which model. Payload [Hello].
  HELLO(1),
  /// Node to coordinator: welcome, and how many dispatches may be in flight. Payload [HelloAck].
  HELLO_ACK(2),
  /// Coordinator to node: compute these pairs. Payload [DispatchPayload]. Takes one credit.
  DISPATCH(3),
  /// Node to coordinator: the partial sums of a dispatch. Payload [ResultPayload]. Gives its credit back.
  RESULT(4),
  /// A [FrameError]. With the sequence of a dispatch it answers it and gives its credit back; with sequence 0 the
  /// stream is about to close.
  ERROR(5),
  /// Coordinator to node: nobody waits for this sequence any more.
  CANCEL(6),
  /// Node to coordinator, twice a second: alive, and how full the queue is. Payload: int32 queue depth.
  PING(7),
  /// Node to coordinator: credits given back without an answer. Payload: int32 credits.
  CREDIT(8),
  /// Never travels: what the parser hands over in place of bytes that are no frame, so that the owner of the stream
  /// can answer with a typed error. Payload: a [FrameError].
  MALFORMED(-1);

  private final int code;

  FrameKind(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }

  static FrameKind of(int code) {
    for (FrameKind kind : values()) {
      if (kind.code == code && kind != MALFORMED) {
        return kind;
      }
    }
    throw FrameException.badRequest("frame kind %d is unknown, expected 1 to 8", code);
  }
}
