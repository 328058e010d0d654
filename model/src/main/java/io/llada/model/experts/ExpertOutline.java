package io.llada.model.experts;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightRole;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// What must be known of a model to hold some of its experts and compute them. Its checkpoint need not be there.
///
/// @param digest digest of the checkpoint
/// @param layers transformer layers
/// @param hiddenSize width of a row
/// @param moe the experts; what concerns the router alone does not matter here
/// @param formats number formats of their weights
/// @param shardBytes bytes the largest shard takes in memory
public record ExpertOutline(String digest, int layers, int hiddenSize, MoeConfig moe, Set<WeightFormat> formats,
    long shardBytes) {
  private static final int MOST_LAYERS = 256;
  private static final int WIDEST = 1 << 16;
  private static final int MOST_EXPERTS = 1024;

  public ExpertOutline {
    formats = Set.copyOf(formats);
    require(layers >= 1 && layers <= MOST_LAYERS && hiddenSize >= 1 && hiddenSize <= WIDEST,
        "%d layers of width %d".formatted(layers, hiddenSize));
    require(moe.experts() >= 1 && moe.experts() <= MOST_EXPERTS && moe.groups() >= 1
        && moe.experts() % moe.groups() == 0 && moe.expertsPerToken() >= 1 && moe.expertsPerToken() <= moe.experts(),
        "%d experts in %d groups, %d for a token".formatted(moe.experts(), moe.groups(), moe.expertsPerToken()));
    require(moe.expertWidth() >= 1 && moe.expertWidth() <= WIDEST && moe.firstMoeLayer() >= 0
        && moe.firstMoeLayer() < layers,
        "experts of width %d from layer %d on".formatted(moe.expertWidth(), moe
            .firstMoeLayer()));
    require(!digest.isEmpty() && !formats.isEmpty() && shardBytes >= 1, "digest '%s', formats %s, shards of %d bytes"
        .formatted(digest, formats, shardBytes));
  }

  private static void require(boolean isPossible, String found) {
    if (!isPossible) {
      throw new IllegalArgumentException("no model has " + found);
    }
  }

  /// The experts of a checkpoint.
  ///
  /// @throws IllegalArgumentException when the model has no experts
  public static ExpertOutline of(Checkpoint checkpoint) {
    ModelConfig config = checkpoint.config();
    long shardBytes = new ExpertShardLoader(checkpoint).shardBytes();
    return new ExpertOutline(checkpoint.digest(), config.layers(), config.hiddenSize(), config.moe().orElseThrow(),
        checkpoint.formats().get(WeightRole.EXPERT), shardBytes);
  }

  /// Whether the model has such a shard.
  public boolean contains(ShardId id) {
    return id.layer() >= moe.firstMoeLayer() && id.layer() < layers && id.group() < moe.groups();
  }

  /// Every shard, ascending.
  public List<ShardId> shards() {
    List<ShardId> shards = new ArrayList<>();
    for (int layer = moe.firstMoeLayer(); layer < layers; layer++) {
      for (int group = 0; group < moe.groups(); group++) {
        shards.add(new ShardId(layer, group));
      }
    }
    return shards;
  }
}
