package io.llada.model.kernel.opencl;

import java.util.HashMap;
import java.util.Map;

/// How the kernels are cut for a device. It decides when a sum is computed, never how: all tunings give equal bits.
///
/// @param lanes rows that a work-item computes at once, twice: 16 as a vector (processors), or 1 (GPUs: 16 work-items
///   side by side read a panel)
/// @param tile most pairs that share a load of weights: 4 or 8
/// @param groupSize work-items of a work-group
/// @param groups most work-groups of a launch; each takes several units where there are more
/// @param layers MoE layers that share a context of the driver; a launch names all their shards, a context costs memory
public record DeviceTuning(int lanes, int tile, int groupSize, int groups, int layers) {
  private static final int LANES_OF_A_VECTOR = 16;
  private static final int GROUPS_PER_COMPUTE_UNIT = 64;
  private static final int GPU_GROUP_SIZE = 64;
  /// A context takes hundreds of MB on some GPUs; 12 layers of 8 groups fit the 1024 bytes of parameters every device has.
  private static final int GPU_LAYERS = 12;

  public DeviceTuning {
    if (lanes != 1 && lanes != LANES_OF_A_VECTOR || tile != 4 && tile != 8 || groups < 1 || groupSize < 1 || layers < 1
        || lanes == 1 && groupSize % LANES_OF_A_VECTOR != 0) {
      throw new IllegalArgumentException(("a tuning has lanes=1 or 16, tile=4 or 8, groupSize of at least 1 (with one "
          + "lane a multiple of 16), groups and layers of at least 1, found lanes=%d,tile=%d,groupSize=%d,groups=%d,layers=%d")
          .formatted(lanes, tile, groupSize, groups, layers));
    }
  }

  /// What fits a device by what it says about itself.
  public static DeviceTuning of(OpenClDevice device) {
    int groups = GROUPS_PER_COMPUTE_UNIT * Math.max(1, device.computeUnits());
    return device.type() == OpenClDevice.Type.CPU
        ? new DeviceTuning(LANES_OF_A_VECTOR, 4, 1, groups, 1)
        : new DeviceTuning(1, 4, Math.min(GPU_GROUP_SIZE, device.maxWorkGroupSize()), groups, GPU_LAYERS);
  }

  /// This tuning with some of its values replaced.
  ///
  /// @param text like `tile=8,groups=256`; empty: none
  /// @throws IllegalArgumentException naming what is wrong
  public DeviceTuning with(String text) {
    Map<String, Integer> values = new HashMap<>(Map.of("lanes", lanes, "tile", tile, "groupSize", groupSize, "groups",
        groups, "layers", layers));
    for (String setting : text.isEmpty() ? new String[0] : text.split(",")) {
      String[] parts = setting.split("=");
      if (parts.length != 2 || !values.containsKey(parts[0]) || !parts[1].matches("[0-9]{1,6}")) {
        throw new IllegalArgumentException(
            "a tuning is lanes=N,tile=N,groupSize=N,groups=N,layers=N or a part of it, found '"
                + text + "'");
      }
      values.put(parts[0], Integer.parseInt(parts[1]));
    }
    return new DeviceTuning(values.get("lanes"), values.get("tile"), values.get("groupSize"), values.get("groups"),
        values.get("layers"));
  }

  @Override
  public String toString() {
    return "lanes=%d,tile=%d,groupSize=%d,groups=%d,layers=%d".formatted(lanes, tile, groupSize, groups, layers);
  }
}
