package io.llada.deploy.command;

import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.KernelProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Settings that every process of a cluster must agree on, and how this one computes.
final class ClusterOptions {
  @Option(names = "--wire", paramLabel = "TYPE", defaultValue = "f32", description = "Number format of rows between "
      + "coordinator and expert nodes: f32 or bf16 (half the traffic, rounded). Default: ${DEFAULT-VALUE}.")
  private ActivationType wire;

  @Option(names = "--threads", paramLabel = "N", description = "Computing threads. Default: all cores.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Mixin
  private KernelsOption kernels;

  ActivationType wire() {
    return wire;
  }

  int threads() {
    return threads;
  }

  KernelProvider kernels() {
    return kernels.provider();
  }
}
