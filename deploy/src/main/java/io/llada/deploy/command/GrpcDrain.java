package io.llada.deploy.command;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.proto.internal.v1.DrainProgress;
import io.llada.proto.internal.v1.DrainRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Asks one expert node to leave: protobuf stops here.
final class GrpcDrain implements AutoCloseable {
  /// Beyond what any node allows itself; a node that is gone is noticed by the connection.
  private static final long LONGEST_HOURS = 24;
  private static final long KEEP_ALIVE_SECONDS = 5;

  private final String endpoint;
  private final ManagedChannel channel;

  GrpcDrain(String endpoint) {
    this.endpoint = endpoint;
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, InsecureChannelCredentials.create())
        .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS).build();
  }

  /// Waits until the node has left.
  ///
  /// @param progress told how it goes, one line each
  /// @throws CommandFailedException when it does not answer, or ends although it is in use
  void run(Consumer<String> progress) {
    try {
      Iterator<DrainProgress> steps = ExpertControlGrpc.newBlockingStub(channel)
          .withDeadlineAfter(LONGEST_HOURS, TimeUnit.HOURS).drain(DrainRequest.getDefaultInstance());
      boolean isDone = false;
      while (steps.hasNext()) {
        DrainProgress step = steps.next();
        isDone = step.getDone();
        progress.accept(isDone
            ? "nobody uses it any more"
            : "used by %s, %d s left".formatted(step.getCoordinatorsCount() == 0
                ? "nobody"
                : String.join(", ", step.getCoordinatorsList()), step.getSecondsLeft()));
      }
      if (!isDone) {
        throw new CommandFailedException("the expert node at %s ended before it had drained".formatted(endpoint));
      }
    } catch (StatusRuntimeException e) {
      throw new CommandFailedException("the expert node at %s: %s".formatted(endpoint,
          e.getStatus().getDescription() == null ? e.getStatus().getCode() : e.getStatus().getDescription()), e);
    }
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
