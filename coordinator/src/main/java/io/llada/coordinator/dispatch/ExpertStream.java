package io.llada.coordinator.dispatch;

import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameException;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.HelloAck;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One long-lived stream of frames to one node, on a connection of its own.
///
/// A call waits until the node has granted a credit and the transport takes more, and ends with exactly one [Answer]
/// unless it is cancelled. When the stream breaks or the node is silent, every call ends at once; [#tick] opens the
/// stream again, less and less often. Thread-safe; answers are delivered on the transport's thread and must not block.
final class ExpertStream implements AutoCloseable {
  /// A stream on which nothing was heard for this long is given up: four pings were missed.
  static final Duration SILENCE = Duration.ofSeconds(2);
  /// A node that has not been heard for this long is suspect: two pings were missed. Others are asked first.
  static final Duration SUSPICION = Duration.ofMillis(1_200);
  /// Late answers in a row that make a node suspect.
  static final int LATE_IN_A_ROW = 3;
  /// Signs of life in a row after which a suspect is trusted again.
  static final int GOOD_SIGNS = 3;

  private static final Logger LOG = LoggerFactory.getLogger(ExpertStream.class);
  private static final Duration FIRST_BACKOFF = Duration.ofMillis(50);
  private static final Duration MAX_BACKOFF = Duration.ofSeconds(1);
  /// A tick that comes this late means that this process stood still, not the node.
  private static final Duration STANDSTILL = Duration.ofSeconds(1);
  private static final double ROUND_TRIP_WEIGHT = 0.1;

  private enum State {
    DOWN, CONNECTING, READY, CLOSED
  }

  private final String purpose;
  private final String nodeId;
  private final String endpoint;
  private final FrameTransport transport;
  private final StreamTerms terms;
  private final LongSupplier nanoClock;
  private final Runnable onBroken;
  private final ServiceTimes serviceTimes;
  private final ExpectedTimes expectedTimes;
  // Everything below is guarded by this.
  private final Deque<Call> waiting = new ArrayDeque<>();
  private final Map<Long, Call> inFlight = new HashMap<>();
  private State state = State.DOWN;
  private Incoming stream;
  private String failure = "not connected yet";
  private long sequence;
  private boolean failedBefore;
  private int granted;
  private int credits;
  private int maxTokens;
  private int queueDepth;
  private final RoundTrips roundTrips = new RoundTrips();
  private double roundTripMicros;
  private int pendingPairs;
  private int late;
  private boolean suspect;
  private int goodSigns;
  private long wireBytes;
  private long heardAt;
  private long tickedAt;
  private long reconnectAt;
  private Duration backoff = FIRST_BACKOFF;

  /// The node at the other end.
  ///
  /// @param id the node that must answer
  /// @param endpoint `host:port`
  /// @param serviceTimes takes note of how long the node has dispatches
  /// @param expectedTimes takes note of how long it takes to answer
  /// @param onBroken called when a stream broke, on any thread
  record Node(String id, String endpoint, ServiceTimes serviceTimes, ExpectedTimes expectedTimes,
      Runnable onBroken) {}

  /// A dispatch on this stream.
  final class Call {
    private final Frame frame;
    private final int attempt;
    private final Consumer<Answer> listener;
    private long number;
    private long sentAt;
    private int pairsAhead;
    private boolean late;

    private Call(Frame frame, int attempt, Consumer<Answer> listener) {
      this.frame = frame;
      this.attempt = attempt;
      this.listener = listener;
    }

    private int pairs() {
      return frame.header().pairs();
    }

    /// The answer is waited for no longer than necessary: another node is asked as well, if there is one.
    void late() {
      ExpertStream.this.late(this);
    }

    /// Nobody waits any more; no answer will be delivered after the return.
    void cancel() {
      ExpertStream.this.cancel(this);
    }
  }

  /// @param purpose for logs, beside the node
  /// @param node what all streams to one node share
  ExpertStream(String purpose, Node node, FrameTransport transport, StreamTerms terms) {
    this.purpose = purpose;
    this.nodeId = node.id();
    this.endpoint = node.endpoint();
    this.onBroken = node.onBroken();
    this.serviceTimes = node.serviceTimes();
    this.expectedTimes = node.expectedTimes();
    this.transport = transport;
    this.terms = terms;
    nanoClock = terms.nanoClock();
  }

  /// Whether a call makes sense now: the stream is open, or being opened for the first time.
  synchronized boolean isUsable() {
    return state == State.READY || state == State.CONNECTING && !failedBefore;
  }

  /// Whether others should be asked first: it is silent, or its answers were late.
  synchronized boolean isSuspect(long now) {
    return suspect || state == State.READY && now - heardAt > SUSPICION.toNanos();
  }

  /// Pairs that are sent or wait to be.
  synchronized int pendingPairs() {
    return pendingPairs;
  }

  /// How long an answer may take before it is late.
  synchronized Duration lateAfter() {
    return roundTrips.lateAfter();
  }

  private synchronized void late(Call call) {
    if (inFlight.containsValue(call) && !call.late) {
      call.late = true;
      late++;
      goodSigns = 0;
      if (late >= LATE_IN_A_ROW && !suspect) {
        LOG.warn("event=node_suspect node={} endpoint={} stream={} late_answers={}", nodeId, endpoint, purpose, late);
        suspect = true;
      }
    }
  }

  private void noteGoodSign() {
    goodSigns++;
    if (suspect && goodSigns >= GOOD_SIGNS) {
      LOG.info("event=node_trusted node={} endpoint={} stream={}", nodeId, endpoint, purpose);
      suspect = false;
      late = 0;
    }
  }

  synchronized boolean isReady() {
    return state == State.READY;
  }

  synchronized int queueDepth() {
    return queueDepth;
  }

  /// Bytes of frames sent and received, connection overhead not counted.
  synchronized long wireBytes() {
    return wireBytes;
  }

  synchronized double roundTripMicros() {
    return roundTripMicros;
  }

  /// The slowest recent round trip; 0: none yet.
  synchronized double slowestMicros() {
    return roundTrips.slowest() / 1e3;
  }

  /// Sends a dispatch as soon as the node takes it.
  synchronized Call call(Frame frame, int attempt, Consumer<Answer> listener) {
    Call call = new Call(frame, attempt, listener);
    if (!isUsable()) {
      listener.accept(new Answer.Lost(failure, Duration.ZERO));
    } else if (waiting.size() == terms.maxWaiting()) {
      listener.accept(new Answer.Lost("%d calls wait for credits already".formatted(waiting.size()), Duration.ZERO));
    } else {
      waiting.add(call);
      pendingPairs += call.pairs();
      pump();
    }
    return call;
  }

  private synchronized void pump() {
    while (state == State.READY && credits > 0 && !waiting.isEmpty() && stream.out.isReady()) {
      Call call = waiting.poll();
      if (call.frame.header().tokens() > maxTokens) {
        call.listener
            .accept(new Answer.Lost("the node takes %d tokens in a dispatch, found %d; lower the coordinator's limit"
                .formatted(maxTokens, call.frame.header().tokens()), Duration.ZERO));
        pendingPairs -= call.pairs();
        continue;
      }
      credits--;
      sequence++;
      call.number = sequence;
      call.sentAt = nanoClock.getAsLong();
      call.pairsAhead = inFlight.values().stream().mapToInt(Call::pairs).sum();
      inFlight.put(sequence, call);
      wireBytes += call.frame.bytes();
      stream.out.send(call.frame.numbered(sequence, call.attempt));
    }
  }

  private synchronized void cancel(Call call) {
    if (waiting.remove(call)) {
      pendingPairs -= call.pairs();
    } else if (inFlight.remove(call.number, call)) {
      pendingPairs -= call.pairs();
      if (call.late) {
        long now = nanoClock.getAsLong();
        expectedTimes.addUnanswered(now - call.sentAt, call.pairsAhead + call.pairs(), now);
        serviceTimes.addUnanswered(Duration.ofNanos(now - call.sentAt), call.pairsAhead + call.pairs());
      }
      if (state == State.READY) {
        stream.out.send(Frame.cancel(call.number));
      }
    }
  }

  /// Opens the stream if it is time, and notices a silent node. Called a few times a second.
  synchronized void tick(long now) {
    if (tickedAt != 0 && now - tickedAt > STANDSTILL.toNanos()) {
      heardAt = now;
    }
    tickedAt = now;
    if (state == State.DOWN && now >= reconnectAt) {
      connect(now);
    } else if ((state == State.READY || state == State.CONNECTING) && now - heardAt > SILENCE.toNanos()) {
      giveUp("not heard for %d ms".formatted(SILENCE.toMillis()), SILENCE);
    }
  }

  private void giveUp(String reason, Duration silentFor) {
    Incoming given = stream;
    breakDown(given, reason, silentFor);
    given.out.cancel(reason);
  }

  private void connect(long now) {
    state = State.CONNECTING;
    heardAt = now;
    Incoming opened = new Incoming();
    stream = opened;
    opened.out = transport.open(opened);
    if (state == State.CONNECTING) {
      opened.out.send(terms.hello());
    }
  }

  private synchronized void receive(Incoming from, Frame frame) {
    if (from != stream || state == State.CLOSED) {
      return;
    }
    heardAt = nanoClock.getAsLong();
    wireBytes += frame.bytes();
    try {
      take(frame);
    } catch (FrameException e) {
      giveUp("it breaks the frame contract: " + e.getMessage(), Duration.ZERO);
    }
  }

  private void take(Frame frame) {
    switch (frame.header().kind()) {
      case HELLO_ACK -> welcome(HelloAck.decode(frame));
      case RESULT -> answered(frame);
      case ERROR -> {
        if (frame.header().sequence() == 0) {
          FrameError refusal = FrameError.decode(frame);
          giveUp("the node closes the stream: %s %s".formatted(refusal.code(), refusal.message()), Duration.ZERO);
        } else {
          answered(frame);
        }
      }
      case PING -> {
        queueDepth = frame.number();
        noteGoodSign();
      }
      case CREDIT -> credits = Math.min(granted, credits + Math.min(granted, frame.number()));
      case MALFORMED -> throw new FrameException(FrameError.decode(frame));
      case HELLO, DISPATCH, CANCEL -> throw new FrameException(FrameError.of(FrameError.Code.BAD_REQUEST,
          "a node sends no " + frame.header().kind()));
    }
    pump();
  }

  private void welcome(HelloAck ack) {
    if (!ack.nodeId().equals(nodeId)) {
      throw new FrameException(FrameError.of(FrameError.Code.BAD_REQUEST,
          "node %s answers in place of %s".formatted(ack.nodeId(), nodeId)));
    }
    LOG.info("event=stream_open node={} endpoint={} stream={} credits={}", nodeId, endpoint, purpose, ack.credits());
    state = State.READY;
    granted = ack.credits();
    credits = granted;
    failedBefore = false;
    maxTokens = ack.maxTokens();
    backoff = FIRST_BACKOFF;
  }

  /// A late answer finds no call; it gives its credit back all the same.
  private void answered(Frame frame) {
    credits = Math.min(granted, credits + 1);
    Call call = inFlight.remove(frame.header().sequence());
    if (call != null) {
      pendingPairs -= call.pairs();
      if (!call.late) {
        late = 0;
      }
      if (frame.header().kind() == FrameKind.RESULT) {
        long now = nanoClock.getAsLong();
        roundTrips.add(now - call.sentAt);
        expectedTimes.add(now - call.sentAt, call.pairsAhead + call.pairs(), now);
        served(call, frame.serviceTime());
      }
      double micros = (nanoClock.getAsLong() - call.sentAt) / 1e3;
      roundTripMicros += roundTripMicros == 0 ? micros : ROUND_TRIP_WEIGHT * (micros - roundTripMicros);
      call.listener.accept(new Answer.Arrived(frame));
    }
  }

  private void served(Call call, Duration serviceTime) {
    serviceTimes.computed(call.pairs());
    if (serviceTime.isPositive()) {
      serviceTimes.add(serviceTime, call.pairsAhead + call.pairs());
    }
  }

  private synchronized void breakDown(Incoming broken, String reason, Duration silentFor) {
    if (broken != stream || state == State.DOWN || state == State.CLOSED) {
      return;
    }
    if (state == State.READY || !reason.equals(failure)) {
      LOG.warn("event=stream_broken node={} endpoint={} stream={} reason=\"{}\"", nodeId, endpoint, purpose, reason);
    }
    state = State.DOWN;
    failedBefore = true;
    failure = reason;
    reconnectAt = nanoClock.getAsLong() + backoff.toNanos();
    backoff = backoff.multipliedBy(2).compareTo(MAX_BACKOFF) < 0 ? backoff.multipliedBy(2) : MAX_BACKOFF;
    failAll(new Answer.Lost(reason, silentFor));
    onBroken.run();
  }

  private void failAll(Answer.Lost lost) {
    List<Call> ended = new ArrayList<>(inFlight.values());
    ended.addAll(waiting);
    inFlight.clear();
    waiting.clear();
    pendingPairs = 0;
    late = 0;
    suspect = false;
    ended.forEach(call -> call.listener.accept(lost));
  }

  @Override
  public synchronized void close() {
    if (state != State.CLOSED) {
      state = State.CLOSED;
      failure = "the connection was closed, the node is not in the placement any more";
      failAll(new Answer.Lost(failure, Duration.ZERO));
      transport.close();
    }
  }

  /// One opening of the stream; frames of an earlier one are ignored.
  private final class Incoming implements FrameTransport.Incoming {
    private FrameTransport.Outgoing out;

    @Override
    public void ready() {
      pump();
    }

    @Override
    public void received(Frame frame) {
      receive(this, frame);
    }

    @Override
    public void broken(String reason) {
      breakDown(this, reason, Duration.ZERO);
    }
  }
}
