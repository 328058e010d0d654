package io.llada.deploy.local;

import io.llada.deploy.failure.CommandFailedException;
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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// One expert node as a process of its own, started with this process's Java, flags and class path.
///
/// It ends when this process ends, however that happens: its standard input is a pipe held here.
public final class NodeProcess {
  /// What a node prints once it serves, followed by its endpoint.
  static final String READY = "ready ";
  private static final Duration START_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

  private final Process process;
  private final String endpoint;

  private NodeProcess(Process process, String endpoint) {
    this.process = process;
    this.endpoint = endpoint;
  }

  /// Starts a node and waits until it serves.
  ///
  /// @param arguments of the command `expert-node`
  /// @param flags for its JVM, beside those of this process
  /// @throws CommandFailedException when it ends or stays silent
  public static NodeProcess start(List<String> arguments, List<String> flags) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.llada.deploy.Llada", "expert-node",
        "--until-input-ends"));
    command.addAll(arguments);
    try {
      Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      return new NodeProcess(process, awaitReady(process));
    } catch (IOException e) {
      throw new CommandFailedException("an expert node cannot be started: " + e.getMessage(), e);
    }
  }

  private static String awaitReady(Process process) {
    CompletableFuture<String> ready = new CompletableFuture<>();
    Thread.ofVirtual().name("expert-node-output").start(() -> {
      try (BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(),
          StandardCharsets.UTF_8))) {
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          if (line.startsWith(READY)) {
            ready.complete(line.substring(READY.length()));
          }
        }
      } catch (IOException e) {
        ready.completeExceptionally(e);
      }
      ready.completeExceptionally(new CommandFailedException("an expert node ended before it was ready; see above"));
    });
    try {
      return ready.get(START_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new CommandFailedException(e.getCause().getMessage(), e);
    } catch (TimeoutException e) {
      process.destroyForcibly();
      throw new CommandFailedException("an expert node was not ready within " + START_TIMEOUT.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new CommandFailedException("interrupted while an expert node started", e);
    }
  }

  /// `host:port` at which it serves.
  public String endpoint() {
    return endpoint;
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  /// Asks the process to leave as an operator does, with SIGTERM: it drains. See [#awaitExit].
  public void terminate() {
    // Not Process.destroy(), which closes the pipe as well: the node would end at once.
    process.toHandle().destroy();
  }

  /// Waits for the process to end.
  ///
  /// @return its exit code
  /// @throws CommandFailedException when it does not end in time
  public int awaitExit(Duration timeout) throws InterruptedException {
    if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new CommandFailedException("the expert node at %s did not end within %d s".formatted(endpoint, timeout
          .toSeconds()));
    }
    return process.exitValue();
  }

  /// Ends the process at once, by force if it must be.
  public void stop() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      process.destroyForcibly();
    }
    try {
      if (!process.waitFor(STOP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
