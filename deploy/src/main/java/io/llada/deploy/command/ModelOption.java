package io.llada.deploy.command;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// Which checkpoint.
final class ModelOption {
  private static final String BUNDLED = "llada2-tiny-chat";

  @Option(names = "--model", paramLabel = "DIR", description = "Checkpoint directory, as published (safetensors) or packed "
      + "by quantize. Default: the bundled tiny model.")
  private Path model;

  /// Whether one was named.
  boolean isGiven() {
    return model != null;
  }

  Path directory() {
    return model != null ? model : Path.of(System.getProperty("llada.models", "deploy/models"), BUNDLED);
  }
}
