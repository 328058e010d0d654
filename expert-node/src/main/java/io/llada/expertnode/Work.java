package io.llada.expertnode;

import io.llada.proto.wire.Frame;
import java.util.function.Consumer;

/// One dispatch that waits for the compute thread.
///
/// @param stream identity of the stream it came on
/// @param dispatch the frame, its checksum verified
/// @param receivedAt monotonic nanoseconds
/// @param answer takes the RESULT or ERROR frame, from any thread
record Work(Object stream, Frame dispatch, long receivedAt, Consumer<Frame> answer) {}
