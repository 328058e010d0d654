package io.llada.model.kernel.opencl;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.DeviceException.Reason;
import io.llada.model.experts.ExpertBackend;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.ShardWeights;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryManagerMXBean;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;

/// Experts on an OpenCL device, with kernels of our own launched through Aparapi. One launch covers all pairs of a batch.
///
/// Weights lie in one array per shard: in this process's heap, and on a device with memory of its own a second time.
/// Thread-safe: launches come one after the other. A device that failed once is not asked again.
public final class OpenClExperts implements ExpertBackend {
  /// Weights begin here in their array, which makes them begin at a cache line: an array has a header of 16 bytes.
  static final int ARRAY_OFFSET = 48;
  /// Unit of the offsets in the job table.
  private static final int OFFSET_UNIT = 16;
  /// Parameters of 8 bytes that fit beside the others into the 1024 bytes that every device takes.
  private static final int MOST_SLOTS = 96;
  private static final double HEAP_SHARE = 0.8;
  private static final double DEVICE_SHARE = 0.9;
  private static final long MOST_ARRAY_BYTES = Integer.MAX_VALUE - 8;

  private final OpenClDevice device;
  private final DeviceTuning tuning;
  private final MoeConfig moe;
  private final int hiddenSize;
  private final String numericsClass;
  // Guarded by this.
  private final Map<Integer, ShardBank> banks = new HashMap<>();
  private final Staging<float[]> rows = new Staging<>(float[]::new);
  private final Staging<int[]> tables = new Staging<>(int[]::new);
  private final Staging<float[]> scratch = new Staging<>(float[]::new);
  private final Staging<float[]> sums = new Staging<>(float[]::new);
  private Optional<DeviceException> failure = Optional.empty();
  private Optional<KernelRunner.Event> lastEvent = Optional.empty();

  /// The experts of a model on a device.
  ///
  /// @param kernels what the processor computes with: whether the device gives the same bits decides its numerics class
  /// @throws DeviceException when the device cannot be used
  public static OpenClExperts open(OpenClDevice device, DeviceTuning tuning, ExpertOutline outline, Kernels kernels) {
    requireG1();
    MoeConfig moe = outline.moe();
    int hiddenSize = outline.hiddenSize();
    Set<WeightFormat> formats = outline.formats();
    if (formats.size() != 1) {
      throw new DeviceException(Reason.UNAVAILABLE,
          "the experts are in several number formats, %s; on OpenCL they have one".formatted(formats));
    }
    String numericsClass = NumericsProbe.classOf(device, tuning, moe, hiddenSize, formats.iterator().next(), kernels);
    return new OpenClExperts(device, tuning, moe, hiddenSize, numericsClass);
  }

  /// Arrays are pinned while a kernel runs. G1 goes on collecting beside them, the other collectors wait for the kernel.
  static void requireG1() {
    if (ManagementFactory.getGarbageCollectorMXBeans().stream().noneMatch(bean -> bean.getName().startsWith("G1"))) {
      throw new DeviceException(Reason.UNAVAILABLE,
          "OpenCL needs the garbage collector G1, found %s; start with LLADA_JAVA_OPTS=-XX:+UseG1GC".formatted(
              ManagementFactory.getGarbageCollectorMXBeans().stream().map(MemoryManagerMXBean::getName).toList()));
    }
  }

  public OpenClExperts(OpenClDevice device, DeviceTuning tuning, MoeConfig moe, int hiddenSize,
      String numericsClass) {
    this.device = device;
    this.tuning = tuning;
    this.moe = moe;
    this.hiddenSize = hiddenSize;
    this.numericsClass = numericsClass;
  }

  @Override
  public String device() {
    return device.label();
  }

  @Override
  public String numericsClass() {
    return numericsClass;
  }

  /// Weights are in the heap of this process, and where the device has memory of its own also there; a part of both is
  /// left for rows and intermediate results.
  @Override
  public long capacityBytes(long hostBytes) {
    long heap = (long) (Runtime.getRuntime().maxMemory() * HEAP_SHARE);
    long most = Math.min(hostBytes, heap);
    return device.sharesMemory() ? most : Math.min(most, (long) (device.memoryBytes() * DEVICE_SHARE));
  }

  @Override
  public ExpertShard load(ShardId id, ShardWeights weights) {
    long bytes = weights.shardBytes(id);
    long most = Math.min(MOST_ARRAY_BYTES, device.maxBufferBytes()) - ARRAY_OFFSET;
    if (bytes > most) {
      throw new DeviceException(Reason.OUT_OF_MEMORY,
          "%s takes %d bytes, but a shard on %s has at most %d; a narrower number format makes it fit".formatted(id,
              bytes, device, most));
    }
    byte[] array = new byte[Math.toIntExact(bytes + ARRAY_OFFSET)];
    SegmentAllocator memory = (size, _) -> MemorySegment.ofArray(array).asSlice(ARRAY_OFFSET, size);
    ExpertShard shard = weights.load(id, memory, () -> unload(id, array));
    bring(shard, array);
    return shard;
  }

  private synchronized void bring(ExpertShard shard, byte[] array) {
    requireHealthy();
    ShardBank bank = banks.computeIfAbsent(shard.id().layer() / layersOfABank(), _ -> new ShardBank(device, formatOf(
        shard), hiddenSize, moe.expertWidth(), tuning, layersOfABank() * moe.groups()));
    try {
      bank.put(slotOf(shard.id()), array);
    } catch (DeviceException e) {
      bank.forget(slotOf(shard.id()));
      throw new DeviceException(e.reason(), "%s of %d bytes cannot be brought to the device: %s".formatted(shard.id(),
          shard.bytes(), e.getMessage()), e);
    }
  }

  private int layersOfABank() {
    return Math.max(1, Math.min(tuning.layers(), MOST_SLOTS / moe.groups()));
  }

  private int slotOf(ShardId id) {
    return id.layer() % layersOfABank() * moe.groups() + id.group();
  }

  private static WeightFormat formatOf(ExpertShard shard) {
    WeightFormat format = shard.experts().getFirst().gate().format();
    for (ExpertShard.Expert expert : shard.experts()) {
      for (PackedMatrix matrix : new PackedMatrix[]{expert.gate(), expert.up(), expert.down()}) {
        if (matrix.format() != format) {
          throw new DeviceException(Reason.UNAVAILABLE,
              "%s has weights in %s and in %s; on OpenCL a shard has one number format".formatted(shard.id(), format,
                  matrix.format()));
        }
      }
    }
    return format;
  }

  private static byte[] arrayOf(PackedMatrix matrix) {
    return (byte[]) matrix.data().heapBase().orElseThrow();
  }

  /// A shard may have been loaded anew before the old one was let go of: then its slot stays as it is.
  private synchronized void unload(ShardId id, byte[] array) {
    ShardBank bank = banks.get(id.layer() / layersOfABank());
    if (bank == null || !bank.holds(slotOf(id), array)) {
      return;
    }
    if (failure.isPresent()) {
      bank.forget(slotOf(id));
    } else {
      bank.clear(slotOf(id));
    }
  }

  @Override
  public synchronized PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards) {
    ExpertJobs plan = new ExpertJobs(batch, moe);
    if (batch.pairs() == 0) {
      return new PartialSums(plan.sumToken(), plan.sumGroup(), new float[0]);
    }
    requireHealthy();
    int[] table = tables.ofLength(plan.size());
    plan.write(table, expert -> place(expert, shards.apply(moe.groupOf(expert))));
    float[] x = rows.ofLength(batch.rows().length);
    System.arraycopy(batch.rows(), 0, x, 0, batch.rows().length);
    float[] results = sums.ofLength((long) plan.sums() * hiddenSize);
    ShardBank bank = banks.get(batch.layer() / layersOfABank());
    try {
      bank.run(x, table, scratch.ofLength(scratchLength(batch)), results, units(batch, plan));
      lastEvent = KernelRunner.HAS_EVENTS ? Optional.of(bank.lastEvent()) : Optional.empty();
    } catch (DeviceException e) {
      failure = Optional.of(e);
      throw e;
    }
    return new PartialSums(plan.sumToken(), plan.sumGroup(), Arrays.copyOf(results, plan.sums() * hiddenSize));
  }

  private ExpertJobs.Place place(int expert, ExpertShard shard) {
    ExpertShard.Expert matrices = shard.expert(expert);
    ShardBank bank = banks.get(shard.id().layer() / layersOfABank());
    byte[] array = arrayOf(matrices.gate());
    if (!bank.holds(slotOf(shard.id()), array)) {
      // Loaded twice, and this is the older one, which is still lent.
      bank.put(slotOf(shard.id()), array);
    }
    return new ExpertJobs.Place(slotOf(shard.id()), offset(matrices.gate()), offset(matrices.up()), offset(matrices
        .down()));
  }

  /// The address of a heap segment is its offset in the array.
  private static int offset(PackedMatrix matrix) {
    return (int) (matrix.data().address() / OFFSET_UNIT);
  }

  /// Elements of 4 bytes: the sections of `experts.cl`.
  private long scratchLength(ExpertBatch batch) {
    long tokens = batch.tokens();
    long pairs = batch.pairs();
    long group = WeightFormat.GROUP;
    long width = moe.expertWidth();
    return pairs * (width + hiddenSize) + 2 * tokens * (hiddenSize / group) + 2 * pairs * (width / group) + tokens
        * hiddenSize / 2 + pairs * width / 2 + 2;
  }

  /// Work-items that have something to do in the phase that has most of them.
  private int units(ExpertBatch batch, ExpertJobs plan) {
    int itemsPerPanel = 16 / tuning.lanes();
    long panels = (Math.max(hiddenSize, moe.expertWidth()) + PackedMatrix.PANEL_ROWS - 1) / PackedMatrix.PANEL_ROWS;
    return (int) Math.min(Integer.MAX_VALUE / 2, Math.max(plan.tasks() * panels * itemsPerPanel, (long) plan.sums()
        * hiddenSize / (16 * tuning.lanes())));
  }

  private void requireHealthy() {
    if (failure.isPresent()) {
      throw new DeviceException(failure.get().reason(), device + " failed before and is not asked again: " + failure
          .get().getMessage(), failure.get());
    }
  }

  /// What the device reported about the last launch; empty without `-Dcom.aparapi.enableProfiling=true`.
  synchronized Optional<KernelRunner.Event> lastEvent() {
    return lastEvent;
  }

  @Override
  public synchronized void close() {
    banks.values().forEach(ShardBank::close);
    banks.clear();
  }
}
