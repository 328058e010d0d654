package io.llada.deploy;

import io.grpc.InsecureServerCredentials;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Expert nodes in this process, over real gRPC on loopback.
final class InProcessNodes implements AutoCloseable {
  private static final long CAPACITY = 1L << 30;

  private final Checkpoint checkpoint;
  private final ComputePool pool = new ComputePool(1);
  private final List<ExpertNodeServer> servers = new ArrayList<>();

  InProcessNodes(Path model, int count) {
    checkpoint = Checkpoint.open(model);
    for (int i = 1; i <= count; i++) {
      ExpertNodeServer server = new ExpertNodeServer(ExpertNodeSettings.of("node-" + i, "127.0.0.1", 0, CAPACITY),
          ExpertNodeModel.of(checkpoint, Kernels.best(), pool), InsecureServerCredentials.create(), Optional.empty());
      server.start();
      servers.add(server);
    }
  }

  List<String> endpoints() {
    return servers.stream().map(ExpertNodeServer::endpoint).toList();
  }

  @Override
  public void close() {
    servers.forEach(ExpertNodeServer::close);
    pool.close();
    checkpoint.close();
  }
}
