package io.llada.deploy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// A TCP connection's worst moments: stands between a coordinator and a node, passes bytes on, and delays, stalls,
/// changes, loses or cuts them when told to. Without a node behind it, it refuses as a dead machine does.
final class FaultProxy implements AutoCloseable {
  private static final String HOST = "127.0.0.1";
  private static final int CHUNK = 64 << 10;
  private static final int CONNECT_MILLIS = 2_000;
  private static final Duration STALL_STEP = Duration.ofMillis(5);

  /// Which way bytes go.
  enum Direction {
    TO_NODE, FROM_NODE
  }

  private final ServerSocket server;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final Set<Direction> stalled = ConcurrentHashMap.newKeySet();
  private final AtomicInteger toCorrupt = new AtomicInteger();
  private final Random random;
  private volatile Optional<InetSocketAddress> node = Optional.empty();
  private volatile Optional<Set<Long>> admitted = Optional.empty();
  private volatile Duration delay = Duration.ZERO;
  private volatile Duration jitter = Duration.ZERO;

  /// @param seed of delays and of the bits that are changed
  FaultProxy(long seed) {
    random = new Random(seed);
    try {
      server = new ServerSocket(0, CHUNK, InetAddress.getByName(HOST));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().name("fault-proxy").start(this::accept);
  }

  String endpoint() {
    return HOST + ":" + server.getLocalPort();
  }

  /// Passes new connections on to a node.
  ///
  /// @param endpoint `host:port`
  void leadTo(String endpoint) {
    String[] parts = endpoint.split(":");
    node = Optional.of(new InetSocketAddress(parts[0], Integer.parseInt(parts[1])));
  }

  /// Each piece takes this long, and up to `more` longer.
  void delay(Duration each, Duration more) {
    delay = each;
    jitter = more;
  }

  /// Holds everything back in these directions, until [#flow].
  void stall(Direction... directions) {
    stalled.addAll(Set.of(directions));
  }

  void flow() {
    stalled.clear();
  }

  /// Cuts every connection with a RST.
  void reset() {
    sockets.forEach(FaultProxy::cut);
  }

  /// From now on lets only these processes through, and cuts the connections of all others.
  ///
  /// @param processes their ids
  void admitOnly(Set<Long> processes) {
    admitted = Optional.of(processes);
    sockets.stream().filter(socket -> socket.getLocalPort() == server.getLocalPort())
        .filter(caller -> !SocketOwner.isAmong(processes, caller)).forEach(FaultProxy::cut);
  }

  void admitAll() {
    admitted = Optional.empty();
  }

  /// Changes one bit in each of the next large pieces from the node.
  void corrupt(int pieces) {
    toCorrupt.set(pieces);
  }

  int leftToCorrupt() {
    return toCorrupt.get();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket caller = server.accept();
        sockets.add(caller);
        Thread.ofVirtual().name("fault-proxy-connection").start(() -> connect(caller));
      } catch (IOException e) {
        // Closed, or the caller went away before it was served.
        Thread.onSpinWait();
      }
    }
  }

  private void connect(Socket caller) {
    Socket behind = new Socket();
    sockets.add(behind);
    try {
      if (admitted.isPresent() && !SocketOwner.isAmong(admitted.get(), caller)) {
        throw new IOException("not admitted");
      }
      behind.connect(node.orElseThrow(() -> new IOException("no node")), CONNECT_MILLIS);
      caller.setTcpNoDelay(true);
      behind.setTcpNoDelay(true);
      Thread.ofVirtual().name("fault-proxy-back").start(() -> pump(behind, caller, Direction.FROM_NODE));
      pump(caller, behind, Direction.TO_NODE);
    } catch (IOException e) {
      cut(caller);
      cut(behind);
    }
  }

  private void pump(Socket from, Socket to, Direction direction) {
    byte[] chunk = new byte[CHUNK];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int length = in.read(chunk); length >= 0; length = in.read(chunk)) {
        hold(direction);
        spoil(chunk, length, direction);
        out.write(chunk, 0, length);
      }
    } catch (IOException e) {
      // One side is gone, so the other has to go too.
    } finally {
      cut(from);
      cut(to);
      sockets.remove(from);
      sockets.remove(to);
    }
  }

  private void hold(Direction direction) {
    long nanos = delay.toNanos() + (jitter.isZero() ? 0 : random.nextLong(jitter.toNanos()));
    if (nanos > 0) {
      LockSupport.parkNanos(nanos);
    }
    while (stalled.contains(direction) && !server.isClosed()) {
      LockSupport.parkNanos(STALL_STEP.toNanos());
    }
  }

  private void spoil(byte[] chunk, int length, Direction direction) {
    boolean isLarge = direction == Direction.FROM_NODE && length > 1_000;
    if (isLarge && toCorrupt.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      chunk[length / 2 + random.nextInt(length / 2)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
    }
  }

  private static void cut(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
      socket.close();
    } catch (IOException e) {
      // It is closed already, which is what was wanted.
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    reset();
  }
}
