package io.llada.deploy.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Resident memory of this process.
public final class ProcessMemory {
  private ProcessMemory() {}

  /// Most bytes resident so far; -1 where the system does not tell.
  public static long peakResidentBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst().orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }
}
