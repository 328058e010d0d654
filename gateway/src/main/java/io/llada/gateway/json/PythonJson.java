package io.llada.gateway.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;

/**
 * Writes JSON as Python's {@code json.dumps(value, ensure_ascii=False)} does, which is what the {@code tojson} filter
 * of Hugging Face chat templates means: ", " and ": " between things, non-ASCII kept, keys in their order. Models were
 * trained on this exact form, so another spacing is another prompt.
 */
public final class PythonJson {
  private PythonJson() {}

  public static String write(JsonNode node) {
    StringBuilder out = new StringBuilder();
    append(node, out);
    return out.toString();
  }

  private static void append(JsonNode node, StringBuilder out) {
    switch (node.getNodeType()) {
      case OBJECT -> appendObject(node, out);
      case ARRAY -> appendArray(node, out);
      case STRING -> appendText(node.textValue(), out);
      case NUMBER -> out.append(number(node));
      case BOOLEAN -> out.append(node.booleanValue());
      case NULL -> out.append("null");
      default -> throw new IllegalArgumentException("no JSON for " + node.getNodeType());
    }
  }

  private static void appendObject(JsonNode node, StringBuilder out) {
    out.append('{');
    String separator = "";
    for (var field : node.properties()) {
      out.append(separator);
      appendText(field.getKey(), out);
      out.append(": ");
      append(field.getValue(), out);
      separator = ", ";
    }
    out.append('}');
  }

  private static void appendArray(JsonNode node, StringBuilder out) {
    out.append('[');
    String separator = "";
    for (JsonNode item : node) {
      out.append(separator);
      append(item, out);
      separator = ", ";
    }
    out.append(']');
  }

  private static void appendText(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\f' -> out.append("\\f");
        case '\b' -> out.append("\\b");
        default -> {
          if (c < 0x20) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  private static String number(JsonNode node) {
    return node.isIntegralNumber() ? node.bigIntegerValue().toString() : pythonFloat(node.doubleValue());
  }

  // repr(float): the shortest digits that read back the same, with an exponent only below 1e-4 and from 1e16 on.
  static String pythonFloat(double value) {
    if (value == 0) {
      return "0.0"; // JSON numbers reach us as decimals, which know no negative zero
    }
    BigDecimal shortest = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = shortest.toPlainString();
      return plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }
    String digits = shortest.unscaledValue().abs().toString();
    String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
    return (value < 0 ? "-" : "") + mantissa + "e" + (exponent < 0 ? "-" : "+")
        + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
  }
}
