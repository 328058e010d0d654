package io.llada.gateway.generation;

import io.llada.gateway.chat.Conversation;

/** What to continue. */
public sealed interface Prompt {
  /** A conversation, rendered with the model's chat format. */
  record Chat(Conversation conversation) implements Prompt {}

  /** Raw text, continued as it is; special-token text in it is plain text. */
  record Text(String text) implements Prompt {}

  /** Token ids as they are; not to be changed. The mask token's id is refused. */
  record Tokens(int[] ids) implements Prompt {}
}
