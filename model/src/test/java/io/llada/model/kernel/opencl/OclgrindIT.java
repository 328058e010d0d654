package io.llada.model.kernel.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every kernel under a simulator of devices, which finds reads and writes outside of buffers and data races.
class OclgrindIT {
  private static final long MINUTES = 3;

  @TempDir
  Path directory;

  private Process run(Path output, Path findings, List<String> program) throws IOException {
    List<String> command = Stream.concat(Stream.of("oclgrind", "--data-races", "--log", findings.toString()), program
        .stream()).toList();
    return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
  }

  @Test
  void noKernelLeavesItsBuffersOrRaces() throws Exception {
    Path output = directory.resolve("output");
    Path findings = directory.resolve("findings");
    Process process;
    try {
      process = run(output, findings, List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
          "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
          "--add-modules=jdk.incubator.vector", "-XX:+UseG1GC", "-Xmx128m", "-cp", System.getProperty(
              "surefire.test.class.path", System.getProperty("java.class.path")),
          TinyShapes.class.getName()));
    } catch (IOException e) {
      TestDevice.absent("oclgrind is not installed; apt-get install oclgrind");
      throw e;
    }
    try {
      assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).as("it ended in time").isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(output);
    assertThat(said).contains("device opencl:0 (Oclgrind Simulator)").contains("done");
    assertThat(new File(findings.toString())).satisfiesAnyOf(file -> assertThat(file).doesNotExist(),
        file -> assertThat(file).isEmpty());
  }
}
