package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// A byte-level tokenizer without merges: one token per byte, so that any text can be encoded, and the control tokens of
/// LLaDA2. Ids between the bytes and the control tokens stand for nothing and decode to nothing.
final class SyntheticTokenizer {
  private static final int BYTES = 256;
  private static final int ROLE_OFFSET = 260;
  /// The pre-tokenizer's pattern of the published tokenizers.
  private static final String PATTERN = "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| "
      + "?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";

  private SyntheticTokenizer() {}

  static void write(Path directory, SyntheticShape shape) throws IOException {
    var writer = JsonLines.JSON.writerWithDefaultPrettyPrinter();
    writer.writeValue(directory.resolve("tokenizer.json").toFile(), tokenizer(shape));
    writer.writeValue(directory.resolve("tokenizer_config.json").toFile(), configuration(shape));
  }

  /// Control tokens by id. The end of a role has no id in the published configurations; it takes a reserved one.
  private static Map<Integer, String> controlTokens(SyntheticShape shape) {
    Map<Integer, String> tokens = new LinkedHashMap<>();
    tokens.put(shape.startToken(), "<|startoftext|>");
    tokens.put(shape.endToken(), "<|endoftext|>");
    tokens.put(shape.controlTokens() + 2, "[CLS]");
    tokens.put(shape.controlTokens() + 3, "[gMASK]");
    tokens.put(shape.maskToken(), "<|mask|>");
    tokens.put(shape.maskToken() + 1, "<|role_end|>");
    tokens.put(shape.controlTokens() + ROLE_OFFSET, "<role>");
    tokens.put(shape.controlTokens() + ROLE_OFFSET + 1, "</role>");
    return tokens;
  }

  private static ObjectNode tokenizer(SyntheticShape shape) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    controlTokens(shape).forEach((id, content) -> describe(added.addObject().put("id", id), content));
    root.putNull("normalizer");
    ObjectNode before = root.putObject("pre_tokenizer").put("type", "Sequence");
    ArrayNode steps = before.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", PATTERN);
    split.put("behavior", "Isolated").put("invert", false);
    byteLevel(steps.addObject());
    byteLevel(root.putObject("post_processor"));
    byteLevel(root.putObject("decoder"));
    ObjectNode model = root.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token").putNull(
        "continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false).put("byte_fallback", false)
        .put("ignore_merges", false);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int value = 0; value < BYTES; value++) {
      vocabulary.put(Character.toString(characterOf(value)), value);
    }
    model.putArray("merges");
    return root;
  }

  private static void byteLevel(ObjectNode target) {
    target.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", false);
  }

  private static void describe(ObjectNode target, String content) {
    target.put("content", content).put("single_word", false).put("lstrip", false).put("rstrip", false).put(
        "normalized", false).put("special", true);
  }

  /// The visible character that stands for a byte in byte-level vocabularies: Latin-1 where it is printable, else the
  /// next one from U+0100.
  private static int characterOf(int value) {
    int moved = BYTES;
    for (int other = 0; other < value; other++) {
      moved += isPrintable(other) ? 0 : 1;
    }
    return isPrintable(value) ? value : moved;
  }

  private static boolean isPrintable(int value) {
    return value >= '!' && value <= '~' || value >= 0xa1 && value <= 0xac || value >= 0xae;
  }

  private static ObjectNode configuration(SyntheticShape shape) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("add_bos_token", false).put("add_eos_token", false);
    ObjectNode added = root.putObject("added_tokens_decoder");
    controlTokens(shape).forEach((id, content) -> describe(added.putObject("" + id), content));
    return root.put("bos_token", "<|startoftext|>").put("eos_token", "<|endoftext|>").put("pad_token",
        "<|endoftext|>").put("mask_token", "<|mask|>").put("clean_up_tokenization_spaces", false).put(
            "model_max_length", SyntheticShape.CONTEXT_LENGTH)
        .put("tokenizer_class", "PreTrainedTokenizerFast");
  }
}
