package io.llada.model.packed;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// What is in a packed checkpoint: the content of its `llada-packed.json`.
///
/// @param sourceDigest digest of the checkpoint it was made from
/// @param sourceBytes bytes of that checkpoint's tensors
/// @param formats what was asked for
/// @param files every file with weights
public record PackedManifest(String sourceDigest, long sourceBytes, WeightFormats formats, List<PackedFile> files) {
  /// Its file name. A directory that has it is a packed checkpoint.
  public static final String FILE = "llada-packed.json";

  /// There while a checkpoint is being packed: what is finished so far.
  public static final String JOURNAL = "llada-packed.journal";

  /// Version of the layout that is written, and the newest one that is read.
  public static final int VERSION = 2;

  public PackedManifest {
    files = List.copyOf(files);
  }

  /// Bytes of all files.
  public long bytes() {
    return files.stream().mapToLong(PackedFile::bytes).sum();
  }

  /// SHA-256 (hex) over config.json, layout and every file's checksum. Unlike an original's digest it covers every
  /// byte, and it differs between formats, so that processes of different formats never work together.
  public String digest(byte[] config) {
    MessageDigest sha256 = sha256();
    sha256.update(config);
    sha256.update(("packed " + VERSION).getBytes(StandardCharsets.UTF_8));
    for (PackedFile file : files) {
      sha256.update((file.name() + ' ' + file.sha256() + file.entries()).getBytes(StandardCharsets.UTF_8));
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  /// A fresh SHA-256.
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
