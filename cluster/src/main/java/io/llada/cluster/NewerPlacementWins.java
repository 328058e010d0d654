package io.llada.cluster;

import com.hazelcast.nio.ObjectDataInput;
import com.hazelcast.nio.ObjectDataOutput;
import com.hazelcast.spi.merge.MergingValue;
import com.hazelcast.spi.merge.SplitBrainMergePolicy;

/// What becomes of two placements when the halves of a split grid find each other: the one that goes before the other
/// stays, and one that cannot be read does not. Public because Hazelcast makes it by its name.
public final class NewerPlacementWins implements SplitBrainMergePolicy<Object, MergingValue<Object>, Object> {
  @Override
  public Object merge(MergingValue<Object> merging, MergingValue<Object> existing) {
    if (existing == null) {
      return merging.getRawValue();
    }
    return isNewer(merging.getDeserializedValue(), existing.getDeserializedValue())
        ? merging.getRawValue()
        : existing.getRawValue();
  }

  private static boolean isNewer(Object merging, Object existing) {
    RecordCodec codec = new RecordCodec();
    PlacementRecord one;
    try {
      one = codec.decodePlacement((byte[]) merging);
    } catch (RegistryValueException e) {
      return false;
    }
    try {
      return one.precedes(codec.decodePlacement((byte[]) existing));
    } catch (RegistryValueException e) {
      return true;
    }
  }

  @Override
  public void writeData(ObjectDataOutput out) {
    // Nothing but its name.
  }

  @Override
  public void readData(ObjectDataInput in) {
    // Nothing but its name.
  }
}
