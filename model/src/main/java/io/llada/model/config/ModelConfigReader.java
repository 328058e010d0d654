package io.llada.model.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.config.ModelConfig.Family;
import io.llada.model.config.MoeConfig.RouterKind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// Reads a checkpoint's config.json into a [ModelConfig].
///
/// No default of the reference classes is relied upon: they differ between copies. A key that decides the arithmetic
/// must be there, must be in range, and must ask for arithmetic that is implemented.
public final class ModelConfigReader {
  private static final String KNOWN_ARCHITECTURES = "one of LLaDA2MoeModelLM, LLaDAModelLM, LLaDAMoEModelLM";
  private static final int MOST_LAYERS = 256;
  private static final int WIDEST = 1 << 16;
  /// Below it, an F32 sum of squares of zero has no root to divide by.
  private static final double SMALLEST_EPSILON = 1e-12;
  private static final int LARGEST_VOCABULARY = 1 << 20;
  private static final int LONGEST_CONTEXT = 1 << 22;
  private static final int MOST_EXPERTS = 1024;
  private static final int DEFAULT_BLOCK_LENGTH = 32;
  private static final int LARGEST_BLOCK = 1024;
  /// Experts of a placement unit where the router has no groups of its own.
  private static final int UNGROUPED_RUN = 8;
  /// Published tokenizers by vocabulary size; their config.json does not name the mask.
  private static final Map<Integer, Integer> PUBLISHED_MASKS = Map.of(157184, 156895, 126464, 126336);

  private ModelConfigReader() {}

  /// Reads `config.json` of a checkpoint directory.
  ///
  /// @throws CheckpointException naming the key that is missing, out of range, contradictory or not supported
  public static ModelConfig read(Path directory) {
    Path file = directory.resolve("config.json");
    ConfigKeys keys = new ConfigKeys(file.toString(), CheckpointJson.readObject(file));
    return switch (family(keys)) {
      case LLADA2 -> llada2(keys, directory);
      case LLADA_8B -> llada8b(keys, directory);
      case LLADA_MOE -> lladaMoe(keys, directory);
    };
  }

  /// The architecture decides, where it is named, and the model type must agree with it. LLaDA-MoE files may carry
  /// the dense model's type.
  private static Family family(ConfigKeys keys) {
    JsonNode architectures = keys.root().path("architectures");
    String type = keys.has("model_type") ? keys.text("model_type") : "";
    if (!keys.has("architectures")) {
      return switch (type) {
        case "llada2_moe", "llada2_moe_veomni", "llada21_moe" -> Family.LLADA2;
        case "llada" -> Family.LLADA_8B;
        case "lladamoe" -> Family.LLADA_MOE;
        case "" -> throw keys.refuse("architectures", KNOWN_ARCHITECTURES, "nothing");
        default -> throw keys.refuse("model_type", "one of llada2_moe, llada, lladamoe", type);
      };
    }
    Family family = switch (architectures.size() == 1 ? architectures.path(0).asText() : "") {
      case "LLaDA2MoeModelLM" -> Family.LLADA2;
      case "LLaDAModelLM" -> Family.LLADA_8B;
      case "LLaDAMoEModelLM" -> Family.LLADA_MOE;
      default -> throw keys.refuse("architectures", KNOWN_ARCHITECTURES, architectures.toString());
    };
    List<String> types = switch (family) {
      case LLADA2 -> List.of("", "llada2_moe", "llada2_moe_veomni", "llada21_moe");
      case LLADA_8B -> List.of("", "llada");
      case LLADA_MOE -> List.of("", "lladamoe", "llada");
    };
    if (!types.contains(type)) {
      throw keys.refuse("model_type", "a type of architecture " + architectures.path(0).asText(), type);
    }
    return family;
  }

  private static ModelConfig llada2(ConfigKeys keys, Path directory) {
    keys.mustBe("hidden_act", "silu");
    keys.mustBe("score_function", "sigmoid");
    keys.mustBe("norm_topk_prob", true);
    keys.mustBe("use_bias", false);
    keys.mustBe("use_qkv_bias", false);
    keys.mustBe("use_rmsnorm", true);
    keys.mustBe("norm_head", false);
    keys.mustBe("tie_word_embeddings", false);
    keys.mustBe("use_sliding_window", false);
    keys.mustBe("use_qk_norm", true);
    keys.mustBe("moe_router_enable_expert_bias", true);
    keys.mustBeNull("rope_scaling");
    int layers = keys.integer("num_hidden_layers", 1, MOST_LAYERS);
    int hidden = keys.integer("hidden_size", 1, WIDEST);
    int heads = keys.integer("num_attention_heads", 1, WIDEST);
    int headSize = headSize(keys, heads, keys.integer("head_dim", 2, WIDEST));
    int vocabulary = keys.integer("vocab_size", 2, LARGEST_VOCABULARY);
    int mask = maskToken(keys, directory, vocabulary);
    return new ModelConfig(Family.LLADA2, layers, hidden, vocabulary, heads, keyValueHeads(keys, heads), headSize,
        rotarySize(keys, headSize), keys.number("rope_theta", 1, 1e12), normEpsilon(keys),
        keys.integer("intermediate_size", 1, WIDEST), Optional.of(groupedMoe(keys, layers)),
        keys.integer("max_position_embeddings", 1, LONGEST_CONTEXT), blockLength(keys), mask,
        endToken(keys, vocabulary, mask));
  }

  private static float normEpsilon(ConfigKeys keys) {
    return (float) keys.number("rms_norm_eps", SMALLEST_EPSILON, 1);
  }

  /// Checks a head's width: rotated in halves, and all heads together of bounded width.
  private static int headSize(ConfigKeys keys, int heads, int headSize) {
    if (headSize < 2 || headSize % 2 != 0 || headSize > WIDEST / heads) {
      String key = keys.has("head_dim") ? "head_dim" : keys.has("n_heads") ? "n_heads" : "num_attention_heads";
      throw keys.refuse(key, "an even head size from 2 to %d (all heads together at most %d)".formatted(WIDEST / heads,
          WIDEST), "head size " + headSize);
    }
    return headSize;
  }

  private static int keyValueHeads(ConfigKeys keys, int heads) {
    int keyValueHeads = keys.integer("num_key_value_heads", 1, heads);
    if (heads % keyValueHeads != 0) {
      throw keys.refuse("num_key_value_heads", "a divisor of num_attention_heads " + heads, "" + keyValueHeads);
    }
    return keyValueHeads;
  }

  private static int rotarySize(ConfigKeys keys, int headSize) {
    double factor = keys.number("partial_rotary_factor", 0, 1);
    int rotary = (int) (headSize * factor);
    if (rotary % 2 != 0 || rotary == 0) {
      throw keys.refuse("partial_rotary_factor", "an even, positive share of head_dim " + headSize, "" + factor);
    }
    keys.mustBe("rotary_dim", rotary);
    return rotary;
  }

  private static MoeConfig groupedMoe(ConfigKeys keys, int layers) {
    int experts = keys.integer("num_experts", 1, MOST_EXPERTS);
    int groups = keys.integer("n_group", 1, experts);
    if (experts % groups != 0) {
      throw keys.refuse("n_group", "a divisor of num_experts " + experts, "" + groups);
    }
    if (experts / groups < 2) {
      throw keys.refuse("n_group", "groups of at least 2 experts (a group's score is the sum of its two best)",
          groups + " groups of " + experts + " experts");
    }
    int keptGroups = keys.integer("topk_group", 1, groups);
    int perToken = keys.integer("num_experts_per_tok", 1, experts);
    boolean pooled = keys.has("expert_capacity");
    int capacity = pooled ? keys.integer("expert_capacity", perToken, experts) : 0;
    if (!pooled && perToken > keptGroups * (experts / groups)) {
      throw keys.refuse("num_experts_per_tok", "at most the %d experts of topk_group %d groups"
          .formatted(keptGroups * (experts / groups), keptGroups), "" + perToken);
    }
    int width = keys.integer("moe_intermediate_size", 1, WIDEST);
    return new MoeConfig(experts, perToken, groups, pooled ? groups : keptGroups, width,
        Math.multiplyExact(width, keys.integer("num_shared_experts", 0, 64)),
        keys.integer("first_k_dense_replace", 0, layers), (float) keys.number("routed_scaling_factor", 0, 1e6),
        pooled ? RouterKind.BLOCK_POOL_SIGMOID : RouterKind.GROUPED_SIGMOID, capacity);
  }

  private static ModelConfig llada8b(ConfigKeys keys, Path directory) {
    keys.mustBe("rope", true);
    keys.mustBe("alibi", false);
    keys.mustBe("block_type", "llama");
    keys.mustBe("activation_type", "silu");
    keys.mustBe("layer_norm_type", "rms");
    keys.mustBe("layer_norm_with_affine", true);
    keys.mustBe("bias_for_layer_norm", false);
    keys.mustBe("include_bias", false);
    keys.mustBe("include_qkv_bias", false);
    keys.mustBe("attention_layer_norm", false);
    keys.mustBe("weight_tying", false);
    keys.mustBe("scale_logits", false);
    keys.mustBe("input_emb_norm", false);
    int hidden = keys.integer("d_model", 1, WIDEST);
    int heads = keys.integer("n_heads", 1, WIDEST);
    if (hidden % heads != 0) {
      throw keys.refuse("n_heads", "a divisor of d_model " + hidden, "" + heads);
    }
    int keyValueHeads = keys.optionalInteger("n_kv_heads", 1, heads).orElse(heads);
    if (heads % keyValueHeads != 0) {
      throw keys.refuse("n_kv_heads", "a divisor of n_heads " + heads, "" + keyValueHeads);
    }
    int headSize = headSize(keys, heads, hidden / heads);
    int vocabulary = keys.integer("vocab_size", 2, LARGEST_VOCABULARY);
    keys.mustBe("embedding_size", vocabulary);
    int mask = maskToken(keys, directory, vocabulary);
    return new ModelConfig(Family.LLADA_8B, keys.integer("n_layers", 1, MOST_LAYERS), hidden, vocabulary, heads,
        keyValueHeads, headSize, headSize, keys.number("rope_theta", 1, 1e12),
        normEpsilon(keys), keys.integer("mlp_hidden_size", 1, WIDEST), Optional.empty(),
        keys.integer("max_sequence_length", 1, LONGEST_CONTEXT), blockLength(keys), mask,
        endToken(keys, vocabulary, mask));
  }

  private static ModelConfig lladaMoe(ConfigKeys keys, Path directory) {
    keys.mustBe("hidden_act", "silu");
    keys.mustBe("tie_word_embeddings", false);
    keys.mustBe("norm_topk_prob", false);
    keys.mustBe("partial_rotary_factor", 1.0);
    keys.mustBeNull("rope_scaling");
    keys.mustBeNull("shared_expert_intermediate_size");
    int layers = keys.integer("num_hidden_layers", 1, MOST_LAYERS);
    int hidden = keys.integer("hidden_size", 1, WIDEST);
    int heads = keys.integer("num_attention_heads", 1, WIDEST);
    int headSize = headSize(keys, heads, keys.optionalInteger("head_dim", 2, WIDEST).orElse(hidden / heads));
    int experts = keys.integer("num_experts", 1, MOST_EXPERTS);
    int groups = experts % UNGROUPED_RUN == 0 ? experts / UNGROUPED_RUN : 1;
    int vocabulary = keys.integer("vocab_size", 2, LARGEST_VOCABULARY);
    int mask = maskToken(keys, directory, vocabulary);
    MoeConfig moe = new MoeConfig(experts, keys.integer("num_experts_per_tok", 1, experts), groups, groups,
        keys.integer("expert_intermediate_size", 1, WIDEST), 0, 0, 1f, RouterKind.SOFTMAX, 0);
    return new ModelConfig(Family.LLADA_MOE, layers, hidden, vocabulary, heads, keyValueHeads(keys, heads), headSize,
        headSize, keys.number("rope_theta", 1, 1e12), normEpsilon(keys), 0, Optional.of(moe),
        keys.integer("max_position_embeddings", 1, LONGEST_CONTEXT), blockLength(keys), mask,
        endToken(keys, vocabulary, mask));
  }

  private static int blockLength(ConfigKeys keys) {
    OptionalInt named = keys.optionalInteger("block_length", 1, LARGEST_BLOCK);
    return named.isPresent()
        ? named.getAsInt()
        : keys.optionalInteger("block_size", 1, LARGEST_BLOCK).orElse(DEFAULT_BLOCK_LENGTH);
  }

  /// The published config.json files do not name the mask, so the tokenizer's own table is asked next.
  private static int maskToken(ConfigKeys keys, Path directory, int vocabulary) {
    OptionalInt named = keys.optionalInteger("mask_token_id", 0, vocabulary - 1);
    if (named.isPresent()) {
      return named.getAsInt();
    }
    OptionalInt inTokenizer = maskInTokenizer(directory.resolve("tokenizer_config.json"));
    if (inTokenizer.orElse(0) >= vocabulary) {
      throw keys.refuse("vocab_size", "more than the mask token " + inTokenizer.getAsInt()
          + " that tokenizer_config.json names", "" + vocabulary);
    }
    int mask = inTokenizer.orElse(PUBLISHED_MASKS.getOrDefault(vocabulary, -1));
    if (mask < 0) {
      throw new CheckpointException(("%s: key 'mask_token_id' is missing and no tokenizer_config.json names <|mask|> "
          + "or <|mdm_mask|>; add mask_token_id to config.json").formatted(keys.file()));
    }
    return mask;
  }

  private static OptionalInt maskInTokenizer(Path file) {
    if (!Files.isRegularFile(file)) {
      return OptionalInt.empty();
    }
    for (Map.Entry<String, JsonNode> token : CheckpointJson.readObject(file).path("added_tokens_decoder")
        .properties()) {
      String content = token.getValue().path("content").asText();
      if ((content.equals("<|mask|>") || content.equals("<|mdm_mask|>")) && token.getKey().matches("\\d{1,9}")) {
        return OptionalInt.of(Integer.parseInt(token.getKey()));
      }
    }
    return OptionalInt.empty();
  }

  /// The end-of-text token; published LLaDA2 files name it as the padding token. A list taken over from an ancestor
  /// model may hold the mask's id, which ends nothing.
  private static int endToken(ConfigKeys keys, int vocabulary, int mask) {
    String key = keys.has("eos_token_id") ? "eos_token_id" : "pad_token_id";
    JsonNode value = keys.root().path(key);
    if (value.isArray()) {
      for (JsonNode element : value) {
        if (element.isInt() && element.intValue() != mask && element.intValue() >= 0
            && element.intValue() < vocabulary) {
          return element.intValue();
        }
      }
      throw keys.refuse(key, "a token id other than the mask " + mask, value.toString());
    }
    int end = keys.integer(key, 0, vocabulary - 1);
    if (end == mask) {
      throw keys.refuse(key, "a token id other than the mask", "" + end);
    }
    return end;
  }
}
