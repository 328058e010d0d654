package io.llada.deploy.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Measures, and says under which conditions.
@Command(name = "bench", mixinStandardHelpOptions = true, sortOptions = false, synopsisSubcommandLabel = "WHAT", description = {
    "Measures on this machine, beside what the machine can do at most, measured in the same run.",
    "Expert nodes share this machine's cores with the coordinator: figures with nodes show the price of the wire."}, subcommands = {
        BenchStepCommand.class, BenchPrefillCommand.class, BenchGenerateCommand.class, BenchKernelsCommand.class,
        BenchLayerCommand.class, BenchScalingCommand.class, BenchDeviceCommand.class,
        BenchSoakCommand.class})
public final class BenchCommand implements Runnable {
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(),
        "what is to be measured? step, prefill, generate, kernels, layer, scaling, device or soak");
  }
}
