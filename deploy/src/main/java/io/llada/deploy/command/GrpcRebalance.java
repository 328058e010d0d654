package io.llada.deploy.command;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.NodeShare;
import io.llada.proto.internal.v1.RebalancePlan;
import io.llada.proto.internal.v1.RebalanceRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/// Asks one coordinator what it would place where: protobuf stops here.
final class GrpcRebalance implements AutoCloseable {
  private static final long TIMEOUT_SECONDS = 15;
  private static final String ROW = "  %-16s %6s %6s %6s %10s %6s";

  private final String endpoint;
  private final ManagedChannel channel;

  GrpcRebalance(String endpoint) {
    this.endpoint = endpoint;
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, InsecureChannelCredentials.create()).disableRetry()
        .build();
  }

  /// Has it only told.
  ///
  /// @return lines for people
  /// @throws CommandFailedException when it does not answer, or has nothing to plan
  List<String> look() {
    RebalancePlan plan = ask(RebalanceRequest.newBuilder().setDryRun(true).build());
    return lines(plan, plan.getChange() ? "nothing was changed" : "there is nothing to change");
  }

  /// Has it done.
  List<String> carryOut() {
    RebalancePlan plan = ask(RebalanceRequest.getDefaultInstance());
    return lines(plan, plan.getChange()
        ? "the plan is being carried out; 'llada status' shows how it goes"
        : "there is nothing to change");
  }

  private RebalancePlan ask(RebalanceRequest request) {
    try {
      return DenoisingGrpc.newBlockingStub(channel).withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS)
          .rebalance(request);
    } catch (StatusRuntimeException e) {
      throw new CommandFailedException("the coordinator at %s: %s".formatted(endpoint,
          e.getStatus().getDescription() == null ? e.getStatus().getCode() : e.getStatus().getDescription()), e);
    }
  }

  static List<String> lines(RebalancePlan plan, String outcome) {
    List<String> lines = new ArrayList<>();
    lines.add("placement epoch " + plan.getEpoch());
    lines.add(row("expert node", "now", "then", "loads", "bytes", "speed"));
    long loads = plan.getNodesList().stream().mapToLong(NodeShare::getLoads).sum();
    long shardBytes = loads == 0 ? 0 : plan.getBytesToMove() / loads;
    plan.getNodesList().forEach(node -> lines.add(row(node.getNodeId(), "" + node.getShardsNow(),
        "" + node.getShardsThen(), "" + node.getLoads(), InspectCommand.bytes(node.getLoads() * shardBytes),
        String.format(Locale.ROOT, "%.2f", node.getSpeed()))));
    lines.add(String.format(Locale.ROOT, "%s to move, imbalance %.2f now, %.2f then: %s",
        InspectCommand.bytes(plan.getBytesToMove()), plan.getImbalanceNow(), plan.getImbalanceThen(), outcome));
    return lines;
  }

  private static String row(String... columns) {
    return ROW.formatted((Object[]) columns).stripTrailing();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
