package io.llada.deploy.command;

import io.llada.coordinator.ComputeSettings;
import io.llada.deploy.local.LocalNodes;
import io.llada.deploy.offline.OfflineModel;
import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.CacheFormat;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a model is computed.
final class ClusterOptions {
  @Option(names = "--wire", paramLabel = "TYPE", defaultValue = "f32", description = "Number format of rows between "
      + "coordinator and expert nodes: f32 or bf16 (half the traffic, rounded). Default: ${DEFAULT-VALUE}.")
  private ActivationType wire;

  @Option(names = "--kv-cache", paramLabel = "TYPE", defaultValue = "f32", description = "Number format of cached keys "
      + "and values: f32 or bf16 (half the memory, rounded). Default: ${DEFAULT-VALUE}.")
  private CacheFormat caches;

  @Option(names = "--threads", paramLabel = "N", description = "Computing threads. Default: all cores.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Mixin
  private KernelsOption kernels;

  @Option(names = DeviceOption.NAME, paramLabel = "DEVICE", defaultValue = DeviceOption.CPU, description = "What expert "
      + "nodes compute on: cpu, opencl[:INDEX|:NAME] or auto. Other than cpu needs an expert node: one is started where "
      + "none was asked for. See 'llada devices'. Default: ${DEFAULT-VALUE}.")
  private String device = DeviceOption.CPU;

  String device() {
    return device;
  }

  /// Expert nodes to start: on another device than the processor experts are always in a process of their own.
  int expertNodes(int asked) {
    return device.equals(DeviceOption.CPU) ? asked : Math.max(1, asked);
  }

  ComputeSettings compute() {
    return new ComputeSettings(wire, caches, threads, kernels.provider());
  }

  /// A model without a server; its nodes share the threads.
  ///
  /// @param asked expert nodes asked for
  OfflineModel.Settings offline(Path model, int asked) {
    int count = expertNodes(asked);
    return new OfflineModel.Settings(model, count, LocalNodes.threadsOfEach(threads, count), compute(), device);
  }

  int threads() {
    return threads;
  }
}
