package io.llada.model.packing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.CheckpointCopy;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.WeightFormats;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Interruptions, damage and wrong calls while a checkpoint is packed.
class CheckpointQuantiserTest {
  private static final WeightFormats INT8 = PackedCopy.formats(WeightFormat.INT8, WeightFormat.BF16);
  private static final Path SOURCE = CheckpointCopy.TINY_MODEL;
  private static final int FILES = 23;
  private static final int INTERRUPTED_AFTER = 7;

  @TempDir
  static Path undisturbed;
  @TempDir
  Path target;

  /// Stands for a kill: nothing of the quantiser's own runs after it that a kill would not leave undone.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  @BeforeAll
  static void packUndisturbed() {
    PackedCopy.pack(SOURCE, INT8, undisturbed, PackingProgress.NONE);
  }

  private void interrupt() {
    List<String> seen = new ArrayList<>();
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, INT8, target, (file, bytes, isKept) -> {
      seen.add(file);
      if (seen.size() == INTERRUPTED_AFTER) {
        throw new Killed();
      }
    })).isInstanceOf(Killed.class);
  }

  private List<String> resume() {
    List<String> kept = new ArrayList<>();
    List<String> all = new ArrayList<>();
    PackedCopy.pack(SOURCE, INT8, target, (file, bytes, isKept) -> {
      all.add(file);
      if (isKept) {
        kept.add(file);
      }
    });
    assertThat(all).hasSize(FILES);
    return kept;
  }

  private void requireSameAsUndisturbed() throws IOException {
    assertThat(contents(target).keySet()).isEqualTo(contents(undisturbed).keySet());
    contents(target).forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(contents(undisturbed).get(name)));
  }

  private static Map<String, ByteBuffer> contents(Path directory) {
    Map<String, ByteBuffer> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        contents.put(file.getFileName().toString(), ByteBuffer.wrap(Files.readAllBytes(file)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }

  @Test
  void goesOnAfterAnInterruptionAndKeepsWhatWasFinished() throws IOException {
    interrupt();
    assertThatThrownBy(() -> Checkpoint.open(target)).isInstanceOf(CheckpointException.class).hasMessageContaining(
        "not finished");
    Files.write(target.resolve("layer-002.bin.tmp"), new byte[1000]); // what a kill in the middle of a file leaves
    assertThat(resume()).hasSize(INTERRUPTED_AFTER);
    requireSameAsUndisturbed();
  }

  @Test
  void writesAgainWhatWasDamagedSince() throws IOException {
    interrupt();
    PackedCopy.flipBit(target.resolve("layer-000.bin"), 100);
    Files.write(target.resolve("layer-001.bin"), new byte[100]);
    Files.delete(target.resolve("embedding.bin"));
    assertThat(resume()).hasSize(INTERRUPTED_AFTER - 3);
    requireSameAsUndisturbed();
  }

  @Test
  void aJournalLineThatWasCutOffCountsAsNotWritten() throws IOException {
    interrupt();
    Path journal = target.resolve(PackedManifest.JOURNAL);
    try (FileChannel channel = FileChannel.open(journal, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 10);
    }
    assertThat(resume()).hasSize(INTERRUPTED_AFTER - 1);
    requireSameAsUndisturbed();
  }

  @Test
  void aFinishedDirectoryIsCheckedAndMended() throws IOException {
    interrupt();
    resume();
    assertThat(resume()).hasSize(FILES);
    PackedCopy.flipBit(target.resolve("output.bin"), 100);
    assertThat(resume()).hasSize(FILES - 1);
    requireSameAsUndisturbed();
  }

  @Test
  void anotherSourceOrOtherOptionsAreRefused(@TempDir Path other) throws IOException {
    interrupt();
    WeightFormats int4 = PackedCopy.formats(WeightFormat.INT4, WeightFormat.BF16);
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, int4, target, PackingProgress.NONE)).isInstanceOf(
        CheckpointException.class).hasMessageContainingAll("other options", "INT8", "INT4");
    CheckpointCopy copy = CheckpointCopy.of(other);
    copy.changeConfig(config -> config.put("rope_theta", 20000.0));
    assertThatThrownBy(() -> PackedCopy.pack(other, INT8, target, PackingProgress.NONE)).isInstanceOf(
        CheckpointException.class).hasMessageContaining("another source");
    resume();
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, int4, target, PackingProgress.NONE)).isInstanceOf(
        CheckpointException.class).hasMessageContaining("other options");
  }

  @Test
  void wrongDirectoriesAreRefused() throws IOException {
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, INT8, SOURCE, PackingProgress.NONE)).hasMessageContaining(
        "directory of its own");
    assertThatThrownBy(() -> PackedCopy.pack(undisturbed, INT8, target, PackingProgress.NONE)).isInstanceOf(
        CheckpointException.class).hasMessageContaining("already packed");
    Files.writeString(target.resolve("holiday.jpg"), "x");
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, INT8, target, PackingProgress.NONE)).isInstanceOf(
        CheckpointException.class).hasMessageContainingAll("not empty", "holiday.jpg");
  }

  @Test
  void twoRunsCannotWriteIntoOneDirectory() {
    assertThatThrownBy(() -> PackedCopy.pack(SOURCE, INT8, target,
        (file, bytes, isKept) -> PackedCopy.pack(SOURCE, INT8,
            target, PackingProgress.NONE)))
        .isInstanceOf(CheckpointException.class).hasMessageContaining(
            "another process");
  }

  @Test
  void aFullDiskIsSaidAndLeavesNothingBehind() throws IOException {
    Path file = target.resolve("layer-000.bin");
    Files.writeString(file, "old");
    assertThatThrownBy(() -> DurableFile.write(file, sink -> {
      sink.write(ByteBuffer.wrap(new byte[100]));
      throw new IOException("No space left on device");
    })).isInstanceOf(CheckpointException.class).hasMessageContainingAll("layer-000.bin", "No space left", "make room");
    assertThat(contents(target)).containsOnlyKeys("layer-000.bin");
    assertThat(file).hasContent("old");
  }

  @Test
  void theDigestTellsFormatsApartAndForgetsWhereItWasPacked(@TempDir Path int4, @TempDir Path head) throws IOException {
    interrupt();
    resume();
    PackedCopy.pack(SOURCE, PackedCopy.formats(WeightFormat.INT4, WeightFormat.BF16), int4, PackingProgress.NONE);
    PackedCopy.pack(SOURCE, new WeightFormats(WeightFormat.INT8, WeightFormat.BF16, WeightFormat.INT8), head,
        PackingProgress.NONE);
    List<String> digests = new ArrayList<>();
    for (Path directory : List.of(SOURCE, undisturbed, int4, head)) {
      digests.add(digest(directory));
    }
    assertThat(digests).doesNotHaveDuplicates();
    assertThat(digest(target)).isEqualTo(digest(undisturbed));
  }

  private static String digest(Path directory) {
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      return checkpoint.digest();
    }
  }
}
