package io.llada.model.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// What this machine can do at most with the threads of a pool: the two sides of the roofline (Williams, Waterman and
/// Patterson, 2009). Each call is one measurement; other work on the machine only lowers it, so take the best of some.
public final class MachineLimits {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final long SLICE_BYTES = 4 << 20;
  /// Loads of one turn of the reading loop: enough under way that additions are not waited for.
  private static final int STREAMS = 4;
  private static final int MULTIPLY_ADD_TURNS = 1 << 20;
  private static final int CHAINS = 10;
  private static final int ITEMS_PER_THREAD = 8;
  /// More than any pool asks for before it wakes its threads.
  private static final long WORTH_SHARING = 1L << 30;

  /// Where results go, so that the compiler cannot leave out what leads to them.
  private static final LongAdder LONG_SINK = new LongAdder();
  private static final DoubleAdder DOUBLE_SINK = new DoubleAdder();

  private MachineLimits() {}

  /// Bytes per second of summing up `data`, front to back, in slices shared by the threads. It should be much larger
  /// than the caches and have been written before.
  public static double readBytesPerSecond(MemorySegment data, ComputePool pool) {
    int slices = Math.toIntExact(data.byteSize() / SLICE_BYTES);
    if (slices < 1) {
      throw new IllegalArgumentException("%d bytes are less than a slice of %d".formatted(data.byteSize(),
          SLICE_BYTES));
    }
    long start = System.nanoTime();
    pool.forEach(slices, WORTH_SHARING, slice -> LONG_SINK.add(sum(data, slice * SLICE_BYTES, SLICE_BYTES)));
    return slices * SLICE_BYTES * 1e9 / (System.nanoTime() - start);
  }

  private static long sum(MemorySegment data, long from, long bytes) {
    LongVector a = LongVector.zero(LONGS);
    LongVector b = a;
    LongVector c = a;
    LongVector d = a;
    int width = LONGS.vectorByteSize();
    ByteOrder order = ByteOrder.nativeOrder();
    for (long at = from; at < from + bytes; at += (long) STREAMS * width) {
      a = a.add(LongVector.fromMemorySegment(LONGS, data, at, order));
      b = b.add(LongVector.fromMemorySegment(LONGS, data, at + width, order));
      c = c.add(LongVector.fromMemorySegment(LONGS, data, at + 2L * width, order));
      d = d.add(LongVector.fromMemorySegment(LONGS, data, at + 3L * width, order));
    }
    return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
  }

  /// F32 operations per second of fused multiply-adds (two operations each) on registers alone.
  public static double floatOperationsPerSecond(ComputePool pool) {
    int items = pool.threads() * ITEMS_PER_THREAD;
    long start = System.nanoTime();
    pool.forEach(items, WORTH_SHARING, item -> DOUBLE_SINK.add(multiplyAdds(1f / (item + 2))));
    double operations = 2.0 * items * MULTIPLY_ADD_TURNS * CHAINS * VectorKernels.SPECIES.length();
    return operations * 1e9 / (System.nanoTime() - start);
  }

  /// Independent chains, because a multiply-add takes several cycles and two can start in each; they begin apart, so that none is
  /// another's copy.
  private static double multiplyAdds(float start) {
    FloatVector factor = FloatVector.broadcast(VectorKernels.SPECIES, 0.5f);
    FloatVector addend = FloatVector.broadcast(VectorKernels.SPECIES, start);
    FloatVector a = addend.add(1f);
    FloatVector b = addend.add(2f);
    FloatVector c = addend.add(3f);
    FloatVector d = addend.add(4f);
    FloatVector e = addend.add(5f);
    FloatVector f = addend.add(6f);
    FloatVector g = addend.add(7f);
    FloatVector h = addend.add(8f);
    FloatVector i = addend.add(9f);
    FloatVector j = addend.add(10f);
    for (int turn = 0; turn < MULTIPLY_ADD_TURNS; turn++) {
      a = a.fma(factor, addend);
      b = b.fma(factor, addend);
      c = c.fma(factor, addend);
      d = d.fma(factor, addend);
      e = e.fma(factor, addend);
      f = f.fma(factor, addend);
      g = g.fma(factor, addend);
      h = h.fma(factor, addend);
      i = i.fma(factor, addend);
      j = j.fma(factor, addend);
    }
    return a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).reduceLanes(VectorOperators.ADD);
  }
}
