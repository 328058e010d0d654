package io.llada.gateway.chat;

/** A piece of a rendered prompt: the type, not the spelling, says whether it is a control token. */
public sealed interface Segment {
  /** One control token, by its string. */
  record Control(String token) implements Segment {}

  /** Text to be encoded as text, whatever it spells. Never empty, never next to another text. */
  record Text(String text) implements Segment {}
}
