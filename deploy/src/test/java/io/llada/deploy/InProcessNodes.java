package io.llada.deploy;

import io.grpc.InsecureServerCredentials;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;

/// Expert nodes in this process, over real gRPC on loopback.
final class InProcessNodes implements TestNode.Driver {
  private static final long CAPACITY = 1L << 30;

  private final Checkpoint checkpoint;
  private final ComputePool pool = new ComputePool(1);
  private final List<ExpertNodeServer> servers = new CopyOnWriteArrayList<>();

  /// @param model checkpoint directory
  InProcessNodes(Path model) {
    checkpoint = Checkpoint.open(model);
  }

  @Override
  public TestNode start(String id, FaultProxy wire) {
    return new Node(start(id), wire);
  }

  /// Nodes without proxies.
  ///
  /// @return their endpoints
  List<String> start(int count) {
    return IntStream.range(0, count).mapToObj(i -> start("node-" + i).endpoint()).toList();
  }

  private ExpertNodeServer start(String id) {
    ExpertNodeServer server = new ExpertNodeServer(ExpertNodeSettings.of(id, "127.0.0.1", 0, CAPACITY), ExpertNodeModel
        .of(checkpoint, Kernels.best(), pool), InsecureServerCredentials.create(), Optional.empty());
    servers.add(server);
    server.start();
    return server;
  }

  @Override
  public void close() {
    servers.forEach(ExpertNodeServer::close);
    pool.close();
    checkpoint.close();
  }

  private record Node(ExpertNodeServer server, FaultProxy wire) implements TestNode {
    @Override
    public String endpoint() {
      return server.endpoint();
    }

    @Override
    public long pid() {
      return ProcessHandle.current().pid();
    }

    @Override
    public void kill() {
      server.close();
    }

    /// What freezes is its wire: nobody can tell the difference.
    @Override
    public void pause() {
      wire.stall(FaultProxy.Direction.values());
    }

    @Override
    public void resume() {
      wire.flow();
    }

    @Override
    public int terminate(Duration bound) throws InterruptedException {
      server.drain();
      CompletableFuture<Integer> ended = CompletableFuture.supplyAsync(this::awaitDrained);
      try {
        return ended.get(bound.toMillis(), TimeUnit.MILLISECONDS);
      } catch (ExecutionException | TimeoutException e) {
        throw new AssertionError("the node did not leave within " + bound, e);
      }
    }

    private int awaitDrained() {
      try {
        boolean isUnused = server.awaitDrained();
        server.close();
        return isUnused ? 0 : 1;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return 1;
      }
    }

    @Override
    public void stop() {
      server.close();
    }
  }
}
