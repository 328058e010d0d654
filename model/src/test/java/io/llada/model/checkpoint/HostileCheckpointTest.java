package io.llada.model.checkpoint;

import io.llada.model.files.CheckpointException;
import static io.llada.model.checkpoint.CheckpointCopy.INDEX;
import static io.llada.model.checkpoint.CheckpointCopy.partName;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.layer.TransformerWeights;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Copies of the bundled checkpoint, damaged in one place each: every one must be refused with one line that names the
/// place, without allocating what the damage asks for.
class HostileCheckpointTest {
  /// Opening the undamaged checkpoint and reading its weights takes a few megabytes of Java memory.
  private static final long MOST_ALLOCATED_BYTES = 24L << 20;
  private static final String FIRST = partName(1);
  private static final String SECOND = partName(2);
  private static final String QUERY_KEY_VALUE = "model.layers.0.attention.query_key_value.weight";
  private static final String EXPERT = "model.layers.2.mlp.experts.5.up_proj.weight";

  @TempDir
  Path directory;

  /// One damage and what the message must name.
  private record Damage(String name, Change change, List<String> named) {
    @Override
    public String toString() {
      return name;
    }
  }

  private interface Change {
    void apply(CheckpointCopy copy) throws IOException;
  }

  private static Damage damage(String name, Change change, String... named) {
    return new Damage(name, change, List.of(named));
  }

  private static Damage header(String name, String tensor, Consumer<ObjectNode> change, String... named) {
    return damage(name, copy -> copy.changeHeader(copy.partOf(tensor), header -> change.accept((ObjectNode) header.get(
        tensor))), Stream.concat(Stream.of(tensor), Stream.of(named)).toArray(String[]::new));
  }

  static Stream<Damage> headers() {
    return Stream.of(
        damage("header length 0", copy -> copy.stateHeaderLength(FIRST, 0), FIRST, "header length 0"),
        damage("header length huge", copy -> copy.stateHeaderLength(FIRST, Long.MAX_VALUE), FIRST, "" + Long.MAX_VALUE),
        damage("header length negative", copy -> copy.stateHeaderLength(FIRST, -1), FIRST, "header length"),
        damage("header one byte beyond the file", copy -> copy.stateHeaderLength(FIRST, Files.size(copy.file(FIRST))
            - 7), FIRST, "header length"),
        damage("header is a list", copy -> copy.replaceHeader(FIRST, "[1, 2]".getBytes(UTF_8)), FIRST, "'{'"),
        damage("header cut off", copy -> copy.replaceHeader(FIRST, "{\"a\": {".getBytes(UTF_8)), FIRST, "JSON"),
        damage("header with text after it", copy -> copy.replaceHeader(FIRST, "{} {}".getBytes(UTF_8)), FIRST, "JSON"),
        damage("header not UTF-8", copy -> copy.replaceHeader(FIRST, new byte[]{'{', '"', (byte) 0xff, '"', ':', '1',
            '}'}), FIRST, "JSON"),
        damage("duplicate tensor", copy -> copy.replaceHeader(FIRST, "{\"twice\": {}, \"twice\": {}}".getBytes(UTF_8)),
            FIRST, "twice"),
        damage("duplicate key in a tensor", copy -> copy.replaceHeader(FIRST, ("{\"t\": {\"dtype\": \"F32\", "
            + "\"dtype\": \"BF16\"}}").getBytes(UTF_8)), FIRST, "dtype"),
        damage("header nested 100,000 deep", copy -> copy.replaceHeader(FIRST, ("{\"a\":" + "[".repeat(100_000))
            .getBytes(UTF_8)), FIRST, "nesting"),
        damage("empty part", copy -> Files.write(copy.file(FIRST), new byte[0]), FIRST, "0 bytes"),
        damage("truncated part", copy -> resize(copy, SECOND, Files.size(copy.file(SECOND)) - 1), SECOND, "truncated"),
        damage("bytes after the last tensor", copy -> resize(copy, SECOND, Files.size(copy.file(SECOND)) + 1), SECOND,
            "tensors end at"),
        damage("sparse part of 64 GiB", copy -> resize(copy, SECOND, 1L << 36), SECOND, "tensors end at"),
        damage("part is a directory", copy -> {
          Files.delete(copy.file(FIRST));
          Files.createDirectory(copy.file(FIRST));
        }, FIRST, "not a regular file"));
  }

  static Stream<Damage> entries() {
    long huge = 2L * Integer.MAX_VALUE * Integer.MAX_VALUE;
    return Stream.of(
        header("overlapping tensors", QUERY_KEY_VALUE, e -> shift(e, -2), "overlap"),
        header("gap between tensors", QUERY_KEY_VALUE, e -> shift(e, 2), "gaps"),
        header("negative offset", QUERY_KEY_VALUE, e -> shift(e, -524290), "data_offsets"),
        header("offsets the wrong way round", QUERY_KEY_VALUE, e -> e.putArray("data_offsets").add(10).add(4),
            "data_offsets"),
        header("one offset", QUERY_KEY_VALUE, e -> e.putArray("data_offsets").add(10), "data_offsets"),
        header("offsets as text", QUERY_KEY_VALUE, e -> e.putArray("data_offsets").add("0").add("65536"),
            "data_offsets"),
        header("fractional offsets", QUERY_KEY_VALUE, e -> e.putArray("data_offsets").add(524288.5).add(589824.5),
            "data_offsets"),
        header("offsets beyond 64 bits", QUERY_KEY_VALUE, e -> e.putArray("data_offsets").add(0).add(
            new java.math.BigInteger("36893488147419103232")), "data_offsets"),
        header("range shorter than the shape", QUERY_KEY_VALUE, e -> e.putArray("shape").add(255).add(128), "needs"),
        header("declared 8 exbibytes", "model.word_embeddings.weight", e -> {
          e.putArray("shape").add(Integer.MAX_VALUE).add(Integer.MAX_VALUE);
          e.putArray("data_offsets").add(0L).add(huge);
        }, "truncated"),
        header("size overflows 64 bits", QUERY_KEY_VALUE, e -> e.putArray("shape").add(Integer.MAX_VALUE).add(
            Integer.MAX_VALUE).add(Integer.MAX_VALUE), "overflows"),
        header("dimension 0", QUERY_KEY_VALUE, e -> e.putArray("shape").add(0).add(128), "shape"),
        header("negative dimension", QUERY_KEY_VALUE, e -> e.putArray("shape").add(-256).add(-128), "shape"),
        header("dimension beyond 32 bits", QUERY_KEY_VALUE, e -> e.putArray("shape").add(1L << 32).add(1), "shape"),
        header("fractional dimension", QUERY_KEY_VALUE, e -> e.putArray("shape").add(256.0).add(128), "shape"),
        header("no dimensions", QUERY_KEY_VALUE, e -> e.putArray("shape"), "shape"),
        header("four dimensions", QUERY_KEY_VALUE, e -> e.putArray("shape").add(1).add(1).add(256).add(128), "shape"),
        header("no shape", QUERY_KEY_VALUE, e -> e.remove("shape"), "shape"),
        header("dtype F16", QUERY_KEY_VALUE, e -> e.put("dtype", "F16"), "F16", "BF16"),
        header("no dtype", QUERY_KEY_VALUE, e -> e.remove("dtype"), "dtype"),
        header("transposed expert", EXPERT, e -> e.putArray("shape").add(128).add(64), "[64, 128]", "[128, 64]"),
        header("flat expert", EXPERT, e -> e.putArray("shape").add(8192), "[64, 128]", "[8192]"));
  }

  static Stream<Damage> tensors() {
    Stream<Damage> missing = Stream.of("model.word_embeddings.weight", "lm_head.weight", "model.norm.weight",
        "model.layers.0.mlp.up_proj.weight", "model.layers.3.input_layernorm.weight",
        "model.layers.3.post_attention_layernorm.weight", "model.layers.4.attention.dense.weight",
        "model.layers.4.attention.query_layernorm.weight", "model.layers.4.attention.key_layernorm.weight",
        "model.layers.2.mlp.gate.weight", "model.layers.2.mlp.gate.expert_bias",
        "model.layers.1.mlp.shared_experts.down_proj.weight", QUERY_KEY_VALUE, EXPERT).map(
            tensor -> damage("without "
                + tensor, copy -> copy.remove(tensor), tensor, "missing"));
    Stream<Damage> others = Stream.of(damage("tensor only in a part", copy -> copy.addToFirstPart("stray"), FIRST,
        "stray", "not in the index"),
        damage("tensor only in the index", copy -> copy.changeIndex(index -> index.put(
            "stray", FIRST)), FIRST, "stray", "missing"),
        damage("tensor nobody expects", copy -> {
          copy.addToFirstPart("model.layers.0.attention.query_key_value.bias");
          copy.changeIndex(index -> index.put("model.layers.0.attention.query_key_value.bias", FIRST));
        }, FIRST, "query_key_value.bias", "unexpected"), damage("tensor of a layer too many", copy -> {
          copy.addToFirstPart("model.layers.5.input_layernorm.weight");
          copy.changeIndex(index -> index.put("model.layers.5.input_layernorm.weight", FIRST));
        }, "model.layers.5", "unexpected"), damage("tensor in two parts", copy -> copy.addToFirstPart(
            "lm_head.weight"), FIRST, "lm_head.weight", "index"),
        damage("index names the wrong part",
            copy -> copy.changeIndex(index -> index.put("lm_head.weight", FIRST)), FIRST, "lm_head.weight",
            "missing"),
        damage("line breaks in a name", copy -> copy.addToFirstPart(
            "evil\nERROR all is lost\r\u2028\u001b[31m"), FIRST, "evil?ERROR"),
        damage(
            "a name of 4,000 letters", copy -> copy.addToFirstPart("e".repeat(4000)), FIRST, "eee"));
    Stream<Damage> notFinite = Stream.of("model.word_embeddings.weight", "model.layers.2.mlp.gate.expert_bias",
        "model.layers.2.mlp.gate.weight", "model.norm.weight", EXPERT).flatMap(
            tensor -> Stream.of(Float.NaN,
                Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY).map(
                    value -> damage(value + " in " + tensor,
                        copy -> copy.setElement(tensor, 7, value), partOf(tensor), tensor, "element 7", ""
                            + value)));
    return Stream.of(missing, others, notFinite).flatMap(damages -> damages);
  }

  private static String partOf(String tensor) {
    try {
      return new CheckpointCopy(CheckpointCopy.TINY_MODEL).partOf(tensor);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Stream<Damage> indexes() {
    Stream<Damage> names = Stream.of("../" + FIRST, "..", "/etc/passwd", "/tmp/x.safetensors", "sub/" + FIRST, "",
        "x.bin", "a\\b.safetensors", "x.safetensors\n", "C:x.safetensors")
        .map(name -> damage("part name '" + name.strip()
            + "'", copy -> copy.changeIndex(index -> index.put(EXPERT, name)), INDEX, EXPERT, "part name"));
    return Stream.concat(names, Stream.of(
        damage("part name is a number", copy -> copy.changeIndex(index -> index.put(EXPERT, 7)), INDEX, EXPERT),
        damage("part name is a list", copy -> copy.changeIndex(index -> index.putArray(EXPERT).add(FIRST)), INDEX,
            EXPERT),
        damage("missing part", copy -> Files.delete(copy.file(SECOND)), SECOND, "no such file"),
        damage("no index and no single part", copy -> Files.delete(copy.file(INDEX)), INDEX, "model.safetensors"),
        damage("empty index", copy -> copy.changeIndex(ObjectNode::removeAll), INDEX, "weight_map"),
        damage("index without a map", copy -> Files.writeString(copy.file(INDEX), "{}"), INDEX, "weight_map"),
        damage("index is a list", copy -> Files.writeString(copy.file(INDEX), "[]"), INDEX, "object"),
        damage("index is empty", copy -> Files.writeString(copy.file(INDEX), ""), INDEX),
        damage("index holds a tensor twice", copy -> Files.writeString(copy.file(INDEX),
            "{\"weight_map\": {\"a\": \"b.safetensors\", \"a\": \"c.safetensors\"}}"), INDEX, "'a'"),
        damage("index nested too deep", copy -> Files.writeString(copy.file(INDEX), "{\"a\":".repeat(5000)), INDEX,
            "nesting"),
        damage("sparse index of 65 MiB", copy -> resize(copy, INDEX, 65L << 20), INDEX, "at most"),
        damage("index is a directory", copy -> {
          Files.delete(copy.file(INDEX));
          Files.createDirectory(copy.file(INDEX));
        }, INDEX, "not a regular file"),
        damage("part linked to the outside",
            copy -> link(copy, copy.directory().resolveSibling("outside").resolve(FIRST)),
            FIRST, "outside the checkpoint"),
        damage("part linked to a folder that is called blobs", copy -> link(copy, copy.directory().resolveSibling(
            "blobs").resolve(FIRST)), FIRST, "outside the checkpoint")));
  }

  private static void link(CheckpointCopy copy, Path outside) throws IOException {
    Files.createDirectories(outside.getParent());
    Files.move(copy.file(FIRST), outside);
    Files.createSymbolicLink(copy.file(FIRST), outside);
  }

  private static void resize(CheckpointCopy copy, String file, long size) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(copy.file(file).toFile(), "rw")) {
      open.setLength(size);
    }
  }

  private static void shift(ObjectNode entry, long bytes) {
    ArrayNode offsets = (ArrayNode) entry.get("data_offsets");
    entry.putArray("data_offsets").add(offsets.get(0).asLong() + bytes).add(offsets.get(1).asLong() + bytes);
  }

  @ParameterizedTest
  @MethodSource({"headers", "entries", "tensors", "indexes"})
  void damageIsRefusedWithOneLineThatNamesThePlace(Damage damage) throws IOException {
    Path inside = Files.createDirectories(directory.resolve("parent/checkpoint"));
    CheckpointCopy copy = CheckpointCopy.of(inside);
    damage.change().apply(copy);
    requireRefusal(inside, damage.named());
  }

  static void requireRefusal(Path checkpoint, List<String> named) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Throwable thrown = catchThrowable(() -> readEverything(checkpoint));
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;

    assertThat(thrown).isExactlyInstanceOf(CheckpointException.class).hasMessageContainingAll(named.toArray(
        String[]::new));
    assertThat(thrown.getMessage().lines()).hasSize(1);
    assertThat(thrown.getMessage()).hasSizeLessThan(2500).doesNotContain("\u001b", "\u2028");
    assertThat(allocated).as("bytes allocated").isLessThan(MOST_ALLOCATED_BYTES);
  }

  private static void readEverything(Path checkpoint) {
    try (Checkpoint open = Checkpoint.open(checkpoint); TransformerWeights weights = TransformerWeights.load(open)) {
      assertThat(weights.bytes()).isPositive();
      ExpertShardLoader loader = new ExpertShardLoader(open);
      open.config().shards().forEach(id -> loader.load(id).close());
    }
  }

  @Test
  void theUndamagedCopyIsAccepted() throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(directory);
    assertThatCode(() -> readEverything(copy.directory())).doesNotThrowAnyException();
  }

  @Test
  void aDirectoryThatIsNoneIsRefused() {
    requireRefusal(directory.resolve("nowhere"), List.of("nowhere", "not a directory"));
    requireRefusal(directory, List.of("config.json", "no such file"));
  }
}
