package io.llada.expertnode;

/// Who this node is.
///
/// @param nodeId name of the node, unique in the cluster
/// @param incarnation drawn anew at each start
/// @param capacityBytes bytes of expert weights it may hold
/// @param zone what fails together with it; empty: nobody said
record NodeIdentity(String nodeId, String incarnation, long capacityBytes, String zone) {}
