package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import java.io.IOException;
import java.nio.file.Path;

/// config.json and generation_config.json of a shape, with the keys of the published ones.
final class SyntheticConfiguration {
  private static final double NORM_EPSILON = 1e-6;

  private SyntheticConfiguration() {}

  static void write(Path directory, SyntheticShape shape) throws IOException {
    var writer = JsonLines.JSON.writerWithDefaultPrettyPrinter();
    writer.writeValue(directory.resolve("config.json").toFile(), configuration(shape));
    writer.writeValue(directory.resolve("generation_config.json").toFile(), generation(shape));
  }

  private static ObjectNode configuration(SyntheticShape shape) {
    ObjectNode root = JsonLines.JSON.createObjectNode();
    root.putArray("architectures").add("LLaDA2MoeModelLM");
    root.put("model_type", "llada2_moe").put("num_hidden_layers", shape.layers()).put("hidden_size", shape.hiddenSize())
        .put("num_attention_heads", shape.heads()).put("num_key_value_heads", shape.keyValueHeads()).put("head_dim",
            shape.headSize())
        .put("intermediate_size", shape.denseWidth()).put("vocab_size", shape.vocabularySize()).put(
            "max_position_embeddings", SyntheticShape.CONTEXT_LENGTH)
        .put("block_length", SyntheticShape.BLOCK_LENGTH).put("hidden_act", "silu").put("rms_norm_eps", NORM_EPSILON)
        .put("rope_theta", SyntheticShape.ROPE_THETA).putNull("rope_scaling").put("partial_rotary_factor",
            SyntheticShape.ROTARY_SHARE)
        .put("rotary_dim", shape.rotarySize()).put("torch_dtype", "bfloat16").put("tie_word_embeddings", false);
    root.put("use_qk_norm", true).put("use_bias", false).put("use_qkv_bias", false).put("use_rmsnorm", true).put(
        "norm_head", false).put("use_sliding_window", false);
    root.put("num_experts", SyntheticShape.EXPERTS).put("num_experts_per_tok", SyntheticShape.EXPERTS_PER_TOKEN).put(
        "num_shared_experts", 1).put("moe_intermediate_size", shape.expertWidth()).put("n_group", SyntheticShape.GROUPS)
        .put("topk_group", SyntheticShape.KEPT_GROUPS).put("first_k_dense_replace", 1).put("routed_scaling_factor",
            SyntheticShape.SCALING)
        .put("score_function", "sigmoid").put("norm_topk_prob", true).put("moe_router_enable_expert_bias", true).put(
            "router_dtype", "fp32");
    return tokens(root, shape);
  }

  private static ObjectNode generation(SyntheticShape shape) {
    return tokens(JsonLines.JSON.createObjectNode(), shape).put("temperature", 0.0).put("block_length",
        SyntheticShape.BLOCK_LENGTH).put("steps", SyntheticShape.BLOCK_LENGTH).put("threshold", 0.95).put("gen_length",
            256)
        .put("eos_early_stop", true);
  }

  private static ObjectNode tokens(ObjectNode target, SyntheticShape shape) {
    return target.put("bos_token_id", shape.startToken()).put("eos_token_id", shape.endToken()).put("pad_token_id",
        shape.endToken()).put("mask_token_id", shape.maskToken());
  }
}
