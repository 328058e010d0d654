package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.checkpoint.ComputedPart;
import io.llada.model.checkpoint.PartContent;
import io.llada.model.kernel.ComputePool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/// Writes safetensors parts, in pieces that are made and written by all threads at once: memory holds one piece per
/// thread, whatever the size of a tensor.
final class PartWriter {
  private static final int PIECE_BYTES = 1 << 20;
  private static final int ALIGNMENT = 8;

  private final ComputePool pool;

  PartWriter(ComputePool pool) {
    this.pool = pool;
  }

  static long bytes(List<Integer> dimensions) {
    return dimensions.stream().mapToLong(Integer::longValue).reduce(Short.BYTES, Math::multiplyExact);
  }

  /// Writes a part into a directory that has none of its name.
  void write(Path directory, ComputedPart part) throws IOException {
    byte[] header = header(part.tensors());
    try (FileChannel channel = FileChannel.open(directory.resolve(part.file()), StandardOpenOption.WRITE,
        StandardOpenOption.CREATE_NEW)) {
      ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length).order(ByteOrder.LITTLE_ENDIAN);
      writeAll(channel, start.putLong(header.length).put(header).flip(), 0);
      write(channel, start.capacity(), part.content());
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static byte[] header(Map<String, List<Integer>> tensors) {
    ObjectNode root = JsonLines.JSON.createObjectNode();
    root.putObject("__metadata__").put("format", "pt");
    long offset = 0;
    for (Map.Entry<String, List<Integer>> tensor : tensors.entrySet()) {
      ObjectNode entry = root.putObject(tensor.getKey()).put("dtype", "BF16");
      tensor.getValue().forEach(entry.putArray("shape")::add);
      entry.putArray("data_offsets").add(offset).add(offset += bytes(tensor.getValue()));
    }
    String json = root.toString();
    return (json + " ".repeat((ALIGNMENT - json.length() % ALIGNMENT) % ALIGNMENT)).getBytes(StandardCharsets.UTF_8);
  }

  private void write(FileChannel channel, long at, PartContent content) {
    int pieces = Math.toIntExact(Math.ceilDiv(content.bytes(), PIECE_BYTES));
    pool.forEach(pieces, PIECE_BYTES, piece -> {
      long from = (long) piece * PIECE_BYTES;
      long bytes = Math.min(PIECE_BYTES, content.bytes() - from);
      try {
        writeAll(channel, content.read(from, bytes).asByteBuffer(), at + from);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  private static void writeAll(FileChannel channel, ByteBuffer buffer, long at) throws IOException {
    long position = at;
    while (buffer.hasRemaining()) {
      position += channel.write(buffer, position);
    }
  }
}
