package io.llada.deploy;

import static io.llada.model.kernel.WeightFormat.BF16;
import static io.llada.model.kernel.WeightFormat.INT4;
import static io.llada.model.kernel.WeightFormat.INT8;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packing.CheckpointQuantiser;
import io.llada.model.packing.PackingProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/// Number formats in which a BF16 model can be stored beside its own.
enum StoredModel {
  F32(Optional.empty()), INT8_EXPERTS(Optional.of(new WeightFormats(INT8, BF16, BF16))), INT8_EXPERTS_AND_DENSE(
      Optional.of(new WeightFormats(INT8, INT8, INT8))), INT4_EXPERTS(
          Optional.of(new WeightFormats(INT4, BF16, BF16))), INT4_EXPERTS_AND_INT8_DENSE(
              Optional.of(new WeightFormats(INT4, INT8, INT8)));

  private final Optional<WeightFormats> packed;

  StoredModel(Optional<WeightFormats> packed) {
    this.packed = packed;
  }

  void write(Path model, Path target) throws IOException {
    if (packed.isEmpty()) {
      F32Copy.write(model, target);
      return;
    }
    try (Checkpoint original = Checkpoint.open(model); ComputePool pool = ComputePool.ofAllCores()) {
      new CheckpointQuantiser(original, packed.get(), pool, PackingProgress.NONE).pack(target);
    }
  }
}
