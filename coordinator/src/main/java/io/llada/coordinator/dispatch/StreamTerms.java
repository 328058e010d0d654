package io.llada.coordinator.dispatch;

import io.llada.proto.wire.Frame;
import java.util.function.LongSupplier;

/// What every stream of this coordinator has in common.
///
/// @param hello the first frame
/// @param maxWaiting calls that may wait for a credit on one stream
/// @param nanoClock monotonic nanoseconds
record StreamTerms(Frame hello, int maxWaiting, LongSupplier nanoClock) {}
