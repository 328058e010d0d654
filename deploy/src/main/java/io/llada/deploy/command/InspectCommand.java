package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.layer.KvCache;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What is in a checkpoint and what it takes to serve it.
@Command(name = "inspect", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Summarises a checkpoint: shape, sizes, shards, and the memory it takes on 1 to 16 expert nodes.",
    "Checks every name, shape and range, not every weight; loading does that."})
public final class InspectCommand implements Callable<Integer> {
  private static final int[] NODE_COUNTS = {1, 2, 4, 8, 16};

  @Mixin
  private ModelOption model;

  @Option(names = "--json", description = "As JSON.")
  private boolean isJson;

  @Override
  public Integer call() {
    try (Checkpoint checkpoint = Checkpoint.open(model.directory())) {
      ModelConfig config = checkpoint.config();
      long shardBytes = config.moe().isPresent() ? new ExpertShardLoader(checkpoint).shardBytes() : 0;
      if (isJson) {
        System.out.println(json(checkpoint, shardBytes).toPrettyString());
      } else {
        print(checkpoint, shardBytes);
      }
    }
    return 0;
  }

  private static void print(Checkpoint checkpoint, long shardBytes) {
    ModelConfig config = checkpoint.config();
    row("checkpoint", checkpoint.directory().toString());
    row("family", config.family() + (config.family().isBlockCausal()
        ? ", block-causal attention, blocks of " + config
            .blockLength()
        : ", full attention"));
    row("tensors", "%d in %d parts, %s".formatted(checkpoint.tensorCount(), checkpoint.partCount(), bytes(checkpoint
        .bytes())));
    row("formats", (checkpoint.isPacked() ? "packed" : "as published") + "; " + formats(checkpoint));
    row("layers",
        "%d, hidden %d, %d query and %d key heads of %d".formatted(config.layers(), config.hiddenSize(), config
            .heads(), config.keyValueHeads(), config.headSize()));
    row("vocabulary", "%d, mask %d, end %d".formatted(config.vocabularySize(), config.maskTokenId(), config
        .endTokenId()));
    row("context", "%d positions, %s of cache each, %s in bf16".formatted(config.contextLength(), bytes(KvCache
        .bytesPerPosition(config, CacheFormat.F32)), bytes(KvCache.bytesPerPosition(config, CacheFormat.BF16))));
    row("digest", checkpoint.digest());
    if (config.moe().isEmpty()) {
      row("experts", "none: a dense model, the coordinator holds everything");
      return;
    }
    var moe = config.moe().get();
    int shards = config.shards().size();
    row("experts", "%d per MoE layer (layers %d..%d), %d per token, %d groups of %d".formatted(moe.experts(), moe
        .firstMoeLayer(), config.layers() - 1, moe.expertsPerToken(), moe.groups(), moe.expertsPerGroup()));
    row("shards", "%d of %s, %s in all".formatted(shards, bytes(shardBytes), bytes(shards * shardBytes)));
    row("coordinator", bytes(coordinatorBytes(checkpoint, shardBytes)) + " without the experts, plus cache");
    for (int nodes : NODE_COUNTS) {
      row(nodes == 1 ? "1 expert node" : nodes + " expert nodes", bytes(mostShards(config, nodes) * shardBytes)
          + " each at most (" + mostShards(config, nodes) + " shards)");
    }
  }

  /// For example `expert int4, dense bf16`; a role with two formats has both.
  private static String formats(Checkpoint checkpoint) {
    return checkpoint.formats().entrySet().stream()
        .map(role -> lower(role.getKey()) + " " + role.getValue().stream().map(
            InspectCommand::lower).collect(Collectors.joining(" and ")))
        .collect(Collectors.joining(", "));
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static void row(String name, String value) {
    System.out.printf("%-15s %s%n", name, value);
  }

  private static long coordinatorBytes(Checkpoint checkpoint, long shardBytes) {
    return checkpoint.bytes() - checkpoint.config().shards().size() * shardBytes;
  }

  /// Shards of the fullest node when they are spread evenly.
  private static int mostShards(ModelConfig config, int nodes) {
    return (config.shards().size() + nodes - 1) / nodes;
  }

  private static ObjectNode json(Checkpoint checkpoint, long shardBytes) {
    ModelConfig config = checkpoint.config();
    ObjectNode json = JsonLines.JSON.createObjectNode().put("checkpoint", checkpoint.directory().toString())
        .put("family",
            config.family().name())
        .put("digest", checkpoint.digest()).put("tensors", checkpoint.tensorCount()).put("parts",
            checkpoint.partCount())
        .put("bytes", checkpoint.bytes()).put("layers", config.layers()).put("hiddenSize", config
            .hiddenSize())
        .put("vocabularySize", config.vocabularySize()).put("contextLength", config.contextLength())
        .put("blockLength", config.blockLength())
        .put("cacheBytesPerPosition", KvCache.bytesPerPosition(config, CacheFormat.F32))
        .put("bf16CacheBytesPerPosition", KvCache.bytesPerPosition(config, CacheFormat.BF16)).put(
            "shards", config.shards().size())
        .put("shardBytes", shardBytes).put("coordinatorBytes", coordinatorBytes(
            checkpoint, shardBytes));
    json.put("packed", checkpoint.isPacked());
    ObjectNode formats = json.putObject("formats");
    checkpoint.formats().forEach((role, found) -> {
      ArrayNode names = formats.putArray(lower(role));
      found.forEach(format -> names.add(lower(format)));
    });
    ObjectNode perNode = json.putObject("bytesPerExpertNode");
    for (int nodes : NODE_COUNTS) {
      perNode.put("" + nodes, mostShards(config, nodes) * shardBytes);
    }
    return json;
  }

  static String bytes(long bytes) {
    String[] units = {"B", "KB", "MB", "GB", "TB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}
