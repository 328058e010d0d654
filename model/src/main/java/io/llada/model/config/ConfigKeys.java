package io.llada.model.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.files.CheckpointException;
import java.util.OptionalInt;

/// Typed, range-checked access to the keys of one config.json. Every complaint names file and key.
record ConfigKeys(String file, JsonNode root) {
  boolean has(String key) {
    return root.hasNonNull(key);
  }

  int integer(String key, int min, int max) {
    JsonNode value = required(key);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < min || value.intValue() > max) {
      throw refuse(key, "an integer from %d to %d".formatted(min, max), value.toString());
    }
    return value.intValue();
  }

  OptionalInt optionalInteger(String key, int min, int max) {
    return has(key) ? OptionalInt.of(integer(key, min, max)) : OptionalInt.empty();
  }

  double number(String key, double min, double max) {
    JsonNode value = required(key);
    if (!value.isNumber() || !(value.doubleValue() >= min && value.doubleValue() <= max)) {
      throw refuse(key, "a number from %s to %s".formatted(min, max), value.toString());
    }
    return value.doubleValue();
  }

  String text(String key) {
    JsonNode value = required(key);
    if (!value.isTextual()) {
      throw refuse(key, "a string", value.toString());
    }
    return value.textValue();
  }

  /// Where the key is present it must hold exactly this value: anything else is arithmetic that is not implemented.
  void mustBe(String key, Object expected) {
    if (!has(key)) {
      return;
    }
    JsonNode value = root.get(key);
    boolean equal = switch (expected) {
      case Boolean flag -> value.isBoolean() && value.booleanValue() == flag;
      case Number number -> value.isNumber() && value.doubleValue() == number.doubleValue();
      default -> value.isTextual() && value.textValue().equals(expected);
    };
    if (!equal) {
      throw refuse(key, String.valueOf(expected), value.toString());
    }
  }

  /// Where the key is present it must be null.
  void mustBeNull(String key) {
    if (has(key)) {
      throw refuse(key, "null", root.get(key).toString());
    }
  }

  private JsonNode required(String key) {
    if (!has(key)) {
      throw new CheckpointException("%s: key '%s' is missing".formatted(file, key));
    }
    return root.get(key);
  }

  CheckpointException refuse(String key, String expected, String found) {
    return new CheckpointException("%s: key '%s': expected %s, found %s".formatted(file, key, expected, found));
  }
}
