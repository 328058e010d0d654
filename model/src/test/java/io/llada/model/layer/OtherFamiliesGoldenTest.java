package io.llada.model.layer;

import static io.llada.model.layer.GoldenFiles.floats;
import static io.llada.model.layer.GoldenFiles.ints;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.config.MoeConfig;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Random weights of every checkpoint format against the reference.
class OtherFamiliesGoldenTest {
  private static final float TOLERANCE = 1e-4f;
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path directory;

  static Stream<Kernels> kernels() {
    return Stream.of(new ScalarKernels(), new VectorKernels());
  }

  /// A checkpoint directory of one golden weights file and a configuration.
  static Path checkpoint(Path directory, String weights, JsonNode config) throws IOException {
    Files.copy(GoldenFiles.DIRECTORY.resolve(weights), directory.resolve("model.safetensors"));
    JSON.writeValue(directory.resolve("config.json").toFile(), config);
    return directory;
  }

  static JsonNode llada2Config() {
    JsonNode golden = GoldenFiles.json("random-llada2.golden.json");
    ObjectNode config = golden.get("config").deepCopy();
    config.put("model_type", "llada2_moe").put("mask_token_id", golden.get("mask_id").asInt());
    return config.put("block_length", golden.get("block").asInt());
  }

  static JsonNode llada8bConfig() {
    return JSON.createObjectNode().put("model_type", "llada").put("d_model", 64).put("n_layers", 3).put("n_heads", 4)
        .put("mlp_hidden_size", 160).put("vocab_size", 320).put("rope_theta", 500000.0).put("rms_norm_eps", 1e-5).put(
            "max_sequence_length", 512)
        .put("mask_token_id", 319).put("eos_token_id", 318);
  }

  static JsonNode lladaMoeConfig() {
    return JSON.createObjectNode().put("model_type", "lladamoe").put("hidden_size", 64).put("num_hidden_layers", 2)
        .put("num_attention_heads", 4).put("num_key_value_heads", 4).put("num_experts", 8).put("num_experts_per_tok", 3)
        .put("expert_intermediate_size", 32).put("vocab_size", 320).put("rope_theta", 50000.0).put("rms_norm_eps", 1e-5)
        .put("max_position_embeddings", 512).put("mask_token_id", 319).put("eos_token_id", 318).put(
            "partial_rotary_factor", 1.0);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void randomLlada2LogitsAgree(Kernels kernels) throws IOException {
    JsonNode golden = GoldenFiles.json("random-llada2.golden.json");
    LocalModel model = LocalModel.load(checkpoint(directory, "random-llada2.safetensors", llada2Config()), kernels);
    assertThat(model.logits(ints(golden.get("ids")), LayerProbe.NONE)).containsExactly(floats(golden.get("logits")),
        within(TOLERANCE));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void randomLlada8bLogitsAgree(Kernels kernels) throws IOException {
    JsonNode golden = GoldenFiles.json("random-llada8b-and-moe.golden.json");
    LocalModel model = LocalModel.load(checkpoint(directory, "random-llada8b.safetensors", llada8bConfig()), kernels);
    int[] prompt = ints(golden.get("prompt"));
    int[] ids = Arrays.copyOf(prompt, prompt.length + 7);
    Arrays.fill(ids, prompt.length, ids.length, golden.get("mask").asInt());
    assertThat(model.logits(ids, LayerProbe.NONE)).containsExactly(floats(golden.get("logits")), within(TOLERANCE));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void randomLladaMoeLogitsAgree(Kernels kernels) throws IOException {
    JsonNode golden = GoldenFiles.json("random-llada8b-and-moe.golden.json");
    LocalModel model = LocalModel.load(checkpoint(directory, "random-lladamoe.safetensors", lladaMoeConfig()),
        kernels);
    assertThat(model.logits(ints(golden.get("prompt")), LayerProbe.NONE)).containsExactly(floats(golden.get(
        "moe_logits")), within(TOLERANCE));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void tinyLlada8bLogitsAgree(Kernels kernels) {
    JsonNode golden = GoldenFiles.json("llada8b-tiny-random.golden.json");
    LocalModel model = LocalModel.load(GoldenFiles.DIRECTORY.resolve("llada8b-tiny-random"), kernels);
    for (int input = 0; input < 3; input++) {
      float[] logits = model.logits(ints(golden.get("forward").get(input).get("ids")), LayerProbe.NONE);
      assertThat(logits).containsExactly(floats("llada8b-tiny-random.golden.safetensors", "input" + input + ".logits"),
          within(TOLERANCE));
    }
  }

  @Test
  void blockPoolRoutingAgrees() {
    JsonNode golden = GoldenFiles.json("block-routing.golden.json");
    int experts = golden.get("bias").size();
    int topK = golden.get("top_k").asInt();
    MoeConfig moe = new MoeConfig(experts, topK, 4, 4, 32, 0, 0, (float) golden.get("scale").asDouble(),
        MoeConfig.RouterKind.BLOCK_POOL_SIGMOID, golden.get("capacity").asInt());
    int rows = golden.get("logits").size();
    Routing routing = new Router(moe, golden.get("block").asInt(), new VectorKernels())
        .route(floats(golden.get("logits")), floats(golden
            .get("bias")), 0, rows);
    int[] expected = IntStream.range(0, rows).flatMap(row -> Arrays.stream(ints(golden.get("ids").get(row)))).toArray();
    assertThat(routing.experts()).containsExactly(expected);
    assertThat(routing.weights()).containsExactly(floats(golden.get("weights")), within(1e-6f));
  }
}
