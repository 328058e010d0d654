package io.llada.gateway.chat;

import io.llada.gateway.tokenizer.StreamingDecoder;
import io.llada.gateway.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Conversations and texts to prompt ids, and answer ids to text, for the model in one directory. Thread-safe.
 */
public final class PromptEncoder implements AutoCloseable {
  private static final List<String> MASK_TOKENS = List.of("<|mask|>", "<|mdm_mask|>");
  private static final String END_OF_TEXT = "<|endoftext|>";

  private final Tokenizer tokenizer;
  private final Optional<ChatFormat> chatFormat;

  private PromptEncoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    this.chatFormat = ChatFormat.of(token -> tokenizer.findControlToken(token).isPresent());
  }

  /** @throws IOException when the directory has no usable tokenizer.json */
  public static PromptEncoder load(Path modelDirectory) throws IOException {
    return new PromptEncoder(Tokenizer.load(modelDirectory));
  }

  /**
   * The conversation, rendered with the model's chat format, up to where the answer begins.
   *
   * @throws IllegalArgumentException when the model has no chat format or the format cannot say it
   */
  public int[] encode(Conversation conversation) {
    ChatFormat format = chatFormat.orElseThrow(() -> new IllegalArgumentException(
        "the model has no known chat format: send a prompt instead of messages"));
    return format.render(conversation).stream().flatMapToInt(this::encode).toArray();
  }

  private IntStream encode(Segment segment) {
    return switch (segment) {
      case Segment.Control control -> IntStream.of(tokenizer.controlToken(control.token()));
      case Segment.Text text -> IntStream.of(tokenizer.encodeText(text.text()));
    };
  }

  /** Raw text, without a chat format; see {@link Tokenizer#encodeText}. */
  public int[] encode(String text) {
    return tokenizer.encodeText(text);
  }

  /** Text of an answer; see {@link Tokenizer#decode}. */
  public String decode(int... ids) {
    return tokenizer.decode(ids);
  }

  /** A decoder for one answer that comes in pieces. */
  public StreamingDecoder streamingDecoder() {
    return new StreamingDecoder(tokenizer);
  }

  /** Ids after which an answer is over: the chat format's turn ends and the end of text. */
  public Set<Integer> endTokens() {
    List<String> turnEnds = chatFormat.map(ChatFormat::turnEndTokens).orElse(List.of());
    return Stream.concat(turnEnds.stream(), Stream.of(END_OF_TEXT))
        .map(tokenizer::findControlToken).flatMap(Optional::stream).collect(Collectors.toUnmodifiableSet());
  }

  /** The mask token, where the tokenizer names it in one of the known ways. */
  public Optional<Integer> maskToken() {
    return MASK_TOKENS.stream().map(tokenizer::findControlToken).flatMap(Optional::stream).findFirst();
  }

  public Optional<ChatFormat> chatFormat() {
    return chatFormat;
  }

  public Tokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
