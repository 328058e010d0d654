package io.llada.coordinator.simulation;

/// What all processes of a simulation share.
record World(VirtualTime time, SimulatedNetwork network, SimulatedRegistry registry, Parts parts,
    Invariants invariants) {}
