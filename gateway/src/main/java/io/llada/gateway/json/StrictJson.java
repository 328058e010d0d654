package io.llada.gateway.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Reads JSON from strangers: strict UTF-8, no duplicate keys, no lone surrogates, no trailing text, bounded depth, and
 * numbers that a double can hold. Thread-safe.
 */
public final class StrictJson {
  /** Deepest nesting of arrays and objects. */
  public static final int MAX_DEPTH = 64;
  /** Longest number, in characters. */
  public static final int MAX_NUMBER_LENGTH = 128;
  private static final int MAX_NAME_LENGTH = 4096;

  private static final ObjectMapper MAPPER = JsonMapper
      .builder(JsonFactory.builder()
          .streamReadConstraints(StreamReadConstraints.builder()
              .maxNestingDepth(MAX_DEPTH)
              .maxNumberLength(MAX_NUMBER_LENGTH)
              .maxNameLength(MAX_NAME_LENGTH)
              .maxStringLength(Integer.MAX_VALUE) // the bytes were counted before
              .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build())
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
      .build();

  private StrictJson() {}

  /** @throws InvalidJsonException when the bytes are not UTF-8 (naming the offset) or not acceptable JSON */
  public static JsonNode parse(byte[] utf8) throws InvalidJsonException {
    return parse(decode(utf8));
  }

  /** @throws InvalidJsonException when the text is not acceptable JSON */
  public static JsonNode parse(String text) throws InvalidJsonException {
    JsonNode tree;
    try {
      tree = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new InvalidJsonException("not valid JSON: " + withoutSource(e.getOriginalMessage()) + at(e.getLocation()));
    }
    if (tree == null || tree.isMissingNode()) {
      throw new InvalidJsonException("not valid JSON: the text is empty");
    }
    check(tree);
    return tree;
  }

  // Jackson names its source and its own switches, which say nothing to the sender.
  private static String withoutSource(String message) {
    return message.replaceFirst(", from `[^`]*`", "").replaceFirst("(?s)( \\(start marker at |: enable `).*$", "");
  }

  private static String at(JsonLocation location) {
    return location == null ? "" : " at line " + location.getLineNr() + ", column " + location.getColumnNr();
  }

  private static String decode(byte[] utf8) throws InvalidJsonException {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(utf8);
    CharBuffer out = CharBuffer.allocate(utf8.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      throw new InvalidJsonException("not valid UTF-8: the byte at offset " + in.position() + " is wrong");
    }
    return out.flip().toString();
  }

  // Depth is bounded by the parser, so recursion is too.
  private static void check(JsonNode node) throws InvalidJsonException {
    if (node.isTextual()) {
      checkText(node.textValue());
    } else if (node.isNumber() && !Double.isFinite(node.doubleValue())) {
      throw new InvalidJsonException(
          "not valid JSON: the number " + node.asText() + " is out of range: at most 1.8e308");
    }
    for (var field : node.properties()) {
      checkText(field.getKey());
    }
    for (JsonNode child : node) {
      check(child);
    }
  }

  private static void checkText(String text) throws InvalidJsonException {
    int index = Surrogates.firstLone(text);
    if (index >= 0) {
      throw new InvalidJsonException(
          "not valid text: a string holds the lone surrogate U+%04X at character %d, which no text has"
              .formatted((int) text.charAt(index), index));
    }
  }
}
