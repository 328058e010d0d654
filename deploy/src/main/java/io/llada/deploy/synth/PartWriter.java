package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
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

/// Writes one safetensors part, in pieces that are made and written by all threads at once: memory holds one piece per
/// thread, whatever the size of a tensor.
final class PartWriter {
  /// Elements of a piece.
  private static final int PIECE = 1 << 19;
  private static final int ALIGNMENT = 8;

  private final SyntheticWeights weights;
  private final ComputePool pool;

  PartWriter(SyntheticWeights weights, ComputePool pool) {
    this.weights = weights;
    this.pool = pool;
  }

  static long bytes(List<Integer> dimensions) {
    return dimensions.stream().mapToLong(Integer::longValue).reduce(Short.BYTES, Math::multiplyExact);
  }

  /// Writes a part that holds these tensors, in their order.
  ///
  /// @param tensors dimensions by name
  void write(Path file, Map<String, List<Integer>> tensors) throws IOException {
    byte[] header = header(tensors);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
      ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length).order(ByteOrder.LITTLE_ENDIAN);
      writeAll(channel, start.putLong(header.length).put(header).flip(), 0);
      long at = start.capacity();
      for (Map.Entry<String, List<Integer>> tensor : tensors.entrySet()) {
        long place = 0;
        for (SyntheticWeights.Run run : weights.runs(tensor.getKey(), tensor.getValue())) {
          writeRun(channel, at + place * Short.BYTES, place, run);
          place += run.count();
        }
        at += bytes(tensor.getValue());
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static byte[] header(Map<String, List<Integer>> tensors) throws IOException {
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

  private void writeRun(FileChannel channel, long at, long place, SyntheticWeights.Run run) throws IOException {
    switch (run.filling()) {
      case SyntheticWeights.Filling.Given given -> {
        ByteBuffer buffer = ByteBuffer.allocate(given.values().length * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : given.values()) {
          buffer.putShort(NormalNumbers.bfloat16(value));
        }
        writeAll(channel, buffer.flip(), at);
      }
      case SyntheticWeights.Filling.Random random -> {
        int pieces = Math.toIntExact((run.count() + PIECE - 1) / PIECE);
        pool.forEach(pieces, PIECE, piece -> {
          long from = (long) piece * PIECE;
          int count = (int) Math.min(PIECE, run.count() - from);
          byte[] bytes = new byte[count * Short.BYTES];
          random.numbers().fill(random.stream(), place + from, bytes, count);
          try {
            writeAll(channel, ByteBuffer.wrap(bytes), at + from * Short.BYTES);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
      }
    }
  }

  private static void writeAll(FileChannel channel, ByteBuffer buffer, long at) throws IOException {
    long position = at;
    while (buffer.hasRemaining()) {
      position += channel.write(buffer, position);
    }
  }
}
