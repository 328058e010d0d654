package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// A command as a process of its own, and what can happen to it. It ends with this process.
final class LladaProcess implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final int LAST_WORDS = 20;

  private final Process process;
  /// The latest lines of its standard error: written by one thread, read when that has ended.
  private final List<String> complained = new ArrayList<>();
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
    process = new ProcessBuilder(command).start();
    CompletableFuture<Void> complaints = read(process.getErrorStream(), this::noteComplaint);
    read(process.getInputStream(), this::noteReady).runAfterBoth(complaints, () -> ready.completeExceptionally(
        new AssertionError("the process ended before it was ready; its last words:\n" + String.join("\n",
            complained))));
  }

  private static CompletableFuture<Void> read(InputStream stream, Consumer<String> each) {
    CompletableFuture<Void> end = new CompletableFuture<>();
    Thread.ofVirtual().name("process-output").start(() -> {
      try (BufferedReader lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
        lines.lines().forEach(each);
      } catch (IOException | UncheckedIOException e) {
        System.err.println("the output of a process that was ended: " + e);
      } finally {
        end.complete(null);
      }
    });
    return end;
  }

  private void noteReady(String line) {
    if (line.startsWith("ready ")) {
      ready.complete(line.substring("ready ".length()));
    }
  }

  private void noteComplaint(String line) {
    System.err.println(line);
    complained.add(line);
    if (complained.size() > LAST_WORDS) {
      complained.removeFirst();
    }
  }

  long id() {
    return process.pid();
  }

  /// What it serves at; waits until it does.
  String awaitReady() throws Exception {
    return ready.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
  }

  void kill() {
    process.destroyForcibly();
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
