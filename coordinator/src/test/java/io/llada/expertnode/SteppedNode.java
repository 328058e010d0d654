package io.llada.expertnode;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.model.config.ShardId;
import io.llada.proto.wire.Frame;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;

/// The inside of an expert node, without its threads and its network: the real store, queue and streams, moved by hand.
/// In this package because none of it is for anybody else.
public final class SteppedNode {
  /// How long a node that leaves must be unused before it ends.
  public static final Duration UNUSED_AFTER = NodeDrain.UNUSED_AFTER;

  private final ShardStore store;
  private final ExpertWorker worker;
  private final ExpertDataService data;

  /// What a plan gives to the node.
  public record Plan(long epoch, String plannerId, Set<ShardId> shards) {
    private ShardStore.Planned planned() {
      return new ShardStore.Planned(epoch, plannerId, shards);
    }
  }

  /// What the node holds at one moment.
  ///
  /// @param epoch the active placement
  /// @param shards shards held, ascending
  /// @param bytes memory they take
  /// @param planned the latest plan
  public record Contents(long epoch, List<ShardId> shards, long bytes, Plan planned) {}

  /// @param incarnation which life of the node this is
  /// @param nanoClock monotonic nanoseconds
  public SteppedNode(ExpertNodeSettings settings, String incarnation, ExpertNodeModel model, LongSupplier nanoClock) {
    ShardLoader loader = new ShardLoader(model, Optional.empty(), (endpoint, shard) -> {
      throw new IllegalStateException("a simulated node has a checkpoint");
    }, List.of());
    store = new ShardStore(loader, shard -> {}, settings.capacityBytes(), nanoClock);
    worker = new ExpertWorker(model, store, settings, failure -> {
      throw new IllegalStateException("a simulated device does not fail", failure);
    }, nanoClock);
    data = new ExpertDataService(new NodeIdentity(settings.nodeId(), incarnation, settings.capacityBytes(),
        settings.zone()), model, settings, store, worker);
  }

  public Contents contents() {
    ShardStore.Contents contents = store.contents();
    return new Contents(contents.epoch(), contents.shards(), contents.bytes(),
        new Plan(contents.planned().epoch(), contents.planned().plannerId(), contents.planned().shards()));
  }

  /// Takes a stream; answers with the way in.
  public StreamObserver<Frame> accept(ServerCallStreamObserver<Frame> out) {
    return data.accept(out);
  }

  /// What the node does twice a second: lets go of shards, says that it lives.
  public void ping() {
    data.ping();
  }

  /// Takes the next dispatch from the queue; running it computes and answers it.
  public Optional<Runnable> nextWork() {
    return worker.next().map(work -> () -> worker.serve(work));
  }

  /// The three steps of a PREPARE, in this order; [#load] once for every shard that [#admit] names.
  public void accept(Plan plan) {
    store.accept(plan.planned());
  }

  public List<ShardId> admit(Plan plan) {
    return store.admit(plan.planned());
  }

  public void load(Plan plan, ShardId shard) {
    store.load(plan.planned(), shard, List.of());
  }

  public void activate(Plan plan, String coordinatorId) {
    store.activate(plan.planned(), coordinatorId);
  }

  public void release(Plan plan) {
    store.release(plan.planned());
  }

  /// Whether no coordinator has a stream here and nothing is queued: a node that leaves may end after a while of this.
  public boolean isUnused() {
    return data.coordinators().isEmpty() && worker.isIdle();
  }

  /// What a broken node would do: unloads what is not active, whoever may still ask for it.
  public void unloadForNobody() {
    store.unload(Set.of());
  }

  /// The status that a coordinator sees in place of an exception.
  public static Status status(RuntimeException failure) {
    return ExpertControlService.status(failure);
  }
}
