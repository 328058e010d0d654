package io.llada.expertnode;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;

/// The bundled tiny model.
final class TinyModel implements AutoCloseable {
  private final Checkpoint checkpoint = Checkpoint.open(Path.of("../deploy/models/llada2-tiny-chat"));
  private final ComputePool pool = new ComputePool(1);
  final ExpertNodeModel model = ExpertNodeModel.of(checkpoint, Kernels.best(), pool);

  @Override
  public void close() {
    pool.close();
    checkpoint.close();
  }
}
