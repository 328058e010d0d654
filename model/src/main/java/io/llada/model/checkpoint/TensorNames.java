package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// Names and shapes of the tensors of each checkpoint format, in one place. Weights are `(out, in)`.
///
/// A dimension list of one element is a vector.
public final class TensorNames {
  /// The matrices of a SwiGLU network, in the order of use.
  static final List<String> PROJECTIONS = List.of("gate_proj", "up_proj", "down_proj");

  private final ModelConfig config;

  public TensorNames(ModelConfig config) {
    this.config = config;
  }

  public String embedding() {
    return switch (config.family()) {
      case LLADA2 -> "model.word_embeddings.weight";
      case LLADA_8B -> "model.transformer.wte.weight";
      case LLADA_MOE -> "model.embed_tokens.weight";
    };
  }

  public String finalNorm() {
    return switch (config.family()) {
      case LLADA2, LLADA_MOE -> "model.norm.weight";
      case LLADA_8B -> "model.transformer.ln_f.weight";
    };
  }

  public String head() {
    return switch (config.family()) {
      case LLADA2, LLADA_MOE -> "lm_head.weight";
      case LLADA_8B -> "model.transformer.ff_out.weight";
    };
  }

  private String layer(int layer) {
    return switch (config.family()) {
      case LLADA2, LLADA_MOE -> "model.layers." + layer + ".";
      case LLADA_8B -> "model.transformer.blocks." + layer + ".";
    };
  }

  public String inputNorm(int layer) {
    return layer(layer) + (isLlada8b() ? "attn_norm.weight" : "input_layernorm.weight");
  }

  public String feedForwardNorm(int layer) {
    return layer(layer) + (isLlada8b() ? "ff_norm.weight" : "post_attention_layernorm.weight");
  }

  /// The matrices that, stacked, give Q, K and V: one in LLaDA2 (already stacked), three elsewhere.
  public List<String> queryKeyValue(int layer) {
    return switch (config.family()) {
      case LLADA2 -> List.of(layer(layer) + "attention.query_key_value.weight");
      case LLADA_8B -> List.of(layer(layer) + "q_proj.weight", layer(layer) + "k_proj.weight",
          layer(layer) + "v_proj.weight");
      case LLADA_MOE -> List.of(layer(layer) + "self_attn.q_proj.weight", layer(layer) + "self_attn.k_proj.weight",
          layer(layer) + "self_attn.v_proj.weight");
    };
  }

  public String attentionOutput(int layer) {
    return layer(layer) + switch (config.family()) {
      case LLADA2 -> "attention.dense.weight";
      case LLADA_8B -> "attn_out.weight";
      case LLADA_MOE -> "self_attn.o_proj.weight";
    };
  }

  /// Norm over each query head. LLaDA2 always has it; elsewhere the checkpoint decides (configurations disagree).
  public String queryNorm(int layer) {
    return layer(layer) + (isLlada2() ? "attention.query_layernorm.weight" : "self_attn.q_norm.weight");
  }

  public String keyNorm(int layer) {
    return layer(layer) + (isLlada2() ? "attention.key_layernorm.weight" : "self_attn.k_norm.weight");
  }

  public String denseGate(int layer) {
    return layer(layer) + (isLlada8b() ? "ff_proj.weight" : "mlp.gate_proj.weight");
  }

  public String denseUp(int layer) {
    return layer(layer) + (isLlada8b() ? "up_proj.weight" : "mlp.up_proj.weight");
  }

  public String denseDown(int layer) {
    return layer(layer) + (isLlada8b() ? "ff_out.weight" : "mlp.down_proj.weight");
  }

  public String router(int layer) {
    return layer(layer) + "mlp.gate.weight";
  }

  /// The bias on the scores that select experts. LLaDA2 always has it; elsewhere it may be absent.
  public String expertBias(int layer) {
    return layer(layer) + (isLlada2() ? "mlp.gate.expert_bias" : "mlp.expert_bias");
  }

  /// @param projection gate_proj, up_proj or down_proj
  public String shared(int layer, String projection) {
    return layer(layer) + "mlp.shared_experts." + projection + ".weight";
  }

  /// @param projection gate_proj, up_proj or down_proj
  public String expert(int layer, int expert, String projection) {
    return layer(layer) + "mlp.experts." + expert + "." + projection + ".weight";
  }

  /// All experts of a layer in one three-dimensional tensor: the training framework's variant.
  public String mergedExperts(int layer, String projection) {
    return layer(layer) + "mlp.experts." + projection;
  }

  private boolean isLlada2() {
    return config.family() == ModelConfig.Family.LLADA2;
  }

  private boolean isLlada8b() {
    return config.family() == ModelConfig.Family.LLADA_8B;
  }

  /// Kinds of tensors that a checkpoint may have (in every layer that could) or not (in none), with their shapes. In
  /// LLaDA2 they are required instead.
  private List<Map<String, List<Integer>>> optional() {
    Map<String, List<Integer>> headNorms = new LinkedHashMap<>();
    Map<String, List<Integer>> biases = new LinkedHashMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      if (config.family() == ModelConfig.Family.LLADA_MOE) {
        headNorms.putAll(headNorms(layer));
        biases.put(expertBias(layer), List.of(config.moe().orElseThrow().experts()));
      }
    }
    return List.of(headNorms, biases);
  }

  /// Every tensor but the routed experts' that a checkpoint must have, with its shape. Of the optional kinds those of
  /// which it has any: a single missing bias or norm would change the numbers without a word.
  Map<String, List<Integer>> expected(Predicate<String> isThere) {
    Map<String, List<Integer>> shapes = required();
    for (Map<String, List<Integer>> kind : optional()) {
      if (kind.keySet().stream().anyMatch(isThere)) {
        shapes.putAll(kind);
      }
    }
    return shapes;
  }

  private Map<String, List<Integer>> headNorms(int layer) {
    List<Integer> shape = List.of(config.headSize());
    return Map.of(queryNorm(layer), shape, keyNorm(layer), shape);
  }

  /// Tensors that must be there, with their shapes; routed experts excepted.
  public Map<String, List<Integer>> required() {
    Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    int hidden = config.hiddenSize();
    shapes.put(embedding(), List.of(config.vocabularySize(), hidden));
    for (int layer = 0; layer < config.layers(); layer++) {
      shapes.put(inputNorm(layer), List.of(hidden));
      int queryRows = config.heads() * config.headSize();
      int keyRows = config.keyValueHeads() * config.headSize();
      List<String> projections = queryKeyValue(layer);
      if (projections.size() == 1) {
        shapes.put(projections.getFirst(), List.of(queryRows + 2 * keyRows, hidden));
      } else {
        shapes.put(projections.get(0), List.of(queryRows, hidden));
        shapes.put(projections.get(1), List.of(keyRows, hidden));
        shapes.put(projections.get(2), List.of(keyRows, hidden));
      }
      shapes.put(attentionOutput(layer), List.of(hidden, queryRows));
      if (isLlada2()) {
        shapes.putAll(headNorms(layer));
      }
      shapes.put(feedForwardNorm(layer), List.of(hidden));
      if (config.isMoeLayer(layer)) {
        moeLayer(layer, config.moe().orElseThrow(), shapes);
      } else {
        shapes.put(denseGate(layer), List.of(config.denseWidth(), hidden));
        shapes.put(denseUp(layer), List.of(config.denseWidth(), hidden));
        shapes.put(denseDown(layer), List.of(hidden, config.denseWidth()));
      }
    }
    shapes.put(finalNorm(), List.of(hidden));
    shapes.put(head(), List.of(config.vocabularySize(), hidden));
    return shapes;
  }

  private void moeLayer(int layer, MoeConfig moe, Map<String, List<Integer>> shapes) {
    int hidden = config.hiddenSize();
    shapes.put(router(layer), List.of(moe.experts(), hidden));
    if (isLlada2()) {
      shapes.put(expertBias(layer), List.of(moe.experts()));
    }
    if (moe.sharedWidth() > 0) {
      shapes.put(shared(layer, "gate_proj"), List.of(moe.sharedWidth(), hidden));
      shapes.put(shared(layer, "up_proj"), List.of(moe.sharedWidth(), hidden));
      shapes.put(shared(layer, "down_proj"), List.of(hidden, moe.sharedWidth()));
    }
  }

  /// Shape of one expert's projection.
  public List<Integer> expertShape(String projection) {
    int width = config.moe().orElseThrow().expertWidth();
    return projection.equals("down_proj") ? List.of(config.hiddenSize(), width) : List.of(width, config.hiddenSize());
  }
}
