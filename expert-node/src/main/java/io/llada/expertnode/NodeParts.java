package io.llada.expertnode;

import java.util.function.IntSupplier;

/// What one node is made of, for those who describe and control it.
///
/// @param identity who it is
/// @param model what it computes
/// @param loader gets shards
/// @param store holds them
/// @param condition how it fares
/// @param drain how it leaves
/// @param queueDepth dispatches that wait
record NodeParts(NodeIdentity identity, ExpertNodeModel model, ShardLoader loader, ShardStore store,
    NodeCondition condition, NodeDrain drain, IntSupplier queueDepth) {}
