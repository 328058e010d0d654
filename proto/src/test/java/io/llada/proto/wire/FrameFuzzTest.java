package io.llada.proto.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/// Mutated frames: each is refused with a typed error or read whole, and nothing else happens.
class FrameFuzzTest {
  private static final int MUTATIONS = 200_000;
  private static final int HEADER_CHECKSUM_OFFSET = 60;

  @Test
  void noMutationDoesMoreThanATypedError() {
    long seed = 20_261_122;
    Random random = new Random(seed);
    List<byte[]> originals = originals();
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] mutated = mutate(random, originals.get(i % originals.size()));
      refused += isRefused(mutated, "seed " + seed + " mutation " + i) ? 1 : 0;
    }
    assertThat(refused).isBetween(MUTATIONS / 10, MUTATIONS - MUTATIONS / 100);
  }

  private static List<byte[]> originals() {
    return List.of(Frames.bytes(Frames.dispatch(1, ElementType.F32, 3, 5)),
        Frames.bytes(Frames.dispatch(2, ElementType.BF16, 3, 5)),
        Frames.bytes(Frames.result(3, 4).encode(Frames.dispatch(4, ElementType.BF16, 1, 1).header(), 1)),
        Frames.bytes(new Hello("digest", ElementType.F32, Frames.HIDDEN_SIZE, "coordinator").encode()),
        Frames.bytes(new HelloAck("node", "life", 2, 64, 1).encode()),
        Frames.bytes(Frame.closing(FrameError.of(FrameError.Code.INTERNAL, "broken"))),
        Frames.bytes(Frame.ping(3, 1)), Frames.bytes(Frame.cancel(5)));
  }

  private static byte[] mutate(Random random, byte[] original) {
    int length = random.nextInt(4) > 0 ? original.length : random.nextInt(original.length + 8);
    byte[] mutated = Arrays.copyOf(original, length);
    for (int change = random.nextInt(4); change >= 0 && length > 0; change--) {
      int at = random.nextInt(length);
      mutated[at] = random.nextBoolean() ? (byte) random.nextInt() : (byte) (mutated[at] ^ 1 << random.nextInt(8));
    }
    // Half of them with a matching checksum, so that the checks behind the checksum are reached as well.
    if (random.nextBoolean() && length >= FrameHeader.BYTES) {
      CRC32C crc = new CRC32C();
      crc.update(mutated, 0, HEADER_CHECKSUM_OFFSET);
      ByteBuffer.wrap(mutated).order(ByteOrder.LITTLE_ENDIAN).putInt(HEADER_CHECKSUM_OFFSET, (int) crc.getValue());
    }
    return mutated;
  }

  private static boolean isRefused(byte[] bytes, String replay) {
    try {
      Frame frame = Frames.parse(bytes);
      switch (frame.header().kind()) {
        case DISPATCH -> DispatchPayload.decode(frame, Frames.HIDDEN_SIZE);
        case RESULT -> ResultPayload.decode(frame, Frames.HIDDEN_SIZE);
        case HELLO -> Hello.decode(frame);
        case HELLO_ACK -> HelloAck.decode(frame);
        case ERROR, MALFORMED -> FrameError.decode(frame);
        case PING, CREDIT -> frame.number();
        case CANCEL -> frame.budget();
      }
      return frame.header().kind() == FrameKind.MALFORMED;
    } catch (FrameException e) {
      assertThat(e.error().message()).isNotBlank();
      return true;
    } catch (RuntimeException e) {
      throw new AssertionError("a defect must be a FrameException: " + replay, e);
    }
  }
}
