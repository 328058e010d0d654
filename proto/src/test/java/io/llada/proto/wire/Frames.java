package io.llada.proto.wire;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Random;
import java.util.stream.IntStream;

/// Frames for tests.
final class Frames {
  static final int HIDDEN_SIZE = 24;

  private Frames() {}

  static Frame dispatch(long seed, ElementType type, int tokens, int pairs) {
    Random random = new Random(seed);
    float[] rows = new float[(tokens + 2) * HIDDEN_SIZE];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    int[] selected = IntStream.range(1, tokens + 1).toArray();
    int[] experts = random.ints(pairs, 0, 32).toArray();
    float[] weights = new float[pairs];
    for (int i = 0; i < pairs; i++) {
      weights[i] = random.nextFloat();
    }
    FrameHeader header = new FrameHeader(FrameKind.DISPATCH, type, 7, 1, 3, 11, 0, 0, FrameHeader.FLAG_BULK, 1_500_000,
        0, 0);
    return DispatchPayload.encode(header, new DispatchPayload.Rows(rows, selected, HIDDEN_SIZE),
        random.ints(pairs, 0, tokens).toArray(), experts, weights);
  }

  static ResultPayload.Sums result(long seed, int sums) {
    Random random = new Random(seed);
    float[] rows = new float[sums * HIDDEN_SIZE];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return new ResultPayload.Sums(random.ints(sums, 0, 9).toArray(), random.ints(sums, 0, 4).toArray(), rows);
  }

  static byte[] bytes(Frame frame) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      ((io.grpc.Drainable) new FrameMarshaller(0).stream(frame)).drainTo(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static Frame parse(byte[] bytes) {
    return new FrameMarshaller(1 << 20).parse(new ByteArrayInputStream(bytes));
  }

  static FrameError.Code defect(byte[] bytes) {
    Frame frame = parse(bytes);
    if (frame.header().kind() != FrameKind.MALFORMED) {
      throw new AssertionError("expected a malformed frame, found " + frame.header());
    }
    return FrameError.decode(frame).code();
  }
}
