package io.llada.deploy.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Resident memory of processes.
public final class ProcessMemory {
  private ProcessMemory() {}

  /// Most bytes this process and others had resident so far, together; -1 where the system does not tell.
  ///
  /// @param others process ids
  public static long peakResidentBytes(List<Long> others) {
    long sum = peakResidentBytes("self");
    for (long pid : others) {
      long bytes = peakResidentBytes("" + pid);
      sum = sum < 0 || bytes < 0 ? -1 : sum + bytes;
    }
    return sum;
  }

  /// Bytes this process has resident now; -1 where the system does not tell.
  public static long residentBytes() {
    return status("self", "VmRSS:");
  }

  private static long peakResidentBytes(String process) {
    return status(process, "VmHWM:");
  }

  private static long status(String process, String key) {
    try {
      return Files.readAllLines(Path.of("/proc", process, "status")).stream().filter(line -> line.startsWith(key))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst().orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }
}
