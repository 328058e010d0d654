package io.llada.gateway.http;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Requests by the key their clients gave them: one that is under way is not begun twice, one that was answered in one
 * piece is answered again from memory for {@link #KEPT_FOR}. Bounded; the oldest answers go first. Thread-safe.
 */
final class IdempotencyKeys {
  static final Duration KEPT_FOR = Duration.ofMinutes(10);
  static final int MOST_ANSWERS = 1_000;
  static final long MOST_CHARACTERS = 8 << 20;
  private static final int LONGEST_KEY = 255;

  private final LongSupplier nanoClock;
  private final Map<String, Entry> entries = new LinkedHashMap<>(); // answered ones in the order of their answers
  private int answers;
  private long characters;

  private record Entry(String fingerprint, Optional<String> answer, long nanos) {}

  /** @param nanoClock a monotonic clock in nanoseconds */
  IdempotencyKeys(LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
  }

  /**
   * Begins a request under a key, unless it was answered already.
   *
   * @return the answer, if it is known; otherwise {@link #answered} or {@link #forget} must follow
   * @throws GatewayException CONFLICT when a request is under way under the key, INVALID when it was another request's
   */
  synchronized Optional<String> begin(String key, byte[] body) {
    if (key.isEmpty() || key.length() > LONGEST_KEY) {
      throw GatewayException.invalid("Idempotency-Key",
          "Idempotency-Key has %d characters: must be 1 .. %d".formatted(key.length(), LONGEST_KEY));
    }
    dropOld();
    String fingerprint = fingerprint(body);
    Entry known = entries.get(key);
    if (known == null) {
      entries.put(key, new Entry(fingerprint, Optional.empty(), nanoClock.getAsLong()));
      return Optional.empty();
    }
    if (!known.fingerprint().equals(fingerprint)) {
      throw GatewayException.invalid("Idempotency-Key",
          "this Idempotency-Key was given to a request with another body: use a new one");
    }
    if (known.answer().isEmpty()) {
      throw new GatewayException(Reason.CONFLICT, "a request with this Idempotency-Key is under way: try again later");
    }
    return known.answer();
  }

  /** Keeps the answer for whoever asks again. */
  synchronized void answered(String key, String answer) {
    Entry begun = entries.remove(key);
    entries.put(key, new Entry(begun.fingerprint(), Optional.of(answer), nanoClock.getAsLong()));
    answers++;
    characters += answer.length();
    dropOld();
  }

  /** The request ended without an answer to keep; harmless when it has one. */
  synchronized void forget(String key) {
    Entry known = entries.get(key);
    if (known != null && known.answer().isEmpty()) {
      entries.remove(key);
    }
  }

  private static String fingerprint(byte[] body) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private void dropOld() {
    Iterator<Entry> oldest = entries.values().iterator();
    while (oldest.hasNext()) {
      Entry entry = oldest.next();
      boolean isTooMuch = answers > MOST_ANSWERS || characters > MOST_CHARACTERS;
      boolean isOld = nanoClock.getAsLong() - entry.nanos() > KEPT_FOR.toNanos();
      if (entry.answer().isPresent() && (isTooMuch || isOld)) {
        oldest.remove();
        answers--;
        characters -= entry.answer().get().length();
      }
    }
  }
}
