package io.llada.model.kernel.opencl;

import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.KernelArgument.Transfer;
import java.util.ArrayList;
import java.util.List;

/// The shards of some layers on a device: one runner, with a slot for each shard.
///
/// An array that a launch does not name is freed on the device, so every shard stays an argument of its bank's kernel.
/// How many layers share a bank weighs the price of an argument against that of a context. Confined to its owner's lock.
final class ShardBank implements AutoCloseable {
  private static final byte[] NOTHING = new byte[64];

  private final KernelRunner runner;
  private final int passes;
  private final DeviceTuning tuning;
  private final KernelArgument rows = new KernelArgument("x", Transfer.TO_DEVICE, new float[1]);
  private final KernelArgument jobs = new KernelArgument("jobs", Transfer.TO_DEVICE, ExpertJobs.empty());
  private final KernelArgument scratch = new KernelArgument("scratch", Transfer.ONCE, new float[1]);
  private final KernelArgument sums = new KernelArgument("sums", Transfer.FROM_DEVICE, new float[1]);
  private final List<KernelArgument> slots = new ArrayList<>();

  ShardBank(OpenClDevice device, WeightFormat format, int hiddenSize, int width, DeviceTuning tuning, int count) {
    this.tuning = tuning;
    passes = ExpertSource.passes(format);
    for (int slot = 0; slot < count; slot++) {
      slots.add(new KernelArgument("slot" + slot, Transfer.ONCE, NOTHING));
    }
    List<KernelArgument> arguments = new ArrayList<>(List.of(rows, jobs, scratch, sums));
    arguments.addAll(slots);
    runner = new KernelRunner(device, ExpertSource.of(format, hiddenSize, width, tuning, count), arguments);
  }

  /// Puts an array of weights into a slot and on the device.
  void put(int slot, byte[] weights) {
    slots.get(slot).set(weights);
    touch();
  }

  boolean holds(int slot, byte[] weights) {
    return slots.get(slot).holds(weights);
  }

  /// Frees a slot here and on the device.
  void clear(int slot) {
    put(slot, NOTHING);
  }

  /// Forgets a slot's array without asking the device.
  void forget(int slot) {
    slots.get(slot).set(NOTHING);
  }

  /// A launch without work: its arguments are brought to the device.
  private void touch() {
    jobs.set(ExpertJobs.empty());
    runner.launch(1, tuning.groupSize(), 1, true);
  }

  /// One launch over all pairs of the table.
  ///
  /// @param units most units of work of any phase
  void run(float[] x, int[] table, float[] memory, float[] results, int units) {
    boolean isNew = set(rows, x) | set(jobs, table) | set(scratch, memory) | set(sums, results);
    int groups = Math.max(1, Math.min(tuning.groups(), (units + tuning.groupSize() - 1) / tuning.groupSize()));
    if (!KernelRunner.HAS_EVENTS) {
      runner.launch(groups, tuning.groupSize(), passes, isNew);
      return;
    }
    // Aparapi reads the event of a pass that is not the last after having released it: with events, a launch for each.
    for (int pass = 0; pass < passes; pass++) {
      ExpertJobs.setFirstPass(table, pass);
      runner.launch(groups, tuning.groupSize(), 1, isNew);
    }
  }

  private static boolean set(KernelArgument argument, Object array) {
    if (argument.holds(array)) {
      return false;
    }
    argument.set(array);
    return true;
  }

  KernelRunner.Event lastEvent() {
    return runner.lastEvent();
  }

  @Override
  public void close() {
    runner.close();
  }
}
