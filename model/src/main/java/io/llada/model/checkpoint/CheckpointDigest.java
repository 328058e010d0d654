package io.llada.model.checkpoint;

import io.llada.model.files.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/// Names a checkpoint's content, so that processes notice when they serve different ones.
///
/// Hashed are config.json and, of every part in the order of their names, name, size and [#SAMPLES] windows spread
/// over its weights. Reading 200 GB at every start would take minutes; two trainings of one shape differ nearly
/// everywhere, so samples tell them apart. A damaged byte between the samples goes unnoticed: this is no checksum.
final class CheckpointDigest {
  private static final int SAMPLES = 64;
  private static final int SAMPLE_BYTES = 4096;

  private CheckpointDigest() {}

  static String of(Path directory, Collection<SafetensorsPart> parts) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(Files.readAllBytes(directory.resolve("config.json")));
      List<SafetensorsPart> sorted = parts.stream().distinct().sorted(Comparator.comparing(part -> part.file()
          .getFileName().toString())).toList();
      for (SafetensorsPart part : sorted) {
        add(part, sha256);
      }
      return HexFormat.of().formatHex(sha256.digest());
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(directory, e), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static void add(SafetensorsPart part, MessageDigest sha256) {
    long size = part.content().bytes();
    sha256.update(part.file().getFileName().toString().getBytes(StandardCharsets.UTF_8));
    sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(size).flip());
    for (int sample = 0; sample < SAMPLES; sample++) {
      long from = Math.max(0, size - SAMPLE_BYTES) / SAMPLES * sample;
      sha256.update(part.content().read(from, Math.min(SAMPLE_BYTES, size - from)).asByteBuffer());
    }
  }
}
