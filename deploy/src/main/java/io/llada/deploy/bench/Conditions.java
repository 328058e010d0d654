package io.llada.deploy.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.TimeUnit;

/// What a figure was measured under. A figure without it says nothing.
public final class Conditions {
  private static final long GIT_SECONDS = 2;

  private Conditions() {}

  /// JDK, processor, cores, memory, flags, commit and time, as far as the system tells.
  public static ObjectNode read() {
    var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    ObjectNode json = JsonLines.JSON.createObjectNode().put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS)
        .toString()).put("jdk", Runtime.version().toString() + " " + System.getProperty("java.vm.vendor"))
        .put("cpu", cpu())
        .put("cores", Runtime.getRuntime().availableProcessors()).put("memoryBytes", system.getTotalMemorySize()).put(
            "loadAverage", system.getSystemLoadAverage())
        .put("os", System.getProperty("os.name") + " " + System.getProperty(
            "os.version"))
        .put("commit", commit());
    var flags = json.putArray("jvmFlags");
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(flag -> flag.startsWith("-X")).forEach(
        flags::add);
    return json;
  }

  private static String cpu() {
    try {
      return Files.readAllLines(Path.of("/proc/cpuinfo")).stream().filter(line -> line.startsWith("model name")).map(
          line -> line.substring(line.indexOf(':') + 1).strip()).findFirst().orElse(System.getProperty("os.arch"));
    } catch (IOException e) {
      return System.getProperty("os.arch");
    }
  }

  private static String commit() {
    try {
      Path models = Path.of(System.getProperty("llada.models", "."));
      Process git = new ProcessBuilder("git", "-C", models.toString(), "rev-parse", "--short", "HEAD").redirectError(
          ProcessBuilder.Redirect.DISCARD).start();
      boolean ended = git.waitFor(GIT_SECONDS, TimeUnit.SECONDS);
      return ended && git.exitValue() == 0 ? new String(git.getInputStream().readAllBytes()).strip() : "unknown";
    } catch (IOException e) {
      return "unknown";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }
}
