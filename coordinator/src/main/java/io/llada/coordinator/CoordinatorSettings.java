package io.llada.coordinator;

import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.CacheFormat;
import java.nio.file.Path;

/// How one coordinator runs.
///
/// @param id name of the coordinator, unique in the cluster
/// @param model checkpoint directory
/// @param experts where the experts are
/// @param activations number format in which rows travel to the experts; one for the whole cluster
/// @param caches number format of cached keys and values; the answers depend on it, the experts do not
/// @param threads computing threads, at least 1
/// @param limits bounds of the scheduler
public record CoordinatorSettings(String id, Path model, ExpertSource experts, ActivationType activations,
    CacheFormat caches, int threads, SchedulerLimits limits) {
  public CoordinatorSettings {
    if (id.isBlank()) {
      throw new IllegalArgumentException("a coordinator needs an id");
    }
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, found " + threads);
    }
  }

  /// A coordinator over one checkpoint with F32 caches and the usual limits, on all cores.
  public static CoordinatorSettings of(String id, Path model, ExpertSource experts, ActivationType activations) {
    return new CoordinatorSettings(id, model, experts, activations, CacheFormat.F32,
        Runtime.getRuntime().availableProcessors(),
        SchedulerLimits.DEFAULTS);
  }
}
