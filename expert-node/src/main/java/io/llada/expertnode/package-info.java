/// The expert node: holds expert shards and computes expert feed-forward networks for coordinators.
package io.llada.expertnode;
