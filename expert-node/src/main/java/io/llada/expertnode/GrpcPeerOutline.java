package io.llada.expertnode;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.llada.model.config.MoeConfig;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packing.DurableFile;
import io.llada.proto.internal.v1.DescribeModelRequest;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.ModelOutline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What model a node without a checkpoint serves: other nodes are asked, and what they say is kept in the shard cache,
/// `DIRECTORY/model.outline`, for a start at which none of them answers. Nodes that lost their power together need no
/// one else to serve again.
public final class GrpcPeerOutline {
  private static final Logger LOG = LoggerFactory.getLogger(GrpcPeerOutline.class);
  private static final String FILE = "model.outline";
  private static final Duration DESCRIBE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration RETRY_PAUSE = Duration.ofMillis(200);

  private GrpcPeerOutline() {}

  /// Asks nodes what model they serve, again and again until one answers; what the cache says if none does.
  ///
  /// @param sources nodes to ask, and the cache if there is one
  /// @param patience how long to ask
  /// @throws IllegalStateException when nobody knows, naming every node and why it would not do
  /// @throws CheckpointException when the cache's word cannot be read
  public static ExpertOutline find(ExpertNodeSettings.Sources sources, ChannelCredentials credentials,
      Duration patience) throws InterruptedException {
    Optional<Path> file = sources.cache().map(directory -> directory.resolve(FILE));
    long deadline = System.nanoTime() + patience.toNanos();
    while (true) {
      List<String> failures = new ArrayList<>();
      for (String endpoint : sources.peers()) {
        try {
          ModelOutline message = ask(endpoint, credentials);
          ExpertOutline outline = outline(message);
          file.ifPresent(path -> keep(path, message));
          return outline;
        } catch (StatusRuntimeException | IllegalArgumentException e) {
          failures.add(endpoint + ": " + e.getMessage());
        }
      }
      if (System.nanoTime() > deadline) {
        return file.filter(Files::exists).map(path -> recall(path, failures)).orElseThrow(
            () -> new IllegalStateException("no peer says what model it serves: " + String.join("; ", failures)));
      }
      Thread.sleep(RETRY_PAUSE);
    }
  }

  private static ModelOutline ask(String endpoint, ChannelCredentials credentials) {
    ManagedChannel channel = GrpcPeers.channel(endpoint, credentials);
    try {
      return ExpertControlGrpc.newBlockingStub(channel).withDeadlineAfter(DESCRIBE_TIMEOUT.toMillis(),
          TimeUnit.MILLISECONDS).describeModel(DescribeModelRequest.getDefaultInstance());
    } finally {
      channel.shutdownNow();
    }
  }

  private static ExpertOutline outline(ModelOutline model) {
    MoeConfig moe = new MoeConfig(model.getExperts(), model.getExpertsPerToken(), model.getGroups(), model.getGroups(),
        model.getExpertWidth(), 0, model.getFirstMoeLayer(), 1, MoeConfig.RouterKind.GROUPED_SIGMOID, 0);
    return new ExpertOutline(model.getModelDigest(), model.getLayers(), model.getHiddenSize(), moe, model
        .getFormatsList().stream().map(WeightFormat::valueOf).collect(Collectors.toSet()), model.getShardBytes());
  }

  /// A cache that cannot be written costs the next start a peer, not this one.
  private static void keep(Path file, ModelOutline message) {
    try {
      Files.createDirectories(file.getParent());
      DurableFile.write(file, sink -> sink.write(message.toByteString().asReadOnlyByteBuffer()));
    } catch (IOException | CheckpointException e) {
      LOG.warn("what model the peers serve is not kept for the next start: {}", e.getMessage());
    }
  }

  private static ExpertOutline recall(Path file, List<String> failures) {
    try {
      ExpertOutline outline = outline(ModelOutline.parseFrom(Files.readAllBytes(file)));
      LOG.warn("no peer says what model it serves ({}), going on with model {} of the last start", String.join("; ",
          failures), outline.digest());
      return outline;
    } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
      throw new CheckpointException("%s: is damaged (%s); delete it and start a peer first".formatted(file, e
          .getMessage()), e);
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(file, e), e);
    }
  }
}
