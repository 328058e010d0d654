/// The binary frames of the hot path between coordinator and expert nodes.
///
/// Everything that comes from a peer is checked before anything is allocated from it, and a defect is a typed
/// [FrameError], never a crash.
package io.llada.proto.wire;
