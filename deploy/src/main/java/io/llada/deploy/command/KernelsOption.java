package io.llada.deploy.command;

import io.llada.model.kernel.KernelProvider;
import picocli.CommandLine.Option;

/// Which kernels compute.
final class KernelsOption {
  @Option(names = "--kernels", paramLabel = "KIND", defaultValue = "java", description = "java, or native: matrix "
      + "products in C, compiled at start with this machine's C compiler; the same results, sooner. Default: ${DEFAULT-VALUE}.")
  private KernelProvider provider;

  KernelProvider provider() {
    return provider;
  }
}
