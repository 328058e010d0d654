package io.llada.model.packing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.CheckpointCopy;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.layer.TransformerWeights;
import io.llada.model.packed.PackedManifest;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Packed checkpoints damaged in one place each: every one is refused with one line that names the place, without
/// allocating what the damage asks for.
class HostilePackedTest {
  private static final long MOST_ALLOCATED_BYTES = 24L << 20;
  private static final String MANIFEST = PackedManifest.FILE;
  private static final String SHARD = "layer-002-group-001.bin";
  private static final String DENSE = "layer-002.bin";
  private static final String EXPERT = "model.layers.2.mlp.experts.8.gate_proj.weight";

  @TempDir
  static Path packed;
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
    void apply(PackedCopy copy) throws IOException;
  }

  @BeforeAll
  static void packTheTinyModel() {
    PackedCopy.pack(CheckpointCopy.TINY_MODEL, PackedCopy.formats(WeightFormat.INT4, WeightFormat.INT8), packed,
        PackingProgress.NONE);
  }

  private static Damage damage(String name, Change change, String... named) {
    return new Damage(name, change, List.of(named));
  }

  private static Damage manifest(String name, Consumer<ObjectNode> change, String... named) {
    return damage(name, copy -> copy.changeManifest(change),
        Stream.concat(Stream.of(MANIFEST), Stream.of(named)).toArray(
            String[]::new));
  }

  private static Damage file(String name, Consumer<ObjectNode> change, String... named) {
    return manifest(name, root -> change.accept(fileNode(root, SHARD)), named);
  }

  private static Damage entry(String name, Consumer<ObjectNode> change, String... named) {
    return manifest("entry: " + name, root -> change.accept((ObjectNode) fileNode(root, SHARD).get("entries").get(0)),
        Stream.concat(Stream.of(SHARD), Stream.of(named)).toArray(String[]::new));
  }

  private static ObjectNode fileNode(ObjectNode root, String name) {
    for (var node : root.get("files")) {
      if (node.get("file").asText().equals(name)) {
        return (ObjectNode) node;
      }
    }
    throw new AssertionError(name);
  }

  static Stream<Damage> manifests() {
    return Stream.of(
        damage("manifest is a list", copy -> Files.writeString(copy.file(MANIFEST), "[]"), MANIFEST, "object"),
        damage("manifest is empty", copy -> Files.writeString(copy.file(MANIFEST), ""), MANIFEST),
        damage("manifest is cut off", copy -> resize(copy, MANIFEST, 1000), MANIFEST, "JSON"),
        damage("manifest of 65 MiB", copy -> resize(copy, MANIFEST, 65L << 20), MANIFEST, "at most"),
        manifest("other kind", root -> root.put("kind", "zip"), "kind", "zip"),
        manifest("no kind", root -> root.remove("kind"), "kind"),
        manifest("newer version", root -> root.put("version", 3), "version 3", "newer than 2"),
        manifest("version 0", root -> root.put("version", 0), "version 0"),
        manifest("older version", root -> root.put("version", 1), "version 1", "pack the original again"),
        manifest("version as text", root -> root.put("version", "1"), "version"),
        manifest("unknown key", root -> root.put("extra", 1), "unknown key 'extra'"),
        manifest("no source", root -> root.remove("source"), "source"),
        manifest("source digest", root -> ((ObjectNode) root.get("source")).put("digest", "../x"), "digest", "../x"),
        manifest("source bytes", root -> ((ObjectNode) root.get("source")).put("bytes", -1), "bytes -1"),
        manifest("no formats", root -> root.remove("formats"), "formats"),
        manifest("unknown format", root -> ((ObjectNode) root.get("formats")).put("experts", "int2"), "experts", "int2",
            "int4"),
        manifest("f32 asked for", root -> ((ObjectNode) root.get("formats")).put("dense", "f32"), "dense", "F32"),
        manifest("formats disagree with the entries", root -> ((ObjectNode) root.get("formats")).put("experts", "int8"),
            "layer-001-group-000.bin", "INT4", "does not agree"),
        manifest("no files", root -> root.remove("files"), "'files' is not a list"),
        manifest("files as an object", root -> root.putObject("files"), "'files' is not a list"),
        manifest("file listed twice", root -> ((ArrayNode) root.get("files")).add(fileNode(root, SHARD).deepCopy()),
            SHARD,
            "twice"),
        manifest("file not listed", root -> ((ArrayNode) root.get("files")).remove(3), "layer-001-group-000.bin",
            "missing"),
        manifest("file nobody expects",
            root -> ((ArrayNode) root.get("files")).add(fileNode(root, SHARD).deepCopy().put(
                "file", "layer-009.bin")),
            "layer-009.bin", "unexpected"));
  }

  static Stream<Damage> files() {
    Stream<Damage> names = Stream.of("../x.bin", "/etc/passwd", "sub/x.bin", "", "x", "x.bin\n", "X.bin", "..").map(
        name -> file("file name '" + name.strip() + "'", node -> node.put("file", name), "plain name"));
    return Stream.concat(names, Stream.of(file("bytes too few", node -> node.put("bytes", 5), SHARD, "5 bytes"),
        file("bytes negative", node -> node.put("bytes", -5), SHARD, "bytes -5"),
        file("bytes beyond 64 bits", node -> node
            .put("bytes", new BigInteger("36893488147419103232")), SHARD, "bytes"),
        file("checksum cut", node -> node.put("sha256", "abc"), SHARD, "sha256", "abc"),
        file("no checksum", node -> node.remove("sha256"), SHARD, "sha256"),
        damage("other checksum",
            copy -> copy.changeManifest(root -> fileNode(root, SHARD).put("sha256", "0".repeat(64))), SHARD, "SHA-256",
            "damaged"),
        file("unknown key", node -> node.put("link", "x"), SHARD, "'link'"),
        file("no entries", node -> node.remove("entries"), SHARD, "'entries'"),
        file("empty entries", node -> node.putArray("entries"), SHARD, "entries end at 0"),
        file("entry twice", node -> ((ObjectNode) node.get("entries").get(1)).put("name", EXPERT), SHARD, EXPERT,
            "twice"),
        damage("truncated", copy -> resize(copy, SHARD, 1000), SHARD, "1000 bytes", "truncated"),
        damage("longer", copy -> resize(copy, SHARD, 1L << 36), SHARD, "expected 110592"),
        damage("missing", copy -> Files.delete(copy.file(SHARD)), SHARD, "no such file"),
        damage("a directory", copy -> {
          Files.delete(copy.file(SHARD));
          Files.createDirectory(copy.file(SHARD));
        }, SHARD, "not a regular file"), damage("linked to the outside", copy -> {
          Path outside = copy.directory().resolveSibling("outside.bin");
          Files.move(copy.file(SHARD), outside);
          Files.createSymbolicLink(copy.file(SHARD), outside);
        }, SHARD, "outside the checkpoint"), damage("bit flip in a shard", copy -> PackedCopy.flipBit(copy.file(SHARD),
            50_000), SHARD, "SHA-256", "damaged"),
        damage("bit flip in a layer", copy -> PackedCopy.flipBit(copy.file(
            DENSE), 20_000), DENSE, "SHA-256"),
        damage("bit flip in the embedding", copy -> PackedCopy.flipBit(copy.file(
            "embedding.bin"), 9), "embedding.bin", "SHA-256"),
        damage("bit flip in the head", copy -> PackedCopy.flipBit(copy
            .file("output.bin"), 9), "output.bin", "SHA-256"),
        damage("another tokenizer's safetensors beside it",
            copy -> Files.write(copy.file("model.safetensors"), new byte[9]), MANIFEST, "safetensors", "keep one")));
  }

  static Stream<Damage> entries() {
    return Stream.of(entry("other name", e -> e.put("name", "x"), EXPERT, "missing"),
        entry("name with line breaks", e -> e.put("name", "evil\nERROR\u001b[31m").put("rows", 0), "evil?ERROR"),
        entry("name as number", e -> e.put("name", 7), "name 7"),
        entry("layout", e -> e.put("layout", "tiles"), EXPERT, "tiles"),
        entry("rows for a matrix of panels", e -> e.put("layout", "rows"), EXPERT, "INT4 needs panels"),
        entry("unknown format", e -> e.put("format", "int3"), EXPERT, "int3"),
        entry("another format", e -> e.put("format", "int8"), EXPERT, "bytes"),
        entry("rows 0", e -> e.put("rows", 0), EXPERT, "rows 0"),
        entry("rows negative", e -> e.put("rows", -64), EXPERT,
            "rows -64"),
        entry("rows huge", e -> e.put("rows", Integer.MAX_VALUE), EXPERT, "rows 2147483647"),
        entry("rows fractional", e -> e.put("rows", 64.5), EXPERT, "rows 64.5"), entry("columns no group", e -> e.put(
            "columns", 33), EXPERT, "multiple of 32"),
        entry("rows fewer, same panels", e -> e.put("rows", 63), EXPERT,
            "(64, 128)", "(63, 128)"),
        entry("a terabyte", e -> e.put("rows", 1 << 20).put("columns", 1 << 20).put("bytes",
            618_475_290_624L), "up_proj", "expected 618475290624"),
        entry("bytes", e -> e.put("bytes", 4609), EXPERT, "4609 bytes", "4608"),
        entry("offset 32", e -> e.put("offset", 32), EXPERT, "offset 32", "expected 0"),
        entry("offset beyond the file", e -> e.put("offset", 1L << 40), EXPERT, "offset"),
        entry("offset negative", e -> e.put("offset", -64), EXPERT, "offset -64"),
        manifest("overlap", root -> ((ObjectNode) fileNode(root, SHARD).get("entries").get(1)).put("offset", 4544),
            SHARD,
            "offset 4544", "expected 4608"),
        entry("unknown key", e -> e.put("x", 1), EXPERT, "'x'"), manifest("entries too many", root -> {
          ObjectNode node = fileNode(root, SHARD);
          ObjectNode last = (ObjectNode) node.get("entries").get(23);
          ((ArrayNode) node.get("entries")).add(last.deepCopy().put("name", "stray").put("offset", 110_592));
          node.put("bytes", 115_200);
        }, SHARD, "stray", "unexpected"),
        manifest("router quantised", root -> fileNode(root, DENSE).get("entries").forEach(e -> {
          if (e.get("name").asText().endsWith("mlp.gate.weight")) {
            ((ObjectNode) e).put("format", "bf16");
          }
        }), DENSE, "mlp.gate.weight"));
  }

  @ParameterizedTest
  @MethodSource({"manifests", "files", "entries"})
  void damageIsRefusedWithOneLineThatNamesThePlace(Damage damage) throws IOException {
    PackedCopy copy = PackedCopy.of(packed, directory.resolve("checkpoint"));
    damage.change().apply(copy);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Throwable thrown = catchThrowable(() -> readEverything(copy.directory()));
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(thrown).isExactlyInstanceOf(CheckpointException.class).hasMessageContainingAll(damage.named().toArray(
        String[]::new));
    assertThat(thrown.getMessage().lines()).hasSize(1);
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
    readEverything(PackedCopy.of(packed, directory.resolve("checkpoint")).directory());
  }

  @Test
  void aScaleThatIsNotFiniteIsRefusedThoughItsChecksumIsRight() throws IOException {
    PackedCopy copy = PackedCopy.of(packed, directory.resolve("checkpoint"));
    byte[] bytes = Files.readAllBytes(copy.file(SHARD));
    bytes[4608] = (byte) 0x80; // the first scale of the second matrix: infinity
    bytes[4609] = 0x7f;
    Files.write(copy.file(SHARD), bytes);
    String sha256 = HexFormat.of().formatHex(PackedManifest.sha256().digest(bytes));
    copy.changeManifest(root -> fileNode(root, SHARD).put("sha256", sha256));
    assertThat(catchThrowable(() -> readEverything(copy.directory()))).isExactlyInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(SHARD, "experts.8.up_proj", "rows 0..31", "not finite");
  }

  private static void resize(PackedCopy copy, String file, long size) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(copy.file(file).toFile(), "rw")) {
      open.setLength(size);
    }
  }
}
