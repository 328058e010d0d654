package io.llada.deploy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/// What a process uses of what can leak. Linux alone.
///
/// @param threads of the platform
/// @param files open file descriptors
/// @param residentBytes memory
record ProcessUse(long threads, long files, long residentBytes) {
  private static final long KIB = 1024;

  static ProcessUse of(long pid) {
    Path process = Path.of("/proc", "" + pid);
    try (Stream<Path> files = Files.list(process.resolve("fd"))) {
      List<String> status = Files.readAllLines(process.resolve("status"));
      return new ProcessUse(number(status, "Threads:"), files.count(), KIB * number(status, "VmRSS:"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long number(List<String> status, String key) {
    return status.stream().filter(line -> line.startsWith(key)).map(line -> line.substring(key.length())
        .replace("kB", "").strip()).mapToLong(Long::parseLong).findFirst().orElseThrow();
  }

  /// Of each figure the median.
  static ProcessUse median(List<ProcessUse> uses) {
    return new ProcessUse(median(uses, ProcessUse::threads), median(uses, ProcessUse::files),
        median(uses, ProcessUse::residentBytes));
  }

  private static long median(List<ProcessUse> uses, ToLongFunction<ProcessUse> figure) {
    return uses.stream().mapToLong(figure).sorted().skip(uses.size() / 2).findFirst().orElseThrow();
  }

  /// How many times as many threads or files as before, whichever grew more.
  double handlesBeside(ProcessUse before) {
    return Math.max((double) threads / before.threads, (double) files / before.files);
  }

  /// How many times as much memory as before.
  double memoryBeside(ProcessUse before) {
    return (double) residentBytes / before.residentBytes;
  }

  @Override
  public String toString() {
    return "%d threads, %d files, %d MB".formatted(threads, files, residentBytes / 1_000_000);
  }
}
