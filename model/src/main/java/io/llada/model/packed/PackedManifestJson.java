package io.llada.model.packed;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.kernel.WeightFormat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// `llada-packed.json` as records and back. What is read comes from a stranger: every value is checked on its own and
/// against its neighbours before anything is allocated from it. Whether it fits the model is checked by the checkpoint.
public final class PackedManifestJson {
  private static final String KIND = "llada-packed";
  private static final Pattern FILE_NAME = Pattern.compile("[a-z0-9-]{1,64}\\.bin");
  /// Beyond every model; the product of two of them still fits 64 bits.
  private static final int LARGEST_DIMENSION = 1 << 24;
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  private PackedManifestJson() {}

  /// Reads and checks a manifest.
  ///
  /// @throws CheckpointException naming file, entry and what is wrong with it
  public static PackedManifest read(Path path) {
    JsonNode root = CheckpointJson.readObject(path);
    String where = path.toString();
    Head head = head(where, root, Set.of("files"));
    List<PackedFile> files = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode node : array(where, root, "files")) {
      PackedFile file = file(where, node);
      if (!names.add(file.name())) {
        throw new CheckpointException("%s: file %s is listed twice".formatted(where, file.name()));
      }
      files.add(file);
    }
    return new PackedManifest(head.sourceDigest(), head.sourceBytes(), head.formats(), files);
  }

  public static ObjectNode write(PackedManifest manifest) {
    ObjectNode root = writeHead(new Head(manifest.sourceDigest(), manifest.sourceBytes(), manifest.formats()));
    ArrayNode files = root.putArray("files");
    manifest.files().forEach(file -> files.add(writeFile(file)));
    return root;
  }

  /// Source and formats: what must be equal for packing to go on where it ended.
  public record Head(String sourceDigest, long sourceBytes, WeightFormats formats) {}

  public static ObjectNode writeHead(Head head) {
    ObjectNode root = JsonNodeFactory.instance.objectNode().put("kind", KIND).put("version", PackedManifest.VERSION);
    root.putObject("source").put("digest", head.sourceDigest()).put("bytes", head.sourceBytes());
    WeightFormats formats = head.formats();
    root.putObject("formats").put("experts", name(formats.experts())).put("dense", name(formats.dense())).put("head",
        name(formats.head()));
    return root;
  }

  /// @param more keys that may stand beside those of the head
  public static Head head(String where, JsonNode root, Set<String> more) {
    if (!root.path("kind").asText().equals(KIND)) {
      throw new CheckpointException("%s: kind %s, expected \"%s\"".formatted(where, root.path("kind"), KIND));
    }
    long version = number(where, root, "version");
    if (version > PackedManifest.VERSION) {
      throw new CheckpointException(("%s: version %d is newer than %d, the newest this build reads; update it, or "
          + "pack the original again").formatted(where, version, PackedManifest.VERSION));
    }
    if (version != PackedManifest.VERSION) {
      throw new CheckpointException("%s: version %d, expected %d; pack the original again".formatted(where, version,
          PackedManifest.VERSION));
    }
    Set<String> keys = new HashSet<>(more);
    keys.addAll(Set.of("kind", "version", "source", "formats"));
    requireKeys(where, root, keys);
    JsonNode source = root.path("source");
    requireKeys(where + ": source", source, Set.of("digest", "bytes"));
    JsonNode formats = root.path("formats");
    requireKeys(where + ": formats", formats, Set.of("experts", "dense", "head"));
    try {
      return new Head(sha256(where + ": source", source, "digest"), number(where + ": source", source, "bytes"),
          new WeightFormats(format(where + ": formats", formats, "experts"), format(where + ": formats", formats,
              "dense"), format(where + ": formats", formats, "head")));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException("%s: formats: %s".formatted(where, e.getMessage()), e);
    }
  }

  public static ObjectNode writeFile(PackedFile file) {
    ObjectNode node = JsonNodeFactory.instance.objectNode().put("file", file.name()).put("bytes", file.bytes()).put(
        "sha256", file.sha256());
    ArrayNode entries = node.putArray("entries");
    for (PackedEntry entry : file.entries()) {
      entries.addObject().put("name", entry.name()).put("layout", name(entry.layout())).put("format", name(entry
          .format())).put("rows", entry.rows()).put("columns", entry.columns()).put("offset", entry.offset()).put(
              "bytes", entry.bytes());
    }
    return node;
  }

  public static PackedFile file(String where, JsonNode node) {
    String name = node.path("file").asText();
    if (!FILE_NAME.matcher(name).matches()) {
      throw new CheckpointException("%s: file name '%s' is not a plain name of a-z, 0-9 and - that ends in .bin"
          .formatted(where, name));
    }
    String inFile = where + ": file " + name;
    requireKeys(inFile, node, Set.of("file", "bytes", "sha256", "entries"));
    List<PackedEntry> entries = new ArrayList<>();
    Set<String> names = new HashSet<>();
    long end = 0;
    for (JsonNode child : array(inFile, node, "entries")) {
      PackedEntry entry = entry(inFile, child, PackedEntry.align(end));
      if (!names.add(entry.name())) {
        throw new CheckpointException("%s: entry %s is there twice".formatted(inFile, entry.name()));
      }
      entries.add(entry);
      end = entry.end();
    }
    long bytes = number(inFile, node, "bytes");
    if (bytes != end || entries.isEmpty()) {
      throw new CheckpointException("%s: %d bytes, but its entries end at %d".formatted(inFile, bytes, end));
    }
    return new PackedFile(name, bytes, sha256(inFile, node, "sha256"), entries);
  }

  private static PackedEntry entry(String inFile, JsonNode node, long expectedOffset) {
    String where = inFile + ": entry " + node.path("name").asText();
    requireKeys(where, node, Set.of("name", "layout", "format", "rows", "columns", "offset", "bytes"));
    if (!node.path("name").isTextual()) {
      throw new CheckpointException("%s: name %s, expected text".formatted(where, node.path("name")));
    }
    PackedEntry entry = new PackedEntry(node.path("name").asText(), layout(where, node), format(where, node, "format"),
        dimension(where, node, "rows"), dimension(where, node, "columns"), number(where, node, "offset"));
    long bytes;
    try {
      bytes = entry.bytes();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new CheckpointException("%s: %s".formatted(where, e.getMessage()), e);
    }
    if (number(where, node, "bytes") != bytes) {
      throw new CheckpointException("%s: %s bytes, (%d, %d) %s in %s takes %d".formatted(where, node.path("bytes"),
          entry.rows(), entry.columns(), name(entry.format()), name(entry.layout()), bytes));
    }
    if (entry.offset() != expectedOffset) {
      throw new CheckpointException(
          "%s: offset %d, expected %d: entries follow each other at multiples of 64".formatted(
              where, entry.offset(), expectedOffset));
    }
    if (bytes > Long.MAX_VALUE / 2 - expectedOffset) {
      throw new CheckpointException("%s: its end overflows 64 bits".formatted(where));
    }
    return entry;
  }

  private static void requireKeys(String where, JsonNode node, Set<String> keys) {
    if (!node.isObject()) {
      throw new CheckpointException("%s: expected a JSON object".formatted(where));
    }
    for (var field : node.properties()) {
      if (!keys.contains(field.getKey())) {
        throw new CheckpointException("%s: unknown key '%s'".formatted(where, field.getKey()));
      }
    }
  }

  private static JsonNode array(String where, JsonNode node, String key) {
    if (!node.path(key).isArray()) {
      throw new CheckpointException("%s: key '%s' is not a list".formatted(where, key));
    }
    return node.path(key);
  }

  private static long number(String where, JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
      throw new CheckpointException("%s: %s %s, expected a whole number of at least 0".formatted(where, key, value));
    }
    return value.longValue();
  }

  private static int dimension(String where, JsonNode node, String key) {
    long value = number(where, node, key);
    if (value < 1 || value > LARGEST_DIMENSION) {
      throw new CheckpointException("%s: %s %d, expected 1..%d".formatted(where, key, value, LARGEST_DIMENSION));
    }
    return (int) value;
  }

  private static String sha256(String where, JsonNode node, String key) {
    String value = node.path(key).asText();
    if (!SHA256.matcher(value).matches()) {
      throw new CheckpointException("%s: %s '%s', expected 64 hexadecimal digits".formatted(where, key, value));
    }
    return value;
  }

  private static WeightFormat format(String where, JsonNode node, String key) {
    String text = node.path(key).asText();
    for (WeightFormat format : WeightFormat.values()) {
      if (name(format).equals(text)) {
        return format;
      }
    }
    throw new CheckpointException("%s: %s '%s', expected one of f32, bf16, int8, int4".formatted(where, key, text));
  }

  private static Layout layout(String where, JsonNode node) {
    String text = node.path("layout").asText();
    for (Layout layout : Layout.values()) {
      if (name(layout).equals(text)) {
        return layout;
      }
    }
    throw new CheckpointException("%s: layout '%s', expected rows or panels".formatted(where, text));
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
