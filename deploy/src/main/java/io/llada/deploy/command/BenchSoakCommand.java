package io.llada.deploy.command;

import io.llada.deploy.bench.LaunchSoak;
import io.llada.model.kernel.opencl.OpenClDevice;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Many launches on an OpenCL device.
@Command(name = "soak", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Launches from several threads beside one that produces garbage. Exit code 1 when a result is wrong, memory grows or the "
        + "garbage collector pauses for long."})
final class BenchSoakCommand implements Callable<Integer> {
  private static final long LONGEST_PAUSE_MILLIS = 100;
  private static final double GROWTH = 1.1;

  @Mixin
  private DeviceOption device;

  @Option(names = "--launches", paramLabel = "N", defaultValue = "10000", description = "Default: ${DEFAULT-VALUE}.")
  private int launches;

  @Option(names = "--callers", paramLabel = "N", defaultValue = "4", description = "Threads that launch. Default: "
      + "${DEFAULT-VALUE}.")
  private int callers;

  @Override
  public Integer call() throws Exception {
    OpenClDevice chosen = device.openCl();
    LaunchSoak.Result result = new LaunchSoak(chosen, device.tuning(chosen)).run(launches, callers);
    System.out.printf(Locale.ROOT,
        "%s: %d launches from %d threads in %.1f s%nwrong results: %d%ncollections: %d, longest "
            + "pause %d ms%nresident: %s after warm-up, %s at the end%n",
        chosen, result.launches(), callers, result.seconds(),
        result.wrong(), result.collections(), result.longestPauseMillis(), InspectCommand.bytes(result
            .residentAfterWarmUp()),
        InspectCommand.bytes(result.residentAtEnd()));
    boolean isGood = result.wrong() == 0 && result.longestPauseMillis() <= LONGEST_PAUSE_MILLIS && result
        .residentAtEnd() <= result.residentAfterWarmUp() * GROWTH;
    return isGood ? 0 : 1;
  }
}
