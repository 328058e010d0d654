package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Omissions.Omission;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameError.Code;
import io.llada.proto.wire.FrameException;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.ResultPayload;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;

/// One layer's rows under way: which portions are still missing, who was asked for them, and what to do when it fails.
///
/// A portion is asked of one replica; of another at once when that fails, and of another as well when the answer is late
/// (a hedge, as far as the budget goes). Used by one thread at a time: the one that dispatches and then waits.
/// Connections only drop answers into the inbox. The first result for a portion counts; whatever comes later for it is
/// ignored, so asking twice is harmless. Nothing here waits but [#await]: [#advance] does what is due and says when
/// there is more to do.
public final class LayerDispatch {
  private static final Duration LONGEST_WAIT = Duration.ofMillis(100);
  private static final Duration HEDGE_RETRY = Duration.ofMillis(20);

  private final int layer;
  private final DispatchContext context;
  private final ExpertModel model;
  private final DispatchSettings settings;
  private final BlockingDeque<Event> inbox = new LinkedBlockingDeque<>();
  private final LayerSums sums = new LayerSums();
  private final TreeSet<Portion> missing = new TreeSet<>();
  private final List<Attempt> underWay = new ArrayList<>();
  private final Setbacks setbacks;
  private final Standstill standstill = new Standstill();
  private final Map<String, Integer> pairsOfNodes = new HashMap<>();

  /// An answer to one attempt.
  private record Event(Attempt attempt, Answer answer) {}

  LayerDispatch(int layer, DispatchContext context) {
    this.layer = layer;
    this.context = context;
    this.model = context.model();
    this.settings = context.settings();
    setbacks = new Setbacks(layer, context);
  }

  private long now() {
    return context.nanoClock().getAsLong();
  }

  /// Sends every group to its owners; what has none is left out, if it may be, or retried by [#await].
  void begin(RoutedRows rows, Omissions omissions) {
    SortedSet<Portion> wanted = rows.portions(model.moe());
    leaveOut(wanted, rows, omissions);
    Setback first = new Setback(rows, wanted, 0, now(), now(), context.placement().get(), Set.of(),
        "no node holds them");
    try {
      Division division = new ReplicaChoice(context, layer, rows).divide(wanted, (portion, node) -> false, Set.of())
          .levelled();
      division.byNode().values().forEach(missing::addAll);
      missing.addAll(division.homeless());
      division.byNode().forEach((node, portions) -> pairsOfNodes.put(node, rows.pairs(portions, model.moe())));
      start(first, division);
      if (!division.homeless().isEmpty()) {
        // The caller's rows must not be kept, so what waits for an owner waits as an encoded frame's rows.
        RoutedRows kept = Shipment.of(rows, division.homeless(), terms(), model).unpack(model);
        setbacks.addHomeless(first.with(kept), division.homeless());
      }
    } catch (FrameException e) {
      throw malformed(e);
    }
  }

  /// Leaves out what may be left out and nobody holds. Under another placement than it was waited for, nothing may.
  private void leaveOut(SortedSet<Portion> wanted, RoutedRows rows, Omissions omissions) {
    if (omissions.allowed().epoch() != context.placement().get().epoch()) {
      return;
    }
    for (Portion portion : List.copyOf(wanted)) {
      if (omissions.allowed().shards().contains(new ShardId(layer, portion.group()))
          && ReplicaChoice.usable(context, layer, portion.group()).isEmpty()) {
        wanted.remove(portion);
        omissions.add(new Omission(layer, portion.group(), rows.only(List.of(portion), model.moe()).token()));
      }
    }
  }

  private ExpertsUnavailableException malformed(FrameException defect) {
    cancel();
    SortedSet<Integer> groups = Portion.groups(missing);
    return new ExpertsUnavailableException(layer, groups,
        "layer %d groups %s: %s".formatted(layer, groups, defect.getMessage()), defect);
  }

  private void sendAgain(Setback setback) {
    Division division = new ReplicaChoice(context, layer, setback.rows())
        .divide(setback.portions(), (portion, node) -> false, setback.failed());
    start(setback, division);
    if (!division.homeless().isEmpty()) {
      setbacks.addHomeless(setback, division.homeless());
    }
  }

  private Shipment.Terms terms() {
    return new Shipment.Terms(layer, ElementType.valueOf(settings.activationType().name()),
        context.placement().get().epoch(), settings.attemptTimeout().toNanos() / 1_000);
  }

  /// One shipment per node.
  private void start(Setback setback, Division division) {
    Shipment.Terms terms = terms();
    division.byNode().forEach((nodeId, portions) -> start(
        new Attempt(Shipment.of(setback.rows(), portions, terms, model), nodeId, now(), setback)));
  }

  private void start(Attempt attempt) {
    underWay.add(attempt);
    Optional<ExpertConnection> connection = context.connections().apply(attempt.nodeId());
    if (connection.isEmpty()) {
      inbox.add(new Event(attempt, new Answer.Lost("its connection was closed", Duration.ZERO)));
      return;
    }
    context.hedges().earn();
    int tokens = attempt.shipment().tokens();
    attempt.lateAt(attempt.sentAt() + connection.get().lateAfter(tokens, settings.interactiveTokens()).toNanos());
    attempt.calls(connection.get().call(attempt.shipment(), attempt.history().attempts(), settings.interactiveTokens(),
        answer -> inbox.add(new Event(attempt, answer))));
  }

  /// Waits until every group is there.
  ///
  /// @throws ExpertsUnavailableException when that cannot be, or not in time
  void await() {
    try {
      long wait = advance();
      while (!isComplete()) {
        long since = now();
        Event event = inbox.poll(wait, TimeUnit.NANOSECONDS);
        standstill.stood(Duration.ofNanos(now() - since));
        if (event != null) {
          inbox.addFirst(event);
        }
        wait = advance();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      SortedSet<Integer> groups = Portion.groups(missing);
      throw new ExpertsUnavailableException(layer, groups,
          "layer %d groups %s: interrupted while waiting for experts".formatted(layer, groups), e);
    }
  }

  /// Whether every group is there.
  public boolean isComplete() {
    return missing.isEmpty();
  }

  /// Takes the answers that are there, then repeats, hedges and ends what is due.
  ///
  /// @return nanoseconds until it is to be called again, unless an answer comes before
  /// @throws ExpertsUnavailableException when not all groups can be had, or not in time
  public long advance() {
    try {
      for (Event event = inbox.poll(); event != null; event = inbox.poll()) {
        take(event);
      }
      if (isComplete()) {
        cancel();
        return 0;
      }
      setbacks.due().forEach(this::sendAgain);
      hedgeWhatIsLate();
      endLateAttempts();
      return untilNext(now());
    } catch (FrameException e) {
      throw malformed(e);
    } catch (ExpertsUnavailableException e) {
      cancel();
      throw e;
    }
  }

  /// Nanoseconds until there is something to do without an answer.
  private long untilNext(long now) {
    if (!inbox.isEmpty()) {
      return 0;
    }
    long longest = setbacks.isEmpty() ? LONGEST_WAIT.toNanos() : Setbacks.PLACEMENT_POLL.toNanos() / 2;
    long nextLate = underWay.stream().mapToLong(Attempt::lateAt).min().orElse(Long.MAX_VALUE);
    return nextLate == Long.MAX_VALUE ? longest : Math.clamp(nextLate - now, 0, longest);
  }

  /// Asks another replica for what is late; the first attempt goes on, and whoever answers first counts.
  private void hedgeWhatIsLate() {
    long now = now();
    for (Attempt attempt : List.copyOf(underWay)) {
      if (now >= attempt.lateAt()) {
        attempt.isLate();
        attempt.lateAt(hedge(attempt) ? Long.MAX_VALUE : now + HEDGE_RETRY.toNanos());
      }
    }
  }

  /// @return whether there is nothing more to hedge
  private boolean hedge(Attempt late) {
    SortedSet<Portion> portions = new TreeSet<>(late.portions());
    portions.retainAll(missing);
    Division division = new ReplicaChoice(context, layer, late.rows(model))
        .divide(portions, this::isAsked, late.history().failed());
    if (division.byNode().isEmpty()) {
      return portions.isEmpty();
    }
    if (!context.hedges().spend()) {
      return false;
    }
    start(setbacks.after(late, portions, Trouble.of("late")), division);
    return true;
  }

  private boolean isAsked(Portion portion, String nodeId) {
    return underWay.stream()
        .anyMatch(attempt -> attempt.nodeId().equals(nodeId) && attempt.portions().contains(portion));
  }

  private void take(Event event) {
    Attempt attempt = event.attempt();
    if (!underWay.remove(attempt)) {
      return;
    }
    switch (event.answer()) {
      case Answer.Lost lost -> retry(attempt, Trouble.of(lost));
      case Answer.Arrived arrived -> {
        standstill.answered(Duration.ofNanos(now() - attempt.sentAt()), arrived.frame().serviceTime());
        arrived(attempt, arrived.frame());
      }
    }
  }

  private void arrived(Attempt attempt, Frame frame) {
    if (!frame.isIntact()) {
      retry(attempt, Trouble.of("BAD_CHECKSUM the answer was changed on its way"));
    } else if (frame.header().kind() == FrameKind.ERROR) {
      failed(attempt, FrameError.decode(frame));
    } else {
      ResultPayload result = ResultPayload.decode(frame, model.hiddenSize());
      if (!attempt.shipment().isAnsweredBy(result, model.moe())) {
        failed(attempt, FrameError.of(Code.INTERNAL, "the result has other rows than were asked for"));
        return;
      }
      sums.put(attempt.shipment(), result);
      missing.removeAll(attempt.portions());
    }
  }

  private void failed(Attempt attempt, FrameError error) {
    Trouble trouble = Trouble.of(error);
    boolean elsewhere = error.code() == Code.INTERNAL && setbacks.hasAnotherOwner(attempt);
    if (!error.code().isRetryable() && !elsewhere) {
      throw setbacks.unavailable(setbacks.after(attempt, attempt.portions(), trouble), "repeating it would not help",
          MissingExperts.NONE);
    }
    if (error.code() == Code.NOT_OWNER) {
      context.refresh().run();
    }
    retry(attempt, trouble);
  }

  /// Sends again what nobody else was asked for in the meantime.
  private void retry(Attempt attempt, Trouble trouble) {
    SortedSet<Portion> portions = new TreeSet<>(attempt.portions());
    portions.retainAll(missing);
    underWay.forEach(other -> portions.removeAll(other.portions()));
    if (!portions.isEmpty()) {
      setbacks.add(attempt, portions, trouble);
    }
  }

  private void endLateAttempts() {
    long now = now();
    for (Attempt attempt : List.copyOf(underWay)) {
      if (now - attempt.sentAt() > settings.attemptTimeout().toNanos()) {
        attempt.cancel();
        underWay.remove(attempt);
        retry(attempt, Trouble.of("no answer within %d ms".formatted(settings.attemptTimeout().toMillis())));
      }
    }
  }

  /// How long [#await] stood still.
  DispatchTimes times() {
    return standstill.times();
  }

  /// Pairs that each node was asked for at first.
  Map<String, Integer> pairsOfNodes() {
    return pairsOfNodes;
  }

  /// Nobody waits any more.
  public void cancel() {
    underWay.forEach(Attempt::cancel);
    underWay.clear();
    setbacks.clear();
  }

  /// Adds the groups in ascending order to `combined`, `(tokens, hiddenSize)`, which begins with zeros.
  public void addTo(float[] combined) {
    sums.addTo(combined, model.hiddenSize());
  }
}
