package io.llada.gateway.json;

/** Finds UTF-16 code units that belong to no character. */
public final class Surrogates {
  private Surrogates() {}

  /** Index of the first lone surrogate, or -1 as {@link String#indexOf(int)} says "none". */
  public static int firstLone(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      boolean paired = Character.isHighSurrogate(c) && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1));
      if (!paired) {
        return i;
      }
      i++;
    }
    return -1;
  }
}
