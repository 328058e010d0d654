package io.llada.deploy.synth;

import io.llada.model.checkpoint.PartContent;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The weights of one part of a synthetic checkpoint, made when they are read: any of them at any time, on any thread.
final class SyntheticPart implements PartContent {
  /// Bytes that are made at once; every run is a multiple of it.
  private static final int UNIT = NormalNumbers.PER_DRAW * Short.BYTES;

  /// Runs by the offset of their first byte.
  private final TreeMap<Long, Placed> runs = new TreeMap<>();
  private final long bytes;

  /// @param place of the run's first element in its tensor
  private record Placed(long place, SyntheticWeights.Run run) {}

  /// @param tensors dimensions by name, in order
  SyntheticPart(Map<String, List<Integer>> tensors, SyntheticWeights weights) {
    long offset = 0;
    for (Map.Entry<String, List<Integer>> tensor : tensors.entrySet()) {
      long place = 0;
      for (SyntheticWeights.Run run : weights.runs(tensor.getKey(), tensor.getValue())) {
        runs.put(offset, new Placed(place, run));
        place += run.count();
        offset += run.count() * Short.BYTES;
      }
    }
    bytes = offset;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public MemorySegment read(long from, long count) {
    long first = from / UNIT * UNIT;
    long last = Math.ceilDiv(from + count, UNIT) * UNIT;
    byte[] made = new byte[Math.toIntExact(last - first)];
    runs.subMap(runs.floorKey(first), true, last, false).forEach((offset, placed) -> {
      long begin = Math.max(first, offset);
      long end = Math.min(last, offset + placed.run().count() * Short.BYTES);
      fill(placed, (begin - offset) / Short.BYTES, ByteBuffer.wrap(made, (int) (begin - first), (int) (end - begin)));
    });
    return MemorySegment.ofArray(made).asSlice(from - first, count);
  }

  /// @param from element of the run
  private static void fill(Placed placed, long from, ByteBuffer target) {
    switch (placed.run().filling()) {
      case SyntheticWeights.Filling.Random random -> random.numbers().fill(random.stream(), placed.place() + from,
          target);
      case SyntheticWeights.Filling.Given given -> {
        target.order(ByteOrder.LITTLE_ENDIAN);
        for (int i = (int) from; target.hasRemaining(); i++) {
          target.putShort(NormalNumbers.bfloat16(given.values()[i]));
        }
      }
    }
  }
}
