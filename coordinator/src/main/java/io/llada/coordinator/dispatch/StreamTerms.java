package io.llada.coordinator.dispatch;

import io.llada.proto.wire.Frame;

/// What every stream of this coordinator has in common.
///
/// @param hello the first frame
/// @param maxPayloadBytes the largest frame a well-behaved node sends
/// @param maxWaiting calls that may wait for a credit on one stream
record StreamTerms(Frame hello, int maxPayloadBytes, int maxWaiting) {}
