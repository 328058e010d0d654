package io.llada.deploy.local;

import io.llada.model.kernel.KernelProvider;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import io.llada.deploy.failure.CommandFailedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Expert nodes on this machine, one process each. A node that dies is started again under the same name and port;
/// one that was asked to leave is not.
public final class LocalNodes implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LocalNodes.class);
  private static final Duration RESTART_PAUSE = Duration.ofSeconds(1);
  private static final String HOST = "127.0.0.1";

  private static final String PROCESSOR = "cpu";
  private static final int HEAP_PERCENTAGE = 70;
  private static final int MOST_NODES = 64;

  private final Template template;
  private final int wanted;
  private final List<NodeProcess> nodes = new ArrayList<>();
  private volatile boolean closed;

  /// What all nodes have in common.
  ///
  /// @param model checkpoint directory
  /// @param threads computing threads of each node
  /// @param kernels what computes in each node
  /// @param registry `host:port` of a registry member; empty: the nodes are known by address
  /// @param device what the nodes compute on
  /// @param pairsPerSecond how fast they may compute at most; empty: as fast as they can
  public record Template(Path model, int threads, KernelProvider kernels, Optional<String> registry, String device,
      Optional<Double> pairsPerSecond) {
    /// Nodes as fast as they can be.
    public Template(Path model, int threads, KernelProvider kernels, Optional<String> registry, String device) {
      this(model, threads, kernels, registry, device, Optional.empty());
    }
  }

  /// @throws IllegalArgumentException when that many nodes cannot be started
  public static void requireCount(int count) {
    if (count < 0 || count > MOST_NODES) {
      throw new IllegalArgumentException("--expert-nodes must be 0..%d, found %d".formatted(MOST_NODES, count));
    }
  }

  /// Threads of each node where all nodes share some: the coordinator's own rest while the nodes compute.
  public static int threadsOfEach(int threads, int count) {
    return Math.max(1, threads / Math.max(1, count));
  }

  private LocalNodes(Template template, int wanted) {
    this.template = template;
    this.wanted = wanted;
  }

  /// Starts `count` nodes at the same time and waits until all serve.
  public static LocalNodes start(Template template, int count) {
    LocalNodes nodes = new LocalNodes(template, count);
    ThreadFactory threads = Thread.ofVirtual().name("expert-node-start-", 0).factory();
    try (ExecutorService starters = Executors.newThreadPerTaskExecutor(threads)) {
      List<Callable<NodeProcess>> starts = new ArrayList<>();
      for (int i = 1; i <= count; i++) {
        String id = "expert-" + i;
        starts.add(() -> nodes.startNode(id, 0));
      }
      for (Future<NodeProcess> started : starters.invokeAll(starts)) {
        nodes.nodes.add(started.get());
      }
      for (int i = 0; i < count; i++) {
        nodes.superviseNode("expert-" + (i + 1), nodes.nodes.get(i));
      }
      return nodes;
    } catch (ExecutionException e) {
      nodes.close();
      throw new CommandFailedException(e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      nodes.close();
      Thread.currentThread().interrupt();
      throw new CommandFailedException("interrupted while expert nodes started", e);
    }
  }

  private NodeProcess startNode(String id, int port) {
    List<String> arguments = new ArrayList<>(List.of("--model", template.model().toString(), "--id", id, "--host", HOST,
        "--port", "" + port, "--threads", "" + template.threads(), "--kernels", template.kernels().name(), "--device",
        template.device()));
    template.pairsPerSecond()
        .ifPresent(rate -> arguments.addAll(List.of("--throttle-pairs-per-second", "" + rate)));
    template.registry().ifPresent(member -> arguments.addAll(List.of("--registry", member)));
    return NodeProcess.start(arguments, heapFlags());
  }

  /// A device other than the processor computes on arrays in the heap, which must hold the weights.
  private List<String> heapFlags() {
    return template.device().equals(PROCESSOR)
        ? List.of()
        : List.of("-XX:+UseG1GC", "-XX:MaxRAMPercentage=" + HEAP_PERCENTAGE / wanted);
  }

  private void superviseNode(String id, NodeProcess node) {
    int port = Integer.parseInt(node.endpoint().substring(node.endpoint().lastIndexOf(':') + 1));
    node.onExit().thenAccept(ended -> {
      if (!closed && ended.exitValue() == 0) {
        LOG.info("{} has left", id);
      } else if (!closed) {
        LOG.warn("{} ended with exit code {}; it is started again", id, ended.exitValue());
        Thread.ofVirtual().name("expert-node-restart").start(() -> restart(id, node, port));
      }
    });
  }

  private void restart(String id, NodeProcess ended, int port) {
    while (!closed) {
      try {
        Thread.sleep(RESTART_PAUSE);
        NodeProcess fresh = startNode(id, port);
        synchronized (nodes) {
          nodes.remove(ended);
          nodes.add(fresh);
        }
        if (closed) {
          fresh.stop();
        } else {
          superviseNode(id, fresh);
        }
        return;
      } catch (CommandFailedException e) {
        LOG.warn("{} could not be started again: {}", id, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /// `host:port` of every node.
  public List<String> endpoints() {
    synchronized (nodes) {
      return nodes.stream().map(NodeProcess::endpoint).toList();
    }
  }

  /// Process ids, for tests that kill.
  public List<Long> pids() {
    synchronized (nodes) {
      return nodes.stream().filter(NodeProcess::isAlive).map(NodeProcess::pid).toList();
    }
  }

  @Override
  public void close() {
    closed = true;
    synchronized (nodes) {
      nodes.forEach(NodeProcess::stop);
    }
  }
}
