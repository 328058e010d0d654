package io.llada.expertnode;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.experts.ShardImages;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifestJson;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.FetchShardRequest;
import io.llada.proto.internal.v1.ShardChunk;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The edge to other expert nodes: shards they hold. Calls block, within bounds. Thread-safe.
final class GrpcPeers implements ShardLoader.PeerShards {
  /// The most one shard may take; a peer that is frozen or gone is noticed by the connection.
  private static final Duration FETCH_TIMEOUT = Duration.ofMinutes(10);
  private static final Duration RETRY_PAUSE = Duration.ofMillis(200);
  /// A peer that serves as many fetches as it may is asked this often.
  private static final int MOST_ATTEMPTS = 25;
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(2);

  private final ChannelCredentials credentials;
  private final ShardImages images;
  private final String numericsClass;

  /// @param outline the model
  /// @param numericsClass of this node
  GrpcPeers(ChannelCredentials credentials, ExpertOutline outline, String numericsClass) {
    this.credentials = credentials;
    this.images = new ShardImages(outline);
    this.numericsClass = numericsClass;
  }

  static ManagedChannel channel(String endpoint, ChannelCredentials credentials) {
    return NettyChannelBuilder.forTarget("dns:///" + endpoint, credentials).disableRetry()
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).build();
  }

  @Override
  public ShardOffer fetch(String endpoint, ShardId id) {
    ManagedChannel channel = channel(endpoint, credentials);
    try {
      return begin(endpoint, id, channel);
    } catch (RuntimeException e) {
      channel.shutdownNow();
      throw e;
    }
  }

  private ShardOffer begin(String endpoint, ShardId id, ManagedChannel channel) {
    FetchShardRequest request = FetchShardRequest.newBuilder().setModelDigest(images.outline().digest()).setShard(
        io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group())).build();
    String origin = "%s from %s".formatted(id, endpoint);
    for (int attempt = 1;; attempt++) {
      ClientCall<FetchShardRequest, ShardChunk> call = channel.newCall(ExpertControlGrpc.getFetchShardMethod(),
          CallOptions.DEFAULT.withDeadlineAfter(FETCH_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS));
      try {
        Iterator<ShardChunk> chunks = ClientCalls.blockingServerStreamingCall(call, request);
        return offer(id, chunks, origin, () -> {
          giveUp(call);
          channel.shutdownNow();
        });
      } catch (StatusRuntimeException e) {
        if (e.getStatus().getCode() != Status.Code.RESOURCE_EXHAUSTED || attempt == MOST_ATTEMPTS) {
          throw unavailable(e);
        }
        pause(e);
      } catch (RuntimeException e) {
        giveUp(call);
        throw e;
      }
    }
  }

  /// Reads no more. What has arrived on a stream that the peer has ended is not freed by closing the channel alone.
  private static void giveUp(ClientCall<?, ?> call) {
    call.cancel("nothing more is read", null);
  }

  private static void pause(StatusRuntimeException reason) {
    try {
      Thread.sleep(RETRY_PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unavailable(reason);
    }
  }

  private ShardOffer offer(ShardId id, Iterator<ShardChunk> chunks, String origin, Runnable end) {
    ShardChunk first = chunks.hasNext() ? chunks.next() : ShardChunk.getDefaultInstance();
    if (!first.hasHeader()) {
      throw new CheckpointException("%s: it does not begin with a header".formatted(origin));
    }
    PackedFile manifest = PackedManifestJson.file(origin, CheckpointJson.object(origin, first.getHeader().getManifest()
        .getBytes(StandardCharsets.UTF_8)));
    Optional<String> probe = first.getHeader().getNumericsClass().equals(numericsClass)
        ? Optional.of(first.getHeader().getProbe())
        : Optional.empty();
    return new ShardOffer(images.weights(new ShardImages.Image(id, manifest, new Chunks(chunks), origin)), probe, end);
  }

  private static PeerException unavailable(StatusRuntimeException e) {
    return new PeerException(e.getStatus().getDescription() == null
        ? e.getStatus().getCode().toString()
        : e.getStatus().getDescription(), e);
  }

  /// The bytes of a stream of chunks. A stream that breaks is the peer's failure, not the shard's.
  private static final class Chunks implements ReadableByteChannel {
    private final Iterator<ShardChunk> chunks;
    private ByteBuffer current = ByteBuffer.allocate(0);

    Chunks(Iterator<ShardChunk> chunks) {
      this.chunks = chunks;
    }

    @Override
    public int read(ByteBuffer target) {
      try {
        while (!current.hasRemaining()) {
          if (!chunks.hasNext()) {
            return -1;
          }
          current = chunks.next().getData().asReadOnlyByteBuffer();
        }
      } catch (StatusRuntimeException e) {
        throw unavailable(e);
      }
      int bytes = Math.min(target.remaining(), current.remaining());
      target.put(current.slice(current.position(), bytes));
      current.position(current.position() + bytes);
      return bytes;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {
      // The call is ended by its offer.
    }
  }
}
