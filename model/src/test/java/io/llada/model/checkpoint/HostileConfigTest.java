package io.llada.model.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ModelConfigReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// config.json: what must be there, what it may say, and how mask and end token are found.
class HostileConfigTest {
  @TempDir
  Path directory;
  private CheckpointCopy copy;

  @BeforeEach
  void copyTheTinyModel() throws IOException {
    copy = CheckpointCopy.of(directory);
  }

  @ParameterizedTest
  @ValueSource(strings = {"num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim",
      "vocab_size", "partial_rotary_factor", "rope_theta", "rms_norm_eps", "intermediate_size", "num_experts",
      "n_group", "topk_group", "num_experts_per_tok", "moe_intermediate_size", "num_shared_experts",
      "first_k_dense_replace", "routed_scaling_factor", "max_position_embeddings"})
  void aKeyThatDecidesTheArithmeticMustBeThereAndBeANumberInRange(String key) throws IOException {
    refused(config -> config.remove(key), key, "missing");
    refused(config -> config.putNull(key), key, "missing");
    refused(config -> config.put(key, "12"), key, "\"12\"");
    refused(config -> config.put(key, -1), key, "-1");
    refused(config -> config.put(key, 1e300), key);
    refused(config -> config.putArray(key).add(1), key, "[1]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"num_hidden_layers", "hidden_size", "num_attention_heads", "head_dim", "vocab_size",
      "num_experts", "n_group", "moe_intermediate_size", "max_position_embeddings", "first_k_dense_replace"})
  void aCountIsAnIntegerAndNotBeyondItsLimit(String key) throws IOException {
    refused(config -> config.put(key, 2.5), key, "2.5");
    refused(config -> config.put(key, 1L << 33), key, "8589934592");
    refused(config -> config.put(key, Integer.MAX_VALUE), key, "2147483647");
  }

  private record Contradiction(String key, Consumer<ObjectNode> change) {
    @Override
    public String toString() {
      return key;
    }
  }

  private static Contradiction contradiction(String key, Consumer<ObjectNode> change) {
    return new Contradiction(key, change);
  }

  static Stream<Contradiction> contradictions() {
    return Stream.of(contradiction("architectures", c -> c.putArray("architectures").add("LlamaForCausalLM")),
        contradiction("architectures", c -> c.putArray("architectures").add("LLaDA2MoeModelLM").add("LLaDAModelLM")),
        contradiction("architectures", c -> c.put("architectures", "LLaDA2MoeModelLM")),
        contradiction("architectures", c -> c.remove(List.of("architectures", "model_type"))),
        contradiction("model_type", c -> c.put("model_type", "llada")),
        contradiction("model_type", c -> c.put("model_type", "lladamoe")),
        contradiction("model_type", c -> c.put("model_type", 7)),
        contradiction("model_type", c -> c.put("model_type", "llama").remove("architectures")),
        contradiction("num_key_value_heads", c -> c.put("num_key_value_heads", 3)),
        contradiction("num_key_value_heads", c -> c.put("num_key_value_heads", 8)),
        contradiction("head_dim", c -> c.put("head_dim", 31)),
        contradiction("head_dim", c -> c.put("head_dim", 65536).put("num_attention_heads", 65536)),
        contradiction("rotary_dim", c -> c.put("rotary_dim", 32)),
        contradiction("partial_rotary_factor", c -> c.put("partial_rotary_factor", 0)),
        contradiction("partial_rotary_factor", c -> c.put("partial_rotary_factor", 0.1)),
        contradiction("rms_norm_eps", c -> c.put("rms_norm_eps", 0)),
        contradiction("n_group", c -> c.put("n_group", 5)),
        contradiction("n_group", c -> c.put("n_group", 32)),
        contradiction("topk_group", c -> c.put("topk_group", 5)),
        contradiction("num_experts_per_tok", c -> c.put("num_experts_per_tok", 17)),
        contradiction("expert_capacity", c -> c.put("expert_capacity", 3)),
        contradiction("hidden_act", c -> c.put("hidden_act", "gelu")),
        contradiction("score_function", c -> c.put("score_function", "softmax")),
        contradiction("norm_topk_prob", c -> c.put("norm_topk_prob", false)),
        contradiction("norm_topk_prob", c -> c.put("norm_topk_prob", "true")),
        contradiction("use_bias", c -> c.put("use_bias", true)),
        contradiction("use_qkv_bias", c -> c.put("use_qkv_bias", true)),
        contradiction("use_qk_norm", c -> c.put("use_qk_norm", false)),
        contradiction("moe_router_enable_expert_bias", c -> c.put("moe_router_enable_expert_bias", false)),
        contradiction("tie_word_embeddings", c -> c.put("tie_word_embeddings", true)),
        contradiction("rope_scaling", c -> c.putObject("rope_scaling").put("type", "yarn")),
        contradiction("block_length", c -> c.put("block_length", 0)),
        contradiction("block_length", c -> c.put("block_length", 5000)),
        contradiction("mask_token_id", c -> c.put("mask_token_id", 2048)),
        contradiction("mask_token_id", c -> c.put("mask_token_id", -1)),
        contradiction("eos_token_id", c -> c.put("eos_token_id", 2048)),
        contradiction("eos_token_id", c -> c.put("eos_token_id", 1988)),
        contradiction("eos_token_id", c -> c.putArray("eos_token_id").add(1988).add(-3).add(9999).add("x")),
        contradiction("pad_token_id", c -> c.remove(List.of("eos_token_id", "pad_token_id"))));
  }

  @ParameterizedTest
  @MethodSource("contradictions")
  void aKeyThatContradictsAnotherOrTheArithmeticIsRefused(Contradiction contradiction) throws IOException {
    refused(contradiction.change(), contradiction.key());
  }

  @Test
  void aConfigThatIsNoConfigIsRefused() throws IOException {
    for (String text : List.of("", "[]", "7", "{\"a\": 1, \"a\": 2}", "{\"a\":".repeat(1000), "{} x", "{\"a\": NaN}")) {
      Files.writeString(copy.file("config.json"), text);
      HostileCheckpointTest.requireRefusal(directory, List.of("config.json"));
    }
    Files.delete(copy.file("config.json"));
    HostileCheckpointTest.requireRefusal(directory, List.of("config.json", "no such file"));
  }

  @Test
  void aValueWithLineBreaksStaysOnOneLine() throws IOException {
    refused(config -> config.put("hidden_act", "a\nb"), "hidden_act");
    refused(config -> config.put("model_type", "a\nb".repeat(100_000)), "model_type", "...");
  }

  @Test
  void theLargestShapesAllowedAreNotEnumeratedForASmallCheckpoint() throws IOException {
    refused(config -> config.put("num_hidden_layers", 256).put("num_experts", 1024).put("n_group", 512),
        "expected shape [1024, 128]");
    refused(config -> config.put("vocab_size", 1 << 20).put("hidden_size", 1 << 16).put("intermediate_size", 1 << 16),
        "expected shape [1048576, 65536]");
  }

  @Test
  void aModelOfOtherSizesIsRefusedByItsTensors() throws IOException {
    refused(config -> config.put("num_hidden_layers", 4), "model.layers.4", "unexpected");
    refused(config -> config.put("num_hidden_layers", 6), "model.layers.5", "missing");
    refused(config -> config.put("first_k_dense_replace", 0), "model.layers.0.mlp", "missing");
    refused(config -> config.put("num_experts", 16), "[16, 128]", "[32, 128]");
    refused(config -> config.put("num_shared_experts", 2), "shared_experts", "[128, 128]");
  }

  private void refused(Consumer<ObjectNode> change, String... named) throws IOException {
    Files.copy(CheckpointCopy.TINY_MODEL.resolve("config.json"), copy.file("config.json"),
        StandardCopyOption.REPLACE_EXISTING);
    copy.changeConfig(change);
    HostileCheckpointTest.requireRefusal(directory, List.of(named));
  }

  private ModelConfig accepted(Consumer<ObjectNode> change) throws IOException {
    copy.changeConfig(change);
    return ModelConfigReader.read(directory);
  }

  @Test
  void theConfigNamesTheMaskFirst() throws IOException {
    assertThat(accepted(config -> config.put("mask_token_id", 17)).maskTokenId()).isEqualTo(17);
  }

  @ParameterizedTest
  @CsvSource({"<|mask|>,1988", "<|mdm_mask|>,1990"})
  void theTokenizerNamesItNext(String content, int id) throws IOException {
    Files.writeString(copy.file("tokenizer_config.json"), """
        {"added_tokens_decoder": {"5": {"content": "<|other|>"}, "x": {"content": "<|mask|>"},
         "%d": {"content": "%s"}}}""".formatted(id, content));
    assertThat(accepted(config -> config.remove("mask_token_id")).maskTokenId()).isEqualTo(id);
  }

  @Test
  void thePublishedVocabulariesImplyIt() throws IOException {
    Files.delete(copy.file("tokenizer_config.json"));
    assertThat(accepted(config -> config.put("vocab_size", 157184).remove("mask_token_id")).maskTokenId()).isEqualTo(
        156895);
  }

  @Test
  void aMaskThatNothingNamesIsRefusedWithTheRemedy() throws IOException {
    Files.delete(copy.file("tokenizer_config.json"));
    refused(config -> config.remove("mask_token_id"), "mask_token_id", "add mask_token_id");
  }

  @Test
  void aMaskOutsideTheVocabularyIsRefused() throws IOException {
    Files.writeString(copy.file("tokenizer_config.json"),
        "{\"added_tokens_decoder\": {\"999999\": {\"content\": \"<|mask|>\"}}}");
    refused(config -> config.remove("mask_token_id"), "vocab_size", "999999");
  }

  @Test
  void theEndTokenIsEosThenPadThenTheFirstUsableOfAList() throws IOException {
    assertThat(accepted(config -> config.put("eos_token_id", 3)).endTokenId()).isEqualTo(3);
    assertThat(accepted(config -> config.putArray("eos_token_id").add(1988).add(-1).add(4).add(5)).endTokenId())
        .isEqualTo(4);
    assertThat(accepted(config -> config.put("pad_token_id", 6).remove("eos_token_id")).endTokenId()).isEqualTo(6);
  }

  @Test
  void typeOrArchitectureAloneIsEnough() throws IOException {
    assertThat(accepted(config -> config.remove("model_type")).family()).isEqualTo(ModelConfig.Family.LLADA2);
    assertThat(accepted(config -> {
      config.remove("architectures");
      config.put("model_type", "llada21_moe");
    }).family()).isEqualTo(ModelConfig.Family.LLADA2);
  }

  @Test
  void theTinyModelIsReadAsItsConfigSays() {
    ModelConfig config = ModelConfigReader.read(directory);
    assertThat(config).extracting(ModelConfig::layers, ModelConfig::hiddenSize, ModelConfig::vocabularySize,
        ModelConfig::heads, ModelConfig::keyValueHeads, ModelConfig::headSize, ModelConfig::rotarySize,
        ModelConfig::denseWidth, ModelConfig::contextLength, ModelConfig::blockLength, ModelConfig::maskTokenId,
        ModelConfig::endTokenId).containsExactly(5, 128, 2048, 4, 2, 32, 16, 256, 2048, 32, 1988, 1985);
    assertThat(config.shards()).hasSize(16).isSorted();
  }
}
