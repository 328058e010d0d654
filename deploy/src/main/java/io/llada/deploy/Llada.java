package io.llada.deploy;

import io.llada.deploy.command.BenchCommand;
import io.llada.deploy.command.CoordinatorCommand;
import io.llada.deploy.command.DevicesCommand;
import io.llada.deploy.command.DrainCommand;
import io.llada.deploy.command.EvalCommand;
import io.llada.deploy.command.ExpertNodeCommand;
import io.llada.deploy.command.GatewayCommand;
import io.llada.deploy.command.GenerateCommand;
import io.llada.deploy.command.InspectCommand;
import io.llada.deploy.command.Processes;
import io.llada.deploy.command.QuantizeCommand;
import io.llada.deploy.command.RebalanceCommand;
import io.llada.deploy.command.RegistryCommand;
import io.llada.deploy.command.ServeCommand;
import io.llada.deploy.command.StatusCommand;
import io.llada.deploy.command.SynthCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// The command line. Exit codes: 0 done, 1 it failed (one line on standard error says why), 2 the call was wrong.
@Command(name = "llada", mixinStandardHelpOptions = true, version = "llada-cluster 0.1.0", sortOptions = false, subcommands = {
    ServeCommand.class, GenerateCommand.class, EvalCommand.class, InspectCommand.class, QuantizeCommand.class,
    SynthCommand.class, StatusCommand.class, DrainCommand.class, RebalanceCommand.class, DevicesCommand.class,
    BenchCommand.class,
    CoordinatorCommand.class,
    ExpertNodeCommand.class,
    GatewayCommand.class,
    RegistryCommand.class}, header = "Serves LLaDA masked-diffusion language models.", synopsisSubcommandLabel = "COMMAND", footer = {
        "", "First steps:", "  llada serve                        the bundled model on http://127.0.0.1:8080",
        "  llada generate --prompt \"Where is the home of the white crab?\"",
        "  llada serve --model DIR            your own checkpoint", "",
        "Several machines:", "  llada coordinator --model DIR --host 10.0.0.1 --insecure",
        "  llada expert-node --model DIR --registry 10.0.0.1:5701 --host 10.0.0.2 --insecure   (on each)",
        "  llada gateway --model DIR --coordinator 10.0.0.1:9090"})
public final class Llada implements Runnable {
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  /// Parses and runs one command line.
  ///
  /// @return the exit code
  static int execute(String... arguments) {
    return new CommandLine(new Llada()).setCaseInsensitiveEnumValuesAllowed(true).setExecutionExceptionHandler(
        new OneLineErrors()).execute(arguments);
  }

  /// Runs one command line and ends the process.
  public static void main(String[] arguments) {
    Processes.exit(execute(arguments));
  }
}
