package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.deploy.local.NodeProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Every node a process of its own: killed, frozen and asked to leave by signals.
///
/// @param model checkpoint directory
/// @param settings more arguments of the command `expert-node`
record ProcessNodes(Path model, List<String> settings) implements TestNode.Driver {
  /// Nodes with the usual settings.
  ProcessNodes(Path model) {
    this(model, List.of());
  }

  @Override
  public TestNode start(String id, FaultProxy wire) {
    return start(id, List.of("--model", model.toString()));
  }

  /// Starts a node that loads its shards from somewhere else.
  ///
  /// @param source arguments of the command `expert-node`
  TestNode start(String id, List<String> source) {
    List<String> arguments = new ArrayList<>(source);
    arguments.addAll(List.of("--id", id, "--host", "127.0.0.1", "--port", "0", "--threads", "1"));
    arguments.addAll(settings);
    return new Node(NodeProcess.start(arguments, List.of()));
  }

  @Override
  public void close() {
    // Processes share nothing.
  }

  private record Node(NodeProcess process) implements TestNode {
    @Override
    public String endpoint() {
      return process.endpoint();
    }

    @Override
    public long pid() {
      return process.pid();
    }

    @Override
    public void kill() {
      // Not by a command: starting one takes as long as what is measured.
      ProcessHandle.of(process.pid()).ifPresent(ProcessHandle::destroyForcibly);
    }

    @Override
    public void pause() throws InterruptedException {
      signal("-STOP");
    }

    @Override
    public void resume() throws InterruptedException {
      signal("-CONT");
    }

    private void signal(String signal) throws InterruptedException {
      try {
        Process kill = new ProcessBuilder("kill", signal, "" + process.pid()).start();
        assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public int terminate(Duration bound) throws InterruptedException {
      process.terminate();
      return process.awaitExit(bound);
    }

    @Override
    public void stop() {
      process.stop();
    }
  }
}
