package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.Set;

/// An expert node as it describes itself.
///
/// @param nodeId name of the node
/// @param incarnation drawn anew at each start
/// @param modelDigest the checkpoint it serves
/// @param numericsClass its arithmetic
/// @param capacityBytes bytes of expert weights it may hold
/// @param weightBytes bytes it holds
/// @param epoch its active placement, 0: none
/// @param held shards it holds
/// @param device what it computes with
/// @param failure why it cannot compute any more; empty while it can
record DescribedNode(String nodeId, String incarnation, String modelDigest, String numericsClass, long capacityBytes,
    long weightBytes, long epoch, Set<ShardId> held, String device, String failure) {}
