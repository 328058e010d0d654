package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertOutline;
import io.llada.proto.internal.v1.DescribeNodeRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.FetchShardRequest;
import io.llada.proto.internal.v1.LoadedBytes;
import io.llada.proto.internal.v1.NodeDescription;
import io.llada.proto.internal.v1.PlacementShards;
import io.llada.proto.internal.v1.ShardChunk;
import io.llada.proto.internal.v1.ShardHolders;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Shards from other nodes over real gRPC, from honest ones and others.
class PeerShardsTest {
  private static final ShardId ID = new ShardId(2, 1);
  private static final String HOST = "127.0.0.1";

  @TempDir
  private Path directory;

  private final TinyModel tiny = new TinyModel();
  private final ExpertNodeModel emptyHanded = new ExpertNodeModel(tiny.model.outline(), tiny.model.numericsClass(),
      "cpu", Optional.empty(), tiny.model.placing(), tiny.model.computation());
  private final List<ManagedChannel> channels = new ArrayList<>();
  private final List<ExpertNodeServer> nodes = new ArrayList<>();
  private final List<Server> liars = new ArrayList<>();
  private ExpertNodeServer owner;

  @BeforeEach
  void start() {
    owner = node("owner", tiny.model, ExpertNodeSettings.Sources.NONE);
    prepare(owner, List.of());
  }

  @AfterEach
  void stop() {
    channels.forEach(ManagedChannel::shutdownNow);
    liars.forEach(Server::shutdownNow);
    nodes.forEach(ExpertNodeServer::close);
    tiny.close();
  }

  private ExpertNodeServer node(String id, ExpertNodeModel model, ExpertNodeSettings.Sources sources) {
    ExpertNodeSettings usual = ExpertNodeSettings.of(id, HOST, 0, 1 << 30);
    ExpertNodeServer node = new ExpertNodeServer(new ExpertNodeSettings(id, HOST, 0, Optional.empty(), 1 << 30,
        usual.maxTokens(), usual.queueCapacity(), usual.credits(), "", usual.drainTimeout(), sources), model,
        InsecureServerCredentials.create(), Optional.empty());
    nodes.add(node);
    node.start();
    return node;
  }

  private ExpertControlGrpc.ExpertControlBlockingStub control(ExpertNodeServer node) {
    ManagedChannel channel = NettyChannelBuilder.forTarget("dns:///" + node.endpoint(), InsecureChannelCredentials
        .create()).build();
    channels.add(channel);
    return ExpertControlGrpc.newBlockingStub(channel);
  }

  private static io.llada.proto.internal.v1.ShardId.Builder message(ShardId id) {
    return io.llada.proto.internal.v1.ShardId.newBuilder().setLayer(id.layer()).setGroup(id.group());
  }

  private void prepare(ExpertNodeServer node, List<String> holders) {
    control(node)
        .prepare(PlacementShards.newBuilder().setEpoch(1).setModelDigest(tiny.model.digest()).addShards(message(
            ID)).addHolders(ShardHolders.newBuilder().setShard(message(ID)).addAllEndpoints(holders)).build());
  }

  private NodeDescription description(ExpertNodeServer node) {
    return control(node).describeNode(DescribeNodeRequest.getDefaultInstance());
  }

  private ShardLoader loader() {
    return new ShardLoader(emptyHanded, Optional.empty(), new GrpcPeers(InsecureChannelCredentials.create(), tiny.model
        .outline(), tiny.model.numericsClass()), List.of());
  }

  @Test
  void aNodeWithoutACheckpointLoadsFromAnotherKeepsACopyAndNeedsNobodyAfterARestart() {
    ExpertNodeSettings.Sources cached = new ExpertNodeSettings.Sources(Optional.of(directory), List.of());
    ExpertNodeServer first = node("first", emptyHanded, cached);
    prepare(first, List.of(owner.endpoint()));

    assertThat(description(first).getWithoutCheckpoint()).isTrue();
    assertThat(description(first).getShardsList()).containsExactly(message(ID).build());
    assertThat(description(first).getLoadedList()).containsExactly(LoadedBytes.newBuilder().setSource("peer").setBytes(
        tiny.model.shardBytes()).setShards(1).build());
    assertThat(description(owner).getLoadedList()).extracting(LoadedBytes::getSource).containsExactly("checkpoint");
    assertThat(probe(first)).isEqualTo(probe(owner));
    Path file = directory.resolve(tiny.model.digest()).resolve("layer-002-group-001.shard");
    await().atMost(Duration.ofSeconds(20)).until(() -> Files.exists(file));
    first.close();
    owner.close();

    ExpertNodeServer again = node("first", emptyHanded, cached);
    prepare(again, List.of());
    assertThat(description(again).getLoadedList()).extracting(LoadedBytes::getSource).containsExactly("cache");
  }

  private String probe(ExpertNodeServer node) {
    return chunks(node).getFirst().getHeader().getProbe();
  }

  private FetchShardRequest request() {
    return FetchShardRequest.newBuilder().setModelDigest(tiny.model.digest()).setShard(message(ID)).build();
  }

  @Test
  void peersSayWhatModelTheyServeAndTheCacheRemembersIt() throws Exception {
    String nobody = HOST + ":1";
    requireIsTheModel(outline(Optional.empty(), nobody, owner.endpoint()));
    assertThatThrownBy(() -> outline(Optional.empty(), nobody)).hasMessageContaining(nobody);
    Path cache = directory.resolve("cache");
    assertThatThrownBy(() -> outline(Optional.of(cache), nobody)).hasMessageContaining(nobody);

    requireIsTheModel(outline(Optional.of(cache), owner.endpoint()));
    requireIsTheModel(outline(Optional.of(cache), nobody));

    Path file = cache.resolve("model.outline");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    assertThatThrownBy(() -> outline(Optional.of(cache), nobody)).hasMessageContaining("model.outline: is damaged");
    requireIsTheModel(outline(Optional.of(cache), owner.endpoint()));
    requireIsTheModel(outline(Optional.of(cache), nobody));
  }

  private static ExpertOutline outline(Optional<Path> cache, String... peers) throws InterruptedException {
    Duration patience = peers.length == 1 ? Duration.ZERO : Duration.ofSeconds(10);
    return GrpcPeerOutline.find(new ExpertNodeSettings.Sources(cache, List.of(peers)),
        InsecureChannelCredentials.create(),
        patience);
  }

  private void requireIsTheModel(ExpertOutline outline) {
    assertThat(outline.digest()).isEqualTo(tiny.model.digest());
    assertThat(outline.shards()).isEqualTo(tiny.model.outline().shards());
    assertThat(outline.formats()).isEqualTo(tiny.model.outline().formats());
    assertThat(outline.shardBytes()).isEqualTo(tiny.model.shardBytes());
    assertThat(outline.moe().expertsPerToken()).isEqualTo(tiny.model.moe().expertsPerToken());
  }

  /// What a peer may send.
  enum Lie {
    ONE_BIT("SHA-256") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        byte[] last = chunks.getLast().getData().toByteArray();
        last[last.length / 2] ^= 1;
        return with(chunks, chunks.size() - 1, data(last));
      }
    },
    TOO_SHORT("ends at") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return chunks.subList(0, chunks.size() - 1);
      }
    },
    TOO_LONG("goes on") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        List<ShardChunk> longer = new ArrayList<>(chunks);
        longer.add(data(new byte[100_000]));
        return longer;
      }
    },
    NO_HEADER("header") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return chunks.subList(1, chunks.size());
      }
    },
    NOTHING("header") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return List.of();
      }
    },
    NO_JSON("JSON") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return manifest(chunks, "manifest", "{");
      }
    },
    HUGE("bytes") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return manifest(chunks, "\"rows\":64,", "\"rows\":16000000,");
      }
    },
    ANOTHER_SHARD("layer-002-group-001.bin") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        return manifest(chunks, "layer-002-group-001", "layer-002-group-003");
      }
    },
    ANOTHER_PROBE("its probe gives") {
      @Override
      List<ShardChunk> of(List<ShardChunk> chunks) {
        ShardChunk.Builder header = chunks.getFirst().toBuilder();
        header.getHeaderBuilder().setProbe("00");
        return with(chunks, 0, header.build());
      }
    };

    final String complaint;

    Lie(String complaint) {
      this.complaint = complaint;
    }

    abstract List<ShardChunk> of(List<ShardChunk> chunks);

    private static List<ShardChunk> manifest(List<ShardChunk> chunks, String old, String other) {
      ShardChunk.Builder header = chunks.getFirst().toBuilder();
      String manifest = header.getHeader().getManifest();
      header.getHeaderBuilder().setManifest(other.equals("{") ? other : manifest.replace(old, other));
      assertThat(header.getHeader().getManifest()).isNotEqualTo(manifest);
      return with(chunks, 0, header.build());
    }

    private static ShardChunk data(byte[] bytes) {
      return ShardChunk.newBuilder().setData(ByteString.copyFrom(bytes)).build();
    }

    private static List<ShardChunk> with(List<ShardChunk> chunks, int index, ShardChunk chunk) {
      List<ShardChunk> changed = new ArrayList<>(chunks);
      changed.set(index, chunk);
      return changed;
    }
  }

  /// A peer that sends these chunks, then ends in this way.
  private String peer(List<ShardChunk> chunks, Status end) throws IOException {
    Server server = NettyServerBuilder.forAddress(new InetSocketAddress(HOST, 0), InsecureServerCredentials.create())
        .addService(new ExpertControlGrpc.ExpertControlImplBase() {
          @Override
          public void fetchShard(FetchShardRequest request, StreamObserver<ShardChunk> response) {
            chunks.forEach(response::onNext);
            if (end.isOk()) {
              response.onCompleted();
            } else {
              response.onError(end.asRuntimeException());
            }
          }
        }).build().start();
    liars.add(server);
    return HOST + ":" + server.getPort();
  }

  private List<ShardChunk> honest() {
    List<ShardChunk> chunks = chunks(owner);
    assertThat(chunks).hasSizeGreaterThan(2);
    return chunks;
  }

  /// All of them: what is left of a stream that has ended would not be freed.
  private List<ShardChunk> chunks(ExpertNodeServer node) {
    List<ShardChunk> chunks = new ArrayList<>();
    control(node).fetchShard(request()).forEachRemaining(chunks::add);
    return chunks;
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNotTheShardIsRefusedAndTheNextPeerAsked(Lie lie) throws IOException {
    String liar = peer(lie.of(honest()), Status.OK);

    assertThatThrownBy(() -> loader().load(ID, List.of(liar))).isInstanceOfSatisfying(ShardRefusedException.class,
        refused -> assertThat(refused.reason()).isEqualTo(Reason.NO_SOURCE)).hasMessageContaining(ID.toString())
        .hasMessageContaining(liar).hasMessageContaining(lie.complaint);
    try (LoadedShard loaded = loader().load(ID, List.of(liar, owner.endpoint()))) {
      assertThat(loaded.probe()).isEqualTo(probe(owner));
    }
  }

  @Test
  void aPeerThatDiesInTheMiddleOrIsNotThereIsPassedByAndAllAreNamedWhenNoneIsLeft() throws IOException {
    String dying = peer(honest().subList(0, 2), Status.UNAVAILABLE.withDescription("killed"));
    String absent = HOST + ":1";

    assertThatThrownBy(() -> loader().load(ID, List.of(dying, absent))).isInstanceOfSatisfying(
        ShardRefusedException.class, refused -> assertThat(refused.reason()).isEqualTo(Reason.NO_SOURCE_NOW))
        .hasMessageContaining(dying + ": killed").hasMessageContaining(absent);
    try (LoadedShard loaded = loader().load(ID, List.of(dying, absent, owner.endpoint()))) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.PEER);
    }
    assertThatThrownBy(() -> loader().load(ID, List.of())).hasMessageContaining("no other node holds it");
  }

  @Test
  void onlySomeShardsAreSentAtATimeAndAReceiverThatHasGoneMakesRoom() {
    List<ManagedChannel> slow = new ArrayList<>();
    for (int i = 0; i < GrpcShardSender.MOST_FETCHES; i++) {
      // Takes a small part of the shard and reads no more.
      slow.add(NettyChannelBuilder.forTarget("dns:///" + owner.endpoint(), InsecureChannelCredentials.create())
          .flowControlWindow(1 << 14).build());
      assertThat(ExpertControlGrpc.newBlockingStub(slow.getLast()).fetchShard(request()).next().hasHeader()).isTrue();
    }
    channels.addAll(slow);
    assertThatThrownBy(() -> control(owner).fetchShard(request()).next()).hasMessageContaining("RESOURCE_EXHAUSTED");

    slow.getFirst().shutdownNow();

    try (LoadedShard loaded = loader().load(ID, List.of(owner.endpoint()))) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.PEER);
    }
  }

  @Test
  void aNodeSendsOnlyWhatItHoldsAndOnlyOfItsModel() {
    assertThatThrownBy(() -> loader().load(new ShardId(1, 0), List.of(owner.endpoint()))).hasMessageContaining(
        "does not hold layer 1 group 0");
    assertThatThrownBy(() -> control(owner).fetchShard(request().toBuilder().setModelDigest("other").build()).next())
        .hasMessageContaining("FAILED_PRECONDITION").hasMessageContaining("other");
  }
}
