package io.llada.gateway.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A checked tokenizer.json, taken apart: the text half (vocabulary and merges, without any added token) and the added
 * tokens, by their string. Hostile until checked: every size has a limit.
 *
 * @param textHalf the file without its added tokens and without a post-processor, for the encoder of plain text
 * @param controlTokens ids of the tokens that only a chat format or the model may use
 * @param markers ids of added tokens that are ordinary text to users, for example {@code <tool_call>}
 * @param longestTokenBytes length of the longest text token, in bytes
 */
record TokenizerFile(ObjectNode textHalf, Map<String, Integer> controlTokens, Map<String, Integer> markers,
    int longestTokenBytes) {
  static final long MAX_FILE_BYTES = 64L << 20;
  static final int MAX_VOCABULARY = 1 << 20;
  static final int MAX_MERGES = 1 << 21;
  static final int MAX_ADDED_TOKENS = 1 << 14;
  static final int MAX_PATTERN_LENGTH = 1024;

  /**
   * Added tokens that a user may write and that mark no turn: a model was trained to see them as one token. Anything
   * else that was added is a control token, whatever its "special" flag says.
   */
  private static final Set<String> MARKERS = Set.of("<think>", "</think>", "<tool_call>", "</tool_call>",
      "<tool_response>", "</tool_response>", "<tools>", "</tools>");

  private static final ObjectMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
      .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(32).maxStringLength(1 << 16).build())
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .build()).build();

  /** @throws IOException when the file cannot be read or breaks a limit; names the file, what was found and the limit */
  static TokenizerFile read(Path file) throws IOException {
    long bytes = Files.size(file);
    require(bytes <= MAX_FILE_BYTES, file, "holds %d bytes: at most %d".formatted(bytes, MAX_FILE_BYTES));
    JsonNode tree;
    try {
      tree = MAPPER.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
    require(tree instanceof ObjectNode, file, "is not a JSON object");
    int longest = checkModel(tree.path("model"), file);
    checkPatterns(tree.path("pre_tokenizer"), file);
    checkPatterns(tree.path("normalizer"), file);

    Map<String, Integer> controls = new LinkedHashMap<>();
    Map<String, Integer> markers = new LinkedHashMap<>();
    JsonNode added = tree.path("added_tokens");
    require(added.isArray() && added.size() <= MAX_ADDED_TOKENS, file,
        "must have an array added_tokens of at most " + MAX_ADDED_TOKENS);
    for (JsonNode token : added) {
      readAdded(token, MARKERS.contains(token.path("content").asText()) ? markers : controls, file);
    }
    return new TokenizerFile(textHalf((ObjectNode) tree), Map.copyOf(controls), Map.copyOf(markers), longest);
  }

  private static void readAdded(JsonNode token, Map<String, Integer> into, Path file) throws IOException {
    String content = token.path("content").asText();
    JsonNode id = token.path("id");
    require(!content.isEmpty() && content.length() <= 256, file,
        "has an added token without a usable content: " + token);
    require(id.isInt() && id.intValue() >= 0 && id.intValue() < MAX_VOCABULARY, file,
        "has an added token with id %s: must be 0 .. %d".formatted(id, MAX_VOCABULARY - 1));
    require(!into.containsValue(id.intValue()) && into.put(content, id.intValue()) == null, file,
        "has the added token '%s' (id %s) twice".formatted(content, id));
  }

  private static int checkModel(JsonNode model, Path file) throws IOException {
    require(model.path("type").asText().equals("BPE"), file,
        "has the model type '%s': only BPE is supported".formatted(model.path("type").asText()));
    JsonNode vocabulary = model.path("vocab");
    require(vocabulary.isObject() && !vocabulary.isEmpty() && vocabulary.size() <= MAX_VOCABULARY, file,
        "has %d vocabulary entries: must be 1 .. %d".formatted(vocabulary.size(), MAX_VOCABULARY));
    require(model.path("merges").isArray() && model.path("merges").size() <= MAX_MERGES, file,
        "has %d merges: at most %d".formatted(model.path("merges").size(), MAX_MERGES));
    int longest = 1;
    for (var entry : vocabulary.properties()) {
      JsonNode id = entry.getValue();
      require(id.isInt() && id.intValue() >= 0 && id.intValue() < MAX_VOCABULARY, file,
          "has the vocabulary entry '%s' with id %s: must be 0 .. %d".formatted(entry.getKey(), id,
              MAX_VOCABULARY - 1));
      longest = Math.max(longest, entry.getKey().length()); // byte-level: one character per byte
    }
    return longest;
  }

  private static void checkPatterns(JsonNode node, Path file) throws IOException {
    for (JsonNode pattern : node.findValues("Regex")) {
      require(pattern.asText().length() <= MAX_PATTERN_LENGTH, file,
          "has a pattern of %d characters: at most %d".formatted(pattern.asText().length(), MAX_PATTERN_LENGTH));
    }
  }

  private static ObjectNode textHalf(ObjectNode tree) {
    ObjectNode text = tree.deepCopy();
    text.putArray("added_tokens");
    text.putNull("post_processor"); // would add control tokens
    text.putNull("truncation");
    text.putNull("padding");
    return text;
  }

  private static void require(boolean condition, Path file, String message) throws IOException {
    if (!condition) {
      throw new IOException(file + " " + message);
    }
  }
}
