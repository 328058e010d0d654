package io.llada.model.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// A copy of the bundled checkpoint that a test takes apart and puts together again, whole or damaged.
public record CheckpointCopy(Path directory) {
  public static final Path TINY_MODEL = Path.of("../deploy/models/llada2-tiny-chat");
  public static final String INDEX = "model.safetensors.index.json";
  private static final ObjectMapper JSON = new ObjectMapper();

  /// A tensor as it lies in a part.
  public record Tensor(String dtype, List<Integer> shape, byte[] bytes) {
    /// The same numbers, BF16 made F32.
    public Tensor toF32() {
      if (dtype.equals("F32")) {
        return this;
      }
      ByteBuffer target = ByteBuffer.allocate(bytes.length * 2).order(ByteOrder.LITTLE_ENDIAN);
      ByteBuffer source = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      while (source.hasRemaining()) {
        target.putInt(source.getShort() << 16);
      }
      return new Tensor("F32", shape, target.array());
    }
  }

  public static String partName(int part) {
    return "model-0000%d-of-00003.safetensors".formatted(part);
  }

  public static CheckpointCopy of(Path directory) throws IOException {
    for (String file : List.of("config.json", "tokenizer_config.json", INDEX, partName(1), partName(2), partName(3))) {
      Files.copy(TINY_MODEL.resolve(file), directory.resolve(file));
    }
    return new CheckpointCopy(directory);
  }

  public Path file(String name) {
    return directory.resolve(name);
  }

  public void changeConfig(Consumer<ObjectNode> change) throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(file("config.json").toFile());
    change.accept(config);
    JSON.writeValue(file("config.json").toFile(), config);
  }

  /// Changes the map from tensor to part.
  public void changeIndex(Consumer<ObjectNode> change) throws IOException {
    ObjectNode index = (ObjectNode) JSON.readTree(file(INDEX).toFile());
    change.accept((ObjectNode) index.get("weight_map"));
    JSON.writeValue(file(INDEX).toFile(), index);
  }

  /// The part that holds a tensor.
  public String partOf(String tensor) throws IOException {
    return JSON.readTree(file(INDEX).toFile()).get("weight_map").get(tensor).asText();
  }

  /// Changes a part's header as JSON; the data stays.
  public void changeHeader(String part, Consumer<ObjectNode> change) throws IOException {
    byte[] bytes = Files.readAllBytes(file(part));
    int length = headerLength(bytes);
    ObjectNode header = (ObjectNode) JSON.readTree(bytes, 8, length);
    change.accept(header);
    replaceHeader(part, JSON.writeValueAsBytes(header));
  }

  /// Replaces a part's header by any bytes; the data stays.
  public void replaceHeader(String part, byte[] header) throws IOException {
    byte[] bytes = Files.readAllBytes(file(part));
    ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length + header.length);
    out.writeBytes(littleEndian(header.length));
    out.writeBytes(header);
    int data = 8 + headerLength(bytes);
    out.write(bytes, data, bytes.length - data);
    Files.write(file(part), out.toByteArray());
  }

  /// Overwrites the length that a part states for its header.
  public void stateHeaderLength(String part, long length) throws IOException {
    byte[] bytes = Files.readAllBytes(file(part));
    System.arraycopy(littleEndian(length), 0, bytes, 0, 8);
    Files.write(file(part), bytes);
  }

  /// Overwrites one element of a tensor with the bits of an F32, cut to the tensor's format.
  public void setElement(String tensor, int index, float value) throws IOException {
    String part = partOf(tensor);
    byte[] bytes = Files.readAllBytes(file(part));
    int header = headerLength(bytes);
    JsonNode entry = JSON.readTree(bytes, 8, header).get(tensor);
    int begin = 8 + header + entry.get("data_offsets").get(0).asInt();
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (entry.get("dtype").asText().equals("BF16")) {
      buffer.putShort(begin + 2 * index, (short) (Float.floatToIntBits(value) >>> 16));
    } else {
      buffer.putFloat(begin + 4 * index, value);
    }
    Files.write(file(part), bytes);
  }

  public Map<String, Tensor> tensors(String part) throws IOException {
    byte[] bytes = Files.readAllBytes(file(part));
    int header = headerLength(bytes);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : JSON.readTree(bytes, 8, header).properties()) {
      if (!field.getKey().equals("__metadata__")) {
        JsonNode entry = field.getValue();
        int begin = 8 + header + entry.get("data_offsets").get(0).asInt();
        int end = 8 + header + entry.get("data_offsets").get(1).asInt();
        List<Integer> shape = JSON.convertValue(entry.get("shape"), JSON.getTypeFactory().constructCollectionType(
            List.class, Integer.class));
        tensors.put(field.getKey(), new Tensor(entry.get("dtype").asText(), shape, Arrays.copyOfRange(bytes, begin,
            end)));
      }
    }
    return tensors;
  }

  /// The tensors of all parts.
  public Map<String, Tensor> tensors() throws IOException {
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (int part = 1; part <= 3; part++) {
      all.putAll(tensors(partName(part)));
    }
    return all;
  }

  /// Writes a well-formed part.
  public void writePart(String part, Map<String, Tensor> tensors) throws IOException {
    ObjectNode header = JSON.createObjectNode();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach((name, tensor) -> {
      ObjectNode entry = header.putObject(name).put("dtype", tensor.dtype());
      tensor.shape().forEach(entry.putArray("shape")::add);
      entry.putArray("data_offsets").add(data.size()).add(data.size() + tensor.bytes().length);
      data.writeBytes(tensor.bytes());
    });
    byte[] json = JSON.writeValueAsBytes(header);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(littleEndian(json.length));
    out.writeBytes(json);
    data.writeTo(out);
    Files.write(file(part), out.toByteArray());
  }

  /// Takes a tensor out of its part and of the index.
  public void remove(String tensor) throws IOException {
    String part = partOf(tensor);
    Map<String, Tensor> tensors = tensors(part);
    tensors.remove(tensor);
    writePart(part, tensors);
    changeIndex(index -> index.remove(tensor));
  }

  /// Adds a tensor to the first part, not to the index.
  public void addToFirstPart(String tensor) throws IOException {
    Map<String, Tensor> tensors = tensors(partName(1));
    tensors.put(tensor, new Tensor("BF16", List.of(2), new byte[4]));
    writePart(partName(1), tensors);
  }

  private static int headerLength(byte[] part) {
    return (int) ByteBuffer.wrap(part).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private static byte[] littleEndian(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }
}
