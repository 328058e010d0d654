package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ShardImages;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Shards on disk: read back bit for bit, or recognised as wrong, deleted and loaded from elsewhere.
class ShardCacheTest {
  private static final ShardId ID = new ShardId(2, 1);

  @TempDir
  private Path directory;

  private final TinyModel tiny = new TinyModel();

  @AfterEach
  void close() {
    tiny.close();
  }

  private ShardCache cache() {
    return new ShardCache(directory, tiny.model);
  }

  private LoadedShard load(ShardLoader loader) {
    return loader.load(ID, List.of());
  }

  /// Loads from the cache, then the checkpoint.
  private ShardLoader loader() {
    return loader(tiny.model);
  }

  private ShardLoader loader(ExpertNodeModel model) {
    return new ShardLoader(model, Optional.of(cache()), (endpoint, id) -> {
      throw new AssertionError("nobody is there to ask");
    }, List.of());
  }

  private static ExpertNodeModel withoutCheckpoint(ExpertNodeModel model) {
    return new ExpertNodeModel(model.outline(), model.numericsClass(), model.device(), Optional.empty(), model.placing(),
        model.computation());
  }

  private static byte[] bytes(ExpertShard shard) {
    long size = shard.bytes();
    byte[] bytes = new byte[Math.toIntExact(size)];
    int at = 0;
    for (MemorySegment segment : ShardImages.bytes(shard)) {
      MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, 0, bytes, at, (int) segment.byteSize());
      at += (int) segment.byteSize();
    }
    return bytes;
  }

  /// Writes the shard to the cache after a change of its memory.
  private void write(Consumer<ExpertShard> change) {
    try (LoadedShard loaded = load(tiny.loader())) {
      change.accept(loaded.shard());
      cache().write(loaded);
    }
  }

  @Test
  void aShardIsReadBackAsItWasWithoutTheCheckpoint() {
    write(shard -> {});
    ShardLoader loader = loader(withoutCheckpoint(tiny.model));

    try (LoadedShard first = load(tiny.loader()); LoadedShard again = load(loader)) {
      assertThat(again.origin()).isEqualTo(ShardOrigin.CACHE);
      assertThat(bytes(again.shard())).isEqualTo(bytes(first.shard()));
      assertThat(again.probe()).isEqualTo(first.probe());
      assertThat(again.manifest()).isEqualTo(first.manifest());
      assertThat(loader.totals()).containsOnlyKeys(ShardOrigin.CACHE);
      assertThat(loader.totals().get(ShardOrigin.CACHE)).isEqualTo(new ShardLoader.Total(first.shard().bytes(), 1));
    }
  }

  @Test
  void theCheckpointComesAfterTheCache() {
    try (LoadedShard loaded = load(loader())) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.CHECKPOINT);
    }
    write(shard -> {});
    try (LoadedShard loaded = load(loader())) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.CACHE);
    }
  }

  /// What a disk, or somebody, may do to a file.
  enum Damage {
    /// One bit of the weights.
    FLIPPED {
      @Override
      void to(Path file) throws IOException {
        flip(file, Files.size(file) - 1000);
      }
    },
    TRUNCATED {
      @Override
      void to(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(channel.size() - 1);
        }
      }
    },
    CUT_IN_THE_HEADER {
      @Override
      void to(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(50);
        }
      }
    },
    EMPTY {
      @Override
      void to(Path file) throws IOException {
        Files.write(file, new byte[0]);
      }
    },
    /// Longer than any disk here, without taking room.
    SPARSE_HUGE {
      @Override
      void to(Path file) throws IOException {
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
          sparse.setLength(1L << 40);
        }
      }
    },
    ANOTHER_VERSION {
      @Override
      void to(Path file) throws IOException {
        flip(file, 7);
      }
    },
    HEADER_LENGTH {
      @Override
      void to(Path file) throws IOException {
        flip(file, 11);
      }
    },
    ANOTHER_FORMAT {
      @Override
      void to(Path file) throws IOException {
        replace(file, "bf16", "int8");
      }
    },
    ANOTHER_MODEL {
      @Override
      void to(Path file) throws IOException {
        replace(file, "\"model\":\"", "\"model\":\"f");
      }
    },
    ANOTHER_SHARD {
      @Override
      void to(Path file) throws IOException {
        replace(file, "group-001", "group-002");
      }
    },
    NOTHING_OF_OURS {
      @Override
      void to(Path file) throws IOException {
        Files.writeString(file, "x".repeat(500_000));
      }
    };

    abstract void to(Path file) throws IOException;

    private static void flip(Path file, long at) throws IOException {
      try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
        bytes.seek(at);
        int value = bytes.read();
        bytes.seek(at);
        bytes.write(value ^ 4);
      }
    }

    private static void replace(Path file, String old, String other) throws IOException {
      byte[] bytes = Files.readAllBytes(file);
      String text = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
      assertThat(text).contains(old);
      Files.write(file, text.replace(old, other).getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedFileIsDeletedAndTheNextSourceUsed(Damage damage) throws IOException {
    write(shard -> {});
    damage.to(cache().file(ID));

    try (LoadedShard good = load(tiny.loader()); LoadedShard loaded = load(loader())) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.CHECKPOINT);
      assertThat(bytes(loaded.shard())).isEqualTo(bytes(good.shard()));
    }
    assertThat(cache().file(ID)).doesNotExist();
  }

  /// Weights whose checksum is right, but which compute other than they should.
  enum Wrong {
    ZEROED("nothing but zeros") {
      @Override
      void make(ExpertShard shard) {
        shard.experts().get(3).down().data().fill((byte) 0);
      }
    },
    HUGE("finite") {
      @Override
      void make(ExpertShard shard) {
        MemorySegment data = shard.experts().get(3).up().data();
        for (long at = 0; at < data.byteSize(); at += Short.BYTES) {
          data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) 0x7f7f);
        }
      }
    },
    NOT_FINITE("not finite") {
      @Override
      void make(ExpertShard shard) {
        shard.experts().get(3).up().data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 0, (short) 0x7fc0);
      }
    },
    EXCHANGED("its probe gives") {
      @Override
      void make(ExpertShard shard) {
        shard.experts().get(3).up().data().copyFrom(shard.experts().get(4).up().data());
      }
    };

    private final String complaint;

    Wrong(String complaint) {
      this.complaint = complaint;
    }

    abstract void make(ExpertShard shard);
  }

  @ParameterizedTest
  @EnumSource
  void aShardWhoseProbeFailsIsRefusedDeletedAndTheNextSourceUsed(Wrong wrong) {
    write(wrong::make);

    assertThatThrownBy(() -> load(loader(withoutCheckpoint(tiny.model)))).isInstanceOfSatisfying(
        ShardRefusedException.class, refused -> assertThat(refused.reason()).isEqualTo(Reason.NO_SOURCE))
        .hasMessageContaining(ID.toString()).hasMessageContaining("the cache").hasMessageContaining(wrong.complaint);
    write(wrong::make);
    try (LoadedShard loaded = load(loader())) {
      assertThat(loaded.origin()).isEqualTo(ShardOrigin.CHECKPOINT);
    }
    assertThat(cache().file(ID)).doesNotExist();
  }

  @Test
  void aFullDiskLeavesNothingBehindAndTheNodeServesFromMemory() throws IOException {
    Path temporary = cache().file(ID).resolveSibling(cache().file(ID).getFileName() + ".tmp");
    Files.createSymbolicLink(temporary, Path.of("/dev/full")); // every write to it says: no space left on device

    try (ShardStore store = new ShardStore(loader(), loaded -> cache().write(loaded), 1 << 30, System::nanoTime)) {
      store.prepare(new ShardStore.Planned(1, "planner", Set.of(ID)), java.util.Map.of());
      assertThat(store.lend(ID.layer(), Set.of(ID.group()))).isPresent().get().satisfies(ShardStore.Loan::close);
    }
    try (var files = Files.list(temporary.getParent())) {
      assertThat(files).isEmpty();
    }
  }
}
