package io.llada.coordinator.simulation;

import io.llada.coordinator.dispatch.FrameTransport;
import io.llada.proto.wire.Frame;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/// Connections between coordinators and nodes, as TCP gives them: in order, whole, with delay; a direction that is cut
/// keeps everything back until it heals; a connection can be reset; a process that died refuses, a machine that died
/// says nothing.
final class SimulatedNetwork {
  private static final long LEAST_DELAY = 80_000;
  private static final int WINDOW = 32;

  private final VirtualTime time;
  private final long seed;
  private final Map<String, Path> paths = new HashMap<>();
  private final Map<String, NodeProcess> nodes = new HashMap<>();
  private long connections;

  /// Both directions between one coordinator and one endpoint.
  final class Path {
    private final String coordinator;
    private final String endpoint;
    private final List<Stream> streams = new ArrayList<>();
    private boolean isCutForth;
    private boolean isCutBack;
    private long jitter = 200_000;
    private int toCorrupt;

    private Path(String coordinator, String endpoint) {
      this.coordinator = coordinator;
      this.endpoint = endpoint;
    }

    /// Nothing arrives any more in some directions, until [#heal].
    void cut(boolean forth, boolean back) {
      isCutForth |= forth;
      isCutBack |= back;
    }

    void heal() {
      isCutForth = false;
      isCutBack = false;
      jitter = 200_000;
      toCorrupt = 0;
      List.copyOf(streams).forEach(stream -> {
        stream.forth.flush();
        stream.back.flush();
      });
    }

    void slowDown(long nanos) {
      jitter = nanos;
    }

    /// Changes a bit in each of the next answers.
    void corrupt(int answers) {
      toCorrupt = answers;
    }

    /// Both ends learn that their connections are gone.
    void reset() {
      List.copyOf(streams).forEach(stream -> stream.reset("UNAVAILABLE connection reset"));
    }

    boolean isWhole() {
      return !isCutForth && !isCutBack;
    }

    String coordinator() {
      return coordinator;
    }

    String endpoint() {
      return endpoint;
    }

    /// A connection of its own.
    Wire wire(boolean isForth) {
      connections++;
      return new Wire(this, isForth, VirtualTime.mixed(seed + 7 * connections));
    }
  }

  /// One direction of one connection.
  final class Wire {
    private final Path path;
    private final boolean isForth;
    private final SplittableRandom random;
    private final Deque<Runnable> held = new ArrayDeque<>();
    private long lastArrival;
    private int underWay;

    private Wire(Path path, boolean isForth, long wireSeed) {
      this.path = path;
      this.isForth = isForth;
      random = new SplittableRandom(wireSeed);
    }

    private boolean isCut() {
      return isForth ? path.isCutForth : path.isCutBack;
    }

    void send(String what, Runnable delivery) {
      underWay++;
      lastArrival = Math.max(lastArrival + 1, time.now() + LEAST_DELAY + random.nextLong(path.jitter));
      time.after(lastArrival - time.now(), isForth ? path.endpoint : path.coordinator, what, () -> arrive(delivery));
    }

    private void arrive(Runnable delivery) {
      if (isCut()) {
        held.add(delivery);
      } else {
        underWay--;
        delivery.run();
      }
    }

    private void flush() {
      while (!held.isEmpty() && !isCut()) {
        underWay--;
        held.poll().run();
      }
    }

    boolean hasRoom() {
      return underWay < WINDOW;
    }
  }

  SimulatedNetwork(VirtualTime time, long seed) {
    this.time = time;
    this.seed = seed;
  }

  Path path(String coordinator, String endpoint) {
    return paths.computeIfAbsent(coordinator + ">" + endpoint, key -> new Path(coordinator, endpoint));
  }

  List<Path> paths() {
    return paths.entrySet().stream().sorted(Map.Entry.comparingByKey()).map(Map.Entry::getValue).toList();
  }

  /// A machine gets an address; coordinators reach whatever runs on it.
  void attach(NodeProcess node) {
    nodes.put(node.endpoint(), node);
  }

  NodeProcess node(String endpoint) {
    return nodes.get(endpoint);
  }

  /// Whether a node has greeted and both ends hold the stream.
  boolean isConnected(String coordinator, String endpoint) {
    return path(coordinator, endpoint).streams.stream().anyMatch(stream -> stream.isOpenHere && stream.there
        .filter(NodeEnd::isGreeted).isPresent());
  }

  /// The process ended. Its machine tells the other ends, unless it lost its power too.
  void processEnded(String endpoint, boolean tells) {
    paths().stream().filter(path -> path.endpoint.equals(endpoint)).forEach(path -> {
      for (Stream stream : List.copyOf(path.streams)) {
        stream.nodeEnded(tells);
      }
    });
  }

  void coordinatorEnded(String coordinator) {
    paths().stream().filter(path -> path.coordinator.equals(coordinator)).forEach(path -> {
      for (Stream stream : List.copyOf(path.streams)) {
        stream.coordinatorEnded();
      }
    });
  }

  /// The way of a coordinator's life to an endpoint.
  FrameTransport transport(String coordinator, String endpoint) {
    Path path = path(coordinator, endpoint);
    return new FrameTransport() {
      private Optional<Stream> opened = Optional.empty();

      @Override
      public Outgoing open(Incoming incoming) {
        Stream stream = new Stream(path, incoming);
        opened = Optional.of(stream);
        path.streams.add(stream);
        stream.connect();
        return stream;
      }

      @Override
      public void close() {
        opened.ifPresent(stream -> stream.cancel("UNAVAILABLE Channel shutdownNow invoked"));
      }
    };
  }

  /// One opening of one stream, both ends.
  private final class Stream implements FrameTransport.Outgoing, NodeEnd.WayBack {
    private final Path path;
    private final FrameTransport.Incoming incoming;
    private final Wire forth;
    private final Wire back;
    private boolean isOpenHere = true;
    private Optional<NodeEnd> there = Optional.empty();
    private boolean isNodeGone;

    Stream(Path path, FrameTransport.Incoming incoming) {
      this.path = path;
      this.incoming = incoming;
      forth = path.wire(true);
      back = path.wire(false);
    }

    void connect() {
      forth.send("is called", () -> {
        NodeProcess node = node(path.endpoint);
        if (node.isDead()) {
          if (!node.isUnpowered()) {
            breakHere("UNAVAILABLE connection refused");
          }
        } else {
          node.deliver("takes a stream", () -> accept(node));
        }
      });
    }

    private void accept(NodeProcess node) {
      if (!isNodeGone) {
        NodeEnd end = new NodeEnd(this);
        there = Optional.of(end);
        end.begin(node.inside().accept(end));
      }
    }

    @Override
    public void answer(Frame frame) {
      boolean isHit = path.toCorrupt > 0 && frame.header().payloadLength() > 0 && frame.header().sequence() > 0;
      path.toCorrupt -= isHit ? 1 : 0;
      Frame sent = isHit ? NodeEnd.corrupted(frame) : frame;
      back.send("receives a frame", () -> receive(sent));
    }

    @Override
    public void end(String reason) {
      breakHere(reason);
    }

    @Override
    public boolean canAnswer() {
      return back.hasRoom();
    }

    @Override
    public boolean isReady() {
      return isOpenHere && forth.hasRoom();
    }

    @Override
    public void send(Frame frame) {
      if (isOpenHere) {
        time.note(path.coordinator, () -> "sends %s %d to %s".formatted(frame.header().kind(),
            frame.header().sequence(), path.endpoint));
        forth.send("receives a frame", () -> deliver(frame));
      }
    }

    private void deliver(Frame frame) {
      NodeProcess node = node(path.endpoint);
      if (isNodeGone) {
        if (!node.isUnpowered()) {
          breakHere("UNAVAILABLE connection reset");
        }
        return;
      }
      node.deliver("takes a frame", () -> {
        if (!isNodeGone) {
          there.ifPresent(end -> end.receive(frame));
          node.work();
        }
      });
    }

    @Override
    public void cancel(String reason) {
      if (isOpenHere) {
        closeHere(reason);
        forth.send("hears that a stream is given up", this::cancelThere);
      }
    }

    private void closeHere(String reason) {
      isOpenHere = false;
      path.streams.remove(this);
      incoming.broken(reason);
    }

    private void cancelThere() {
      if (!isNodeGone) {
        node(path.endpoint).deliver("gives a stream up", () -> there.ifPresent(NodeEnd::cancelled));
      }
    }

    void reset(String reason) {
      back.send("loses a stream", () -> breakNow(reason));
      forth.send("loses a stream", this::cancelThere);
    }

    private void breakHere(String reason) {
      back.send("hears that a stream broke", () -> breakNow(reason));
    }

    private void breakNow(String reason) {
      if (isOpenHere) {
        closeHere(reason);
      }
    }

    void nodeEnded(boolean tells) {
      isNodeGone = true;
      if (tells) {
        breakHere("UNAVAILABLE connection reset by peer");
      }
    }

    void coordinatorEnded() {
      isOpenHere = false;
      path.streams.remove(this);
      forth.send("loses a stream", this::cancelThere);
    }

    void receive(Frame frame) {
      if (isOpenHere) {
        time.note(path.coordinator, () -> "receives %s %d from %s".formatted(frame.header().kind(),
            frame.header().sequence(), path.endpoint));
        incoming.received(frame);
      }
    }
  }
}
