package io.llada.deploy.bench;

import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import java.util.Locale;

/// Dimensions of a published model's experts.
public enum ExpertShape {
  MINI(2048, 512), FLASH(4096, 1024);

  private final int hiddenSize;
  private final int width;

  ExpertShape(int hiddenSize, int width) {
    this.hiddenSize = hiddenSize;
    this.width = width;
  }

  /// As people write it.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  public int hiddenSize() {
    return hiddenSize;
  }

  /// Inner dimension.
  public int width() {
    return width;
  }

  /// Weights of gate, up and down.
  public long weights() {
    return 3L * hiddenSize * width;
  }

  /// Bytes of gate, up and down in memory.
  long bytes(WeightFormat format) {
    return 2 * PackedMatrix.packedBytes(width, hiddenSize, format)
        + PackedMatrix.packedBytes(hiddenSize, width, format);
  }
}
