package io.llada.gateway.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.llada.gateway.json.Surrogates;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Text to token ids and back. Text never becomes a control token: the encoder does not know them, so a literal
 * {@code <|mask|>} is encoded as the characters it consists of. Thread-safe.
 */
public final class Tokenizer implements AutoCloseable {
  private final HuggingFaceTokenizer text;
  private final TokenizerFile file;
  private final Set<Integer> controlIds;
  private final Map<Integer, String> markersById;
  private final List<String> markersLongestFirst;

  static {
    // The library must neither report its use nor look for a native part on the network; it carries the CPU one.
    setUnlessSet("OPT_OUT_TRACKING", "true");
    setUnlessSet("ai.djl.offline", "true");
    setUnlessSet("RUST_FLAVOR", "cpu");
  }

  private static void setUnlessSet(String property, String value) {
    if (System.getProperty(property) == null && System.getenv(property) == null) {
      System.setProperty(property, value);
    }
  }

  private Tokenizer(HuggingFaceTokenizer text, TokenizerFile file) {
    this.text = text;
    this.file = file;
    this.controlIds = Set.copyOf(file.controlTokens().values());
    this.markersById = file.markers().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getValue, Map.Entry::getKey));
    this.markersLongestFirst = file.markers().keySet().stream()
        .sorted(Comparator.comparingInt(String::length).reversed()).toList();
  }

  /**
   * Loads tokenizer.json from a model directory.
   *
   * @throws IOException when it is missing, unreadable or breaks a limit; names the file and the limit
   */
  public static Tokenizer load(Path modelDirectory) throws IOException {
    Path path = modelDirectory.resolve("tokenizer.json");
    TokenizerFile file = TokenizerFile.read(path);
    byte[] json = file.textHalf().toString().getBytes(StandardCharsets.UTF_8);
    try {
      var options = new HashMap<>(Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
      return new Tokenizer(HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), options), file);
    } catch (RuntimeException e) { // what the native part throws for a file it does not understand
      throw new IOException(path + " is not a usable tokenizer: " + e.getMessage(), e);
    }
  }

  /**
   * Encodes text as text: whatever it spells, no id of the result is a control token's.
   *
   * @throws IllegalArgumentException when the text holds a lone surrogate
   */
  public int[] encodeText(String string) {
    int lone = Surrogates.firstLone(string);
    if (lone >= 0) {
      throw new IllegalArgumentException("the text holds a lone surrogate at character " + lone);
    }
    IntStream.Builder ids = IntStream.builder();
    int from = 0;
    for (int i = 0; i < string.length() && !markersLongestFirst.isEmpty(); i++) {
      Optional<String> marker = markerAt(string, i);
      if (marker.isPresent()) {
        encodePlain(string.substring(from, i), ids);
        ids.add(file.markers().get(marker.get()));
        from = i + marker.get().length();
        i = from - 1;
      }
    }
    encodePlain(string.substring(from), ids);
    return ids.build().toArray();
  }

  private Optional<String> markerAt(String string, int index) {
    return string.charAt(index) != '<'
        ? Optional.empty()
        : markersLongestFirst.stream().filter(marker -> string.startsWith(marker, index)).findFirst();
  }

  private void encodePlain(String piece, IntStream.Builder ids) {
    if (piece.isEmpty()) {
      return;
    }
    for (long id : text.encode(piece, false, false).getIds()) {
      if (controlIds.contains((int) id)) {
        // Only a vocabulary that spells control tokens out of text pieces can do this.
        throw new IllegalStateException("tokenizer.json builds control token " + id + " from plain text");
      }
      ids.add((int) id);
    }
  }

  /** Text of the ids; control tokens are skipped, an incomplete character at the end reads as U+FFFD. */
  public String decode(int... ids) {
    StringBuilder out = new StringBuilder();
    int from = 0;
    for (int i = 0; i <= ids.length; i++) {
      if (i == ids.length || markersById.containsKey(ids[i])) {
        out.append(decodePlain(Arrays.copyOfRange(ids, from, i)));
        out.append(i == ids.length ? "" : markersById.get(ids[i]));
        from = i + 1;
      }
    }
    return out.toString();
  }

  private String decodePlain(int[] ids) {
    long[] plain = Arrays.stream(ids).filter(id -> !controlIds.contains(id)).asLongStream().toArray();
    return plain.length == 0 ? "" : text.decode(plain, false);
  }

  /**
   * Id of a control token by its string.
   *
   * @throws IllegalArgumentException when the tokenizer has no such control token
   */
  public int controlToken(String content) {
    return findControlToken(content)
        .orElseThrow(() -> new IllegalArgumentException("tokenizer.json has no control token '" + content + "'"));
  }

  public Optional<Integer> findControlToken(String content) {
    return Optional.ofNullable(file.controlTokens().get(content));
  }

  public boolean isControlToken(int id) {
    return controlIds.contains(id);
  }

  /** Number of tokens the text encodes to. */
  public int countTokens(String string) {
    return encodeText(string).length;
  }

  /** Fewest tokens that a text of this many UTF-8 bytes can have; cheap, for refusing what cannot fit anyway. */
  public long fewestTokens(long utf8Bytes) {
    return utf8Bytes / Math.max(file.longestTokenBytes(), longestMarker());
  }

  private int longestMarker() {
    return markersLongestFirst.isEmpty() ? 1 : markersLongestFirst.getFirst().length();
  }

  @Override
  public void close() {
    text.close();
  }
}
