package io.llada.deploy.bench;

import io.llada.coordinator.dispatch.DispatchTimes;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.Routing;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.LayerProbe;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// Adds up what forward passes do: time by part, experts touched, operations, keys and values read. Thread-safe: one
/// thread runs the passes, another one asks.
final class StepProbe implements LayerProbe {
  private final RoutingCounter routing = new RoutingCounter();
  private final long[] nanos = new long[Part.values().length];
  private ModelConfig config;
  private Supplier<DispatchTimes> remote = () -> DispatchTimes.NONE;
  private Part part = Part.OUTSIDE;
  private long since = System.nanoTime();
  private long forwards;
  private PartFigures operations = PartFigures.NONE;
  private double cacheBytes;

  /// Everything so far.
  ///
  /// @param nanos time by part
  /// @param remote what of it stood still for expert nodes
  /// @param touched experts, over all layers
  /// @param layers MoE layers
  record Totals(Map<Part, Long> nanos, DispatchTimes remote, long forwards, PartFigures operations, double cacheBytes,
      long touched, long layers) {
    Totals since(Totals earlier) {
      Map<Part, Long> difference = new EnumMap<>(Part.class);
      nanos.forEach((part, value) -> difference.put(part, value - earlier.nanos.get(part)));
      return new Totals(difference, remote.minus(earlier.remote), forwards - earlier.forwards, operations.plus(
          earlier.operations.times(-1)), cacheBytes - earlier.cacheBytes, touched - earlier.touched,
          layers - earlier.layers);
    }

    /// Of several passes the one with the median time.
    static Totals median(List<Totals> passes) {
      return passes.stream().sorted(Comparator.comparingLong(Totals::nanosOfAll)).toList().get(passes.size() / 2);
    }

    long nanosOfAll() {
      return nanos.values().stream().mapToLong(Long::longValue).sum();
    }

    double touchedPerLayer() {
      return (double) touched / Math.max(1, layers);
    }
  }

  /// Whose passes they are, once it is known; operations count from then on.
  ///
  /// @param remoteTimes how long layers stood still for expert nodes so far
  synchronized void of(ModelConfig model, Supplier<DispatchTimes> remoteTimes) {
    config = model;
    remote = remoteTimes;
  }

  @Override
  public synchronized void began(ForwardBatch batch) {
    forwards++;
    if (config != null) {
      operations = operations.plus(StepCost.operations(config, batch));
      cacheBytes += StepCost.cacheBytes(batch);
    }
  }

  @Override
  public synchronized void workingOn(Part next) {
    long now = System.nanoTime();
    nanos[part.ordinal()] += now - since;
    part = next;
    since = now;
  }

  @Override
  public void routed(int layer, Routing chosen) {
    routing.routed(layer, chosen);
  }

  synchronized Totals totals() {
    workingOn(part);
    Map<Part, Long> byPart = new EnumMap<>(Part.class);
    Arrays.stream(Part.values()).forEach(p -> byPart.put(p, nanos[p.ordinal()]));
    return new Totals(byPart, remote.get(), forwards, operations, cacheBytes, routing.touched(), routing.layers());
  }
}
