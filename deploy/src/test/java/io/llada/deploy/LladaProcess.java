package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// A command as a process of its own, and what can happen to it. It ends with this process.
final class LladaProcess implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private final Process process;
  private final CompletableFuture<String> ready = new CompletableFuture<>();

  /// Starts a command that says when it is ready, with this process's flags and class path.
  LladaProcess(List<String> arguments) throws IOException {
    this(List.of(), arguments);
  }

  /// As above, with more flags for its virtual machine.
  LladaProcess(List<String> flags, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.llada.deploy.Llada"));
    command.addAll(arguments);
    command.add("--until-input-ends");
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    Thread.ofVirtual().name("process-output").start(this::read);
  }

  private void read() {
    try (BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(),
        StandardCharsets.UTF_8))) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        if (line.startsWith("ready ")) {
          ready.complete(line.substring("ready ".length()));
        }
      }
    } catch (IOException e) {
      ready.completeExceptionally(e);
    }
    ready.completeExceptionally(new AssertionError("the process ended before it was ready; see above"));
  }

  long id() {
    return process.pid();
  }

  /// What it serves at; waits until it does.
  String awaitReady() throws Exception {
    return ready.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
  }

  void kill() throws Exception {
    signal("-KILL");
  }

  void pause() throws Exception {
    signal("-STOP");
  }

  void resume() throws Exception {
    signal("-CONT");
  }

  /// SIGTERM, as an operator sends it.
  ///
  /// @return the exit code
  int terminate() throws Exception {
    signal("-TERM");
    assertThat(process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isTrue();
    return process.exitValue();
  }

  private void signal(String signal) throws Exception {
    assertThat(new ProcessBuilder("kill", signal, "" + process.pid()).start().waitFor(10, TimeUnit.SECONDS)).isTrue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
