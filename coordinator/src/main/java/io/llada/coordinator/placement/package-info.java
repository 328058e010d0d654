/// Which expert node holds what: the planner, the driver that carries a plan out, and the snapshot that dispatch reads.
package io.llada.coordinator.placement;
