package io.llada.cluster;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;

/// Leases and placement records as JSON bytes, the one form in which they leave the process.
///
/// Fields that a newer release added are ignored, so that releases can live side by side; a missing or impossible
/// value is a [RegistryValueException].
final class RecordCodec {
  // The largest known placement (flash, 248 shards, two owners) takes about 30 KB.
  private static final int MAX_BYTES = 1 << 20;

  private final ObjectMapper json = JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
      .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
      .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES).build();

  byte[] encode(Object leaseOrPlacement) {
    try {
      return json.writeValueAsBytes(leaseOrPlacement);
    } catch (IOException e) {
      throw new UncheckedIOException("records of numbers and texts can always be written", e);
    }
  }

  Lease decodeLease(byte[] value) {
    return decode(value, Lease.class);
  }

  PlacementRecord decodePlacement(byte[] value) {
    return decode(value, PlacementRecord.class);
  }

  private <T> T decode(byte[] value, Class<T> type) {
    if (value.length > MAX_BYTES) {
      throw new RegistryValueException(
          "a %s has at most %d bytes, found %d".formatted(type.getSimpleName(), MAX_BYTES, value.length), null);
    }
    try {
      T decoded = json.readValue(value, type);
      if (decoded == null) {
        throw new RegistryValueException("a " + type.getSimpleName() + " is null", null);
      }
      return decoded;
    } catch (IOException e) {
      throw new RegistryValueException("this is no " + type.getSimpleName() + ": " + e.getMessage(), e);
    }
  }
}
