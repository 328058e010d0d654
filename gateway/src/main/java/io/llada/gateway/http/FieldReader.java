package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.failure.GatewayException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Typed access to the fields of a JSON object from a stranger. A field that is null counts as absent, as OpenAI has it.
 * Every complaint names the field, what it holds and what it must hold.
 */
final class FieldReader {
  private static final BigInteger MAX_UNSIGNED = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
  private static final int MAX_SHOWN = 100;

  private final JsonNode object;
  private final String path;

  /** @param path where the object stands, for messages; empty for the whole body */
  FieldReader(JsonNode object, String path) {
    if (!object.isObject()) {
      throw GatewayException.invalid(path, (path.isEmpty() ? "the body" : path) + " is " + shown(object)
          + ": must be a JSON object");
    }
    this.object = object;
    this.path = path;
  }

  static String shown(JsonNode node) {
    String text = node.isTextual() || node.isValueNode() ? node.toString() : node.isArray() ? "an array" : "an object";
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "...";
  }

  String name(String field) {
    return path.isEmpty() ? field : path + "." + field;
  }

  Optional<JsonNode> find(String field) {
    JsonNode node = object.path(field);
    return node.isMissingNode() || node.isNull() ? Optional.empty() : Optional.of(node);
  }

  GatewayException wrong(String field, String expectation) {
    return GatewayException.invalid(name(field),
        "%s is %s: must be %s".formatted(name(field), shown(object.path(field)), expectation));
  }

  Optional<String> text(String field) {
    Optional<JsonNode> node = find(field);
    if (node.isPresent() && !node.get().isTextual()) {
      throw wrong(field, "a string");
    }
    return node.map(JsonNode::textValue);
  }

  Optional<Boolean> flag(String field) {
    Optional<JsonNode> node = find(field);
    if (node.isPresent() && !node.get().isBoolean()) {
      throw wrong(field, "true or false");
    }
    return node.map(JsonNode::booleanValue);
  }

  boolean isSet(String field) {
    return flag(field).orElse(false);
  }

  OptionalInt integer(String field, int min, int max) {
    Optional<JsonNode> node = find(field);
    if (node.isEmpty()) {
      return OptionalInt.empty();
    }
    if (!node.get().isIntegralNumber() || !isWithin(node.get(), BigDecimal.valueOf(min), BigDecimal.valueOf(max))) {
      throw wrong(field, "a whole number, %d .. %d".formatted(min, max));
    }
    return OptionalInt.of(node.get().intValue());
  }

  OptionalLong unsigned(String field) {
    Optional<JsonNode> node = find(field);
    if (node.isEmpty()) {
      return OptionalLong.empty();
    }
    if (!node.get().isIntegralNumber() || !isWithin(node.get(), BigDecimal.ZERO, new BigDecimal(MAX_UNSIGNED))) {
      throw wrong(field, "a whole number, 0 .. " + MAX_UNSIGNED);
    }
    return OptionalLong.of(node.get().bigIntegerValue().longValue());
  }

  OptionalDouble number(String field) {
    Optional<JsonNode> node = find(field);
    if (node.isPresent() && !node.get().isNumber()) {
      throw wrong(field, "a number");
    }
    return node.isPresent() ? OptionalDouble.of(node.get().doubleValue()) : OptionalDouble.empty();
  }

  private static boolean isWithin(JsonNode node, BigDecimal min, BigDecimal max) {
    return node.decimalValue().compareTo(min) >= 0 && node.decimalValue().compareTo(max) <= 0;
  }

  /** A string or an array of strings. */
  List<String> texts(String field) {
    Optional<JsonNode> node = find(field);
    if (node.isEmpty()) {
      return List.of();
    }
    if (node.get().isTextual()) {
      return List.of(node.get().textValue());
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode item : node.get()) {
      if (!item.isTextual()) {
        throw wrong(field, "a string or an array of strings");
      }
      texts.add(item.textValue());
    }
    if (!node.get().isArray()) {
      throw wrong(field, "a string or an array of strings");
    }
    return texts;
  }

  /** An array of at most so many items. */
  List<JsonNode> items(String field, int max) {
    Optional<JsonNode> node = find(field);
    if (node.isPresent() && !node.get().isArray()) {
      throw wrong(field, "an array");
    }
    if (node.isPresent() && node.get().size() > max) {
      throw GatewayException.invalid(name(field),
          "%s has %d items: at most %d".formatted(name(field), node.get().size(), max));
    }
    List<JsonNode> items = new ArrayList<>();
    node.ifPresent(array -> array.forEach(items::add));
    return items;
  }

  /** Refuses a field that would change the answer in a way that is not supported. */
  void refuseUnless(String field, boolean isHarmless, String supported) {
    if (find(field).isPresent() && !isHarmless) {
      throw GatewayException.invalid(name(field),
          "%s is %s, which is not supported: %s".formatted(name(field), shown(object.path(field)), supported));
    }
  }

  /** Refuses fields that nobody knows: a misspelt setting must not be ignored in silence. */
  void refuseOthers(Set<String> known) {
    object.fieldNames().forEachRemaining(field -> {
      if (!known.contains(field)) {
        String cut = field.length() <= MAX_SHOWN ? field : field.substring(0, MAX_SHOWN) + "...";
        throw GatewayException.invalid(name(cut), "unknown field '" + name(cut) + "'");
      }
    });
  }
}
