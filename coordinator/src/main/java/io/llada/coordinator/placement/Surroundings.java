package io.llada.coordinator.placement;

import io.llada.cluster.Registry;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.LongSupplier;

/// What the placement needs of the world: a network and clocks in service, a simulation in tests.
///
/// @param nanoClock monotonic nanoseconds
/// @param directory where nodes may be found
/// @param control calls to the node at an endpoint
/// @param planner decides who holds what
/// @param registry where the placement is published; the caller closes it
/// @param background runs what may block
public record Surroundings(LongSupplier nanoClock, NodeDirectory directory, Function<String, NodeCalls> control,
    Planner planner, Optional<Registry> registry, Executor background) {}
