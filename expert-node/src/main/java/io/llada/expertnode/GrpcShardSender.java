package io.llada.expertnode;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.llada.model.experts.ShardImages;
import io.llada.model.packed.PackedManifestJson;
import io.llada.proto.internal.v1.FetchShardRequest;
import io.llada.proto.internal.v1.ShardChunk;
import io.llada.proto.internal.v1.ShardHeader;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Sends shards that this node holds to other nodes, a few at a time, as fast as each of them reads. A shard that is being
/// sent is in use: it stays until the last byte is out or the receiver has gone.
final class GrpcShardSender {
  /// Fetches at the same time; more are told to come back.
  static final int MOST_FETCHES = 4;

  private static final Logger LOG = LoggerFactory.getLogger(GrpcShardSender.class);
  private static final int CHUNK_BYTES = 512 << 10;
  /// A receiver that reads nothing for this long has gone.
  private static final Duration STALL_TIMEOUT = Duration.ofSeconds(15);

  private final ExpertNodeModel model;
  private final ShardStore store;
  private final Executor executor;
  private final Semaphore fetches = new Semaphore(MOST_FETCHES);

  /// @param executor threads that may wait
  GrpcShardSender(ExpertNodeModel model, ShardStore store, Executor executor) {
    this.model = model;
    this.store = store;
    this.executor = executor;
  }

  /// Answers one call.
  void send(FetchShardRequest request, ServerCallStreamObserver<ShardChunk> call) {
    if (!request.getModelDigest().equals(model.digest())) {
      call.onError(Status.FAILED_PRECONDITION.withDescription("this node serves checkpoint %s, asked for was %s"
          .formatted(model.digest(), request.getModelDigest())).asRuntimeException());
      return;
    }
    if (!fetches.tryAcquire()) {
      call.onError(
          Status.RESOURCE_EXHAUSTED.withDescription("this node sends %d shards already".formatted(MOST_FETCHES))
              .asRuntimeException());
      return;
    }
    Semaphore ready = new Semaphore(0);
    call.setOnReadyHandler(ready::release);
    call.setOnCancelHandler(ready::release);
    try {
      executor.execute(() -> send(request, call, ready));
    } catch (RejectedExecutionException e) {
      fetches.release();
      call.onError(Status.UNAVAILABLE.withDescription("this node ends").asRuntimeException());
    }
  }

  private void send(FetchShardRequest request, ServerCallStreamObserver<ShardChunk> call, Semaphore ready) {
    int group = request.getShard().getGroup();
    try {
      Optional<ShardStore.Loan> loan = store.lend(request.getShard().getLayer(), Set.of(group));
      if (loan.isEmpty()) {
        throw Status.NOT_FOUND.withDescription("this node does not hold layer %d group %d".formatted(request.getShard()
            .getLayer(), group)).asRuntimeException();
      }
      try (ShardStore.Loan held = loan.get()) {
        send(held.loaded(group), call, ready);
      }
      call.onCompleted();
    } catch (StatusRuntimeException e) {
      fail(request, call, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail(request, call, Status.UNAVAILABLE.withDescription("this node ends").asRuntimeException());
    } catch (RuntimeException e) {
      fail(request, call, Status.INTERNAL.withDescription("the node failed: " + e).withCause(e).asRuntimeException());
    } finally {
      fetches.release();
    }
  }

  private static void fail(FetchShardRequest request, ServerCallStreamObserver<ShardChunk> call,
      StatusRuntimeException reason) {
    LOG.info("layer {} group {} is not sent: {}", request.getShard().getLayer(), request.getShard().getGroup(), reason
        .getMessage());
    if (!call.isCancelled()) {
      call.onError(reason);
    }
  }

  private void send(LoadedShard loaded, ServerCallStreamObserver<ShardChunk> call, Semaphore ready)
      throws InterruptedException {
    long begun = System.nanoTime();
    call.onNext(ShardChunk.newBuilder().setHeader(ShardHeader.newBuilder().setManifest(PackedManifestJson.writeFile(
        loaded.manifest()).toString()).setNumericsClass(model.numericsClass()).setProbe(loaded.probe())).build());
    for (MemorySegment segment : ShardImages.bytes(loaded.shard())) {
      for (long at = 0; at < segment.byteSize(); at += CHUNK_BYTES) {
        awaitReady(call, ready);
        MemorySegment chunk = segment.asSlice(at, Math.min(CHUNK_BYTES, segment.byteSize() - at));
        call.onNext(ShardChunk.newBuilder().setData(ByteString.copyFrom(chunk.asByteBuffer())).build());
      }
    }
    LOG.info("{} sent in {} ms", loaded.shard().id(), Duration.ofNanos(System.nanoTime() - begun).toMillis());
  }

  private static void awaitReady(ServerCallStreamObserver<ShardChunk> call, Semaphore ready)
      throws InterruptedException {
    while (!call.isReady() && !call.isCancelled()) {
      if (!ready.tryAcquire(STALL_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS)) {
        throw Status.ABORTED.withDescription("the receiver read nothing for " + STALL_TIMEOUT).asRuntimeException();
      }
    }
    if (call.isCancelled()) {
      throw Status.CANCELLED.withDescription("the receiver has gone").asRuntimeException();
    }
  }
}
