package io.llada.deploy.bench;

/// Dimensions of a published model's experts.
public enum ExpertShape {
  MINI(2048, 512), FLASH(4096, 1024);

  private final int hiddenSize;
  private final int width;

  ExpertShape(int hiddenSize, int width) {
    this.hiddenSize = hiddenSize;
    this.width = width;
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
}
