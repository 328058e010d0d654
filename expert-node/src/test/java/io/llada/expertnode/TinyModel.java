package io.llada.expertnode;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// The bundled tiny model.
final class TinyModel implements AutoCloseable {
  private final Checkpoint checkpoint = Checkpoint.open(Path.of("../deploy/models/llada2-tiny-chat"));
  private final ComputePool pool = new ComputePool(1);
  final ExpertNodeModel model = ExpertNodeModel.of(checkpoint, Kernels.best(), pool);

  /// Loads from the checkpoint alone.
  ShardLoader loader() {
    return new ShardLoader(model, Optional.empty(), (endpoint, id) -> {
      throw new AssertionError("nobody is there to ask");
    }, List.of());
  }

  @Override
  public void close() {
    pool.close();
    checkpoint.close();
  }
}
