package io.llada.proto.wire;

import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;

/// Frames as gRPC messages. Out: header and payload are drained straight into the transport's buffer. In: one copy
/// into a heap array whose size was checked before.
///
/// A defect does not throw, because gRPC would turn that into an anonymous failure: the parser returns a frame of kind
/// [FrameKind#MALFORMED].
public final class FrameMarshaller implements MethodDescriptor.Marshaller<Frame> {
  private final int maxPayloadBytes;

  public FrameMarshaller(int maxPayloadBytes) {
    this.maxPayloadBytes = maxPayloadBytes;
  }

  @Override
  public InputStream stream(Frame frame) {
    return new FrameStream(frame);
  }

  @Override
  public Frame parse(InputStream stream) {
    try {
      return read(stream);
    } catch (FrameException e) {
      return Frame.malformed(e.error());
    } catch (IOException e) {
      throw new UncheckedIOException("gRPC hands messages over whole, so reading one cannot fail", e);
    }
  }

  private Frame read(InputStream stream) throws IOException {
    byte[] encoded = new byte[FrameHeader.BYTES];
    int read = stream.readNBytes(encoded, 0, encoded.length);
    if (read < encoded.length) {
      throw FrameException.badRequest("a frame has at least %d bytes, found %d", FrameHeader.BYTES, read);
    }
    FrameHeader header = FrameHeader.decode(encoded, maxPayloadBytes);
    int present = stream instanceof KnownLength ? stream.available() : header.payloadLength();
    if (present != header.payloadLength()) {
      throw FrameException.badRequest("the header announces %d payload bytes, found %d", header.payloadLength(),
          present);
    }
    byte[] payload = new byte[header.payloadLength()];
    int found = stream.readNBytes(payload, 0, payload.length);
    if (found < payload.length || stream.read() >= 0) {
      throw FrameException.badRequest("the header announces %d payload bytes, found %s", payload.length,
          found < payload.length ? found : "more");
    }
    return new Frame(header, ByteBuffer.wrap(payload));
  }

  private static final class FrameStream extends InputStream implements KnownLength, Drainable {
    private final byte[] header;
    private final ByteBuffer payload;
    private final InputStream bytes;
    private int left;

    FrameStream(Frame frame) {
      header = frame.header().encode();
      payload = frame.payload();
      left = header.length + payload.remaining();
      bytes = new SequenceInputStream(new ByteArrayInputStream(header), new ByteArrayInputStream(payload.array(),
          payload.arrayOffset() + payload.position(), payload.remaining()));
    }

    @Override
    public int drainTo(OutputStream target) throws IOException {
      if (left != header.length + payload.remaining()) {
        throw new IOException("a frame is either drained whole or read, not both");
      }
      target.write(header);
      target.write(payload.array(), payload.arrayOffset() + payload.position(), payload.remaining());
      int drained = left;
      left = 0;
      return drained;
    }

    @Override
    public int read() throws IOException {
      int value = left == 0 ? -1 : bytes.read();
      left -= value < 0 ? 0 : 1;
      return value;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int count = left == 0 ? -1 : bytes.read(target, offset, length);
      left -= Math.max(0, count);
      return count;
    }

    @Override
    public int available() {
      return left;
    }
  }
}
