package io.llada.gateway.chat;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Who speaks. */
public enum Role {
  SYSTEM("system"), USER("user"), ASSISTANT("assistant"), TOOL("tool");

  private final String word;

  Role(String word) {
    this.word = word;
  }

  /** The role as requests and templates spell it. */
  public String word() {
    return word;
  }

  /**
   * The role with this word; "developer" is the newer word for system.
   *
   * @throws IllegalArgumentException naming the roles there are
   */
  public static Role of(String word) {
    if (word.equals("developer")) {
      return SYSTEM;
    }
    return Arrays.stream(values()).filter(role -> role.word.equals(word)).findFirst()
        .orElseThrow(() -> new IllegalArgumentException("the role is '" + word + "': must be one of "
            + Arrays.stream(values()).map(Role::word).collect(Collectors.joining(", "))));
  }
}
