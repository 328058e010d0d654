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
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// One layer's rows under way: which groups are still missing, who was asked for them, and what to do when it fails.
///
/// A group is asked of one replica; of another at once when that fails, and of another as well when the answer is late
/// (a hedge, as far as the budget goes). Used by one thread at a time: the one that dispatches and then waits.
/// Connections only drop answers into the inbox. The first result for a group counts; whatever comes later for it is
/// ignored, so asking twice is harmless. Nothing here waits but [#await]: [#advance] does what is due and says when
/// there is more to do.
public final class LayerDispatch {
  private static final Duration LONGEST_WAIT = Duration.ofMillis(100);
  private static final Duration PLACEMENT_POLL = Duration.ofMillis(10);
  private static final Duration HEDGE_RETRY = Duration.ofMillis(20);

  private final int layer;
  private final DispatchContext context;
  private final ExpertModel model;
  private final DispatchSettings settings;
  private final BlockingQueue<Event> inbox = new LinkedBlockingQueue<>();
  private final long startedAt;
  private final TreeMap<Integer, GroupSums> sums = new TreeMap<>();
  private final TreeSet<Integer> missing = new TreeSet<>();
  private final List<Attempt> underWay = new ArrayList<>();
  private final List<Setback> setbacks = new ArrayList<>();
  private final Standstill standstill = new Standstill();

  /// An answer to one attempt.
  private record Event(Attempt attempt, Answer answer) {}

  /// Where one group's rows are in a result.
  private record GroupSums(Shipment shipment, ResultPayload result) {}

  /// A shipment at a node. Not a record: attempts are told apart by identity.
  private static final class Attempt {
    private final Shipment shipment;
    private final String nodeId;
    private final long sentAt;
    private final Setback history;
    private ExpertStream.Call call;
    private long lateAt;

    Attempt(Shipment shipment, String nodeId, long sentAt, Setback history) {
      this.shipment = shipment;
      this.nodeId = nodeId;
      this.sentAt = sentAt;
      this.history = history;
    }
  }

  /// Why an attempt brought nothing.
  ///
  /// @param reason for the message
  /// @param silentFor how long the node had been silent already
  /// @param retryAfter how long the node asks to be left alone
  /// @param bound what bounds its repetition
  private record Trouble(String reason, Duration silentFor, Duration retryAfter, Bound bound) {
    static Trouble of(String reason) {
      return new Trouble(reason, Duration.ZERO, Duration.ZERO, Bound.ATTEMPTS);
    }
  }

  /// How long something is repeated.
  private enum Bound {
    /// It was tried and failed.
    ATTEMPTS,
    /// The node does not hold the shard; it or another may load it, which takes its time.
    PATIENCE,
    /// The node is full and has not tried.
    BUDGET;

    static Bound of(Code code) {
      return switch (code) {
        case BUSY -> BUDGET;
        case NOT_OWNER -> PATIENCE;
        default -> ATTEMPTS;
      };
    }
  }

  LayerDispatch(int layer, DispatchContext context) {
    this.layer = layer;
    this.context = context;
    this.model = context.model();
    this.settings = context.settings();
    startedAt = now();
  }

  private long now() {
    return context.nanoClock().getAsLong();
  }

  /// Sends every group to one of its owners; what has none is left out, if it may be, or retried by [#await].
  void begin(RoutedRows rows, Omissions omissions) {
    missing.addAll(rows.groups(model.moe()));
    leaveOut(rows, omissions);
    try {
      send(new Setback(rows, new TreeSet<>(missing), 0, startedAt, startedAt, context.placement().get(), Set.of(),
          "no node holds them"));
    } catch (FrameException e) {
      throw malformed(e);
    }
  }

  /// Leaves out what may be left out and nobody holds. Under another placement than it was waited for, nothing may.
  private void leaveOut(RoutedRows rows, Omissions omissions) {
    if (omissions.allowed().epoch() != context.placement().get().epoch()) {
      return;
    }
    for (int group : List.copyOf(missing)) {
      ShardId shard = new ShardId(layer, group);
      if (omissions.allowed().shards().contains(shard)) {
        if (isOwned(group)) {
          omissions.foundHeld(shard);
        } else {
          missing.remove(group);
          omissions.add(new Omission(layer, group, rows.only(new TreeSet<>(Set.of(group)), model.moe()).token()));
        }
      }
    }
  }

  private ExpertsUnavailableException malformed(FrameException defect) {
    cancel();
    return new ExpertsUnavailableException(layer, missing,
        "layer %d groups %s: %s".formatted(layer, missing, defect.getMessage()), defect);
  }

  /// Sends groups to their owners, one shipment per node.
  private void send(Setback setback) {
    SortedMap<String, SortedSet<Integer>> chosen = new ReplicaChoice(context, layer, setback.rows())
        .choose(setback.groups(), (group, node) -> false, setback.failed());
    start(setback, chosen);
    SortedSet<Integer> homeless = new TreeSet<>(setback.groups());
    chosen.values().forEach(homeless::removeAll);
    if (!homeless.isEmpty()) {
      // The caller's rows must not be kept, so what waits for an owner waits as an encoded frame's rows.
      RoutedRows kept = Shipment.of(setback.rows(), homeless, terms(), model).unpack(model);
      setbacks.add(setback.waiting(kept, homeless, now() + PLACEMENT_POLL.toNanos()));
    }
  }

  private Shipment.Terms terms() {
    return new Shipment.Terms(layer, ElementType.valueOf(settings.activationType().name()),
        context.placement().get().epoch(), settings.attemptTimeout().toNanos() / 1_000);
  }

  private void start(Setback setback, SortedMap<String, SortedSet<Integer>> chosen) {
    Shipment.Terms terms = terms();
    chosen.forEach((nodeId, groups) -> start(
        new Attempt(Shipment.of(setback.rows(), groups, terms, model), nodeId, now(), setback)));
  }

  private void start(Attempt attempt) {
    underWay.add(attempt);
    attempt.lateAt = Long.MAX_VALUE;
    Optional<ExpertConnection> connection = context.connections().apply(attempt.nodeId);
    if (connection.isEmpty()) {
      inbox.add(new Event(attempt, new Answer.Lost("its connection was closed", Duration.ZERO)));
      return;
    }
    context.hedges().earn();
    int tokens = attempt.shipment.tokens();
    attempt.lateAt = attempt.sentAt + connection.get().lateAfter(tokens, settings.interactiveTokens()).toNanos();
    attempt.call = connection.get().call(attempt.shipment, attempt.history.attempts(), settings.interactiveTokens(),
        answer -> inbox.add(new Event(attempt, answer)));
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
          take(event);
        }
        wait = advance();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ExpertsUnavailableException(layer, missing,
          "layer %d groups %s: interrupted while waiting for experts".formatted(layer, missing), e);
    } catch (FrameException e) {
      throw malformed(e);
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
      retryWhatIsDue();
      hedgeWhatIsLate();
      endLateAttempts();
      return untilNext(now());
    } catch (FrameException e) {
      throw malformed(e);
    }
  }

  /// Nanoseconds until there is something to do without an answer.
  private long untilNext(long now) {
    if (!inbox.isEmpty()) {
      return 0;
    }
    long longest = setbacks.isEmpty() ? LONGEST_WAIT.toNanos() : PLACEMENT_POLL.toNanos() / 2;
    long nextLate = underWay.stream().mapToLong(attempt -> attempt.lateAt).min().orElse(Long.MAX_VALUE);
    return nextLate == Long.MAX_VALUE ? longest : Math.clamp(nextLate - now, 0, longest);
  }

  private void retryWhatIsDue() {
    long now = now();
    for (Setback setback : List.copyOf(setbacks)) {
      boolean isNewPlacement = context.placement().get() != setback.placement();
      if (now - startedAt > settings.budget().toNanos()) {
        throw unavailable(setback, "the budget of %s is spent".formatted(settings.budget()));
      }
      if (now - setback.since() > settings.ownerPatience().toNanos() && isHomeless(setback)) {
        throw ownerless(setback);
      }
      if (now >= setback.retryAt() || isNewPlacement) {
        setbacks.remove(setback);
        send(isNewPlacement ? setback.under(context.placement().get()) : setback);
      }
    }
  }

  private boolean isHomeless(Setback setback) {
    return setback.groups().stream().anyMatch(group -> !isOwned(group));
  }

  private boolean isOwned(int group) {
    return !ReplicaChoice.usable(context, layer, group).isEmpty();
  }

  /// Asks another replica for what is late; the first attempt goes on, and whoever answers first counts.
  private void hedgeWhatIsLate() {
    long now = now();
    for (Attempt attempt : List.copyOf(underWay)) {
      if (now >= attempt.lateAt) {
        attempt.call.late();
        attempt.lateAt = hedge(attempt) ? Long.MAX_VALUE : now + HEDGE_RETRY.toNanos();
      }
    }
  }

  /// @return whether there is nothing more to hedge
  private boolean hedge(Attempt late) {
    SortedSet<Integer> groups = new TreeSet<>(late.shipment.groups());
    groups.retainAll(missing);
    SortedMap<String, SortedSet<Integer>> chosen = new ReplicaChoice(context, layer, late.shipment.unpack(model))
        .choose(groups, this::isAsked, late.history.failed());
    if (chosen.isEmpty()) {
      return groups.isEmpty();
    }
    if (!context.hedges().spend()) {
      return false;
    }
    start(setback(late, groups, Trouble.of("late")), chosen);
    return true;
  }

  private boolean isAsked(int group, String nodeId) {
    return underWay.stream()
        .anyMatch(attempt -> attempt.nodeId.equals(nodeId) && attempt.shipment.groups().contains(group));
  }

  private void take(Event event) {
    Attempt attempt = event.attempt();
    if (!underWay.remove(attempt)) {
      return;
    }
    switch (event.answer()) {
      case Answer.Lost lost -> retry(attempt, new Trouble(lost.reason(), lost.silentFor(), Duration.ZERO, Bound.ATTEMPTS));
      case Answer.Arrived arrived -> {
        standstill.answered(Duration.ofNanos(now() - attempt.sentAt), arrived.frame().serviceTime());
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
      if (!attempt.shipment.isAnsweredBy(result, model.moe())) {
        failed(attempt, FrameError.of(Code.INTERNAL, "the result has other rows than were asked for"));
        return;
      }
      attempt.shipment.groups().forEach(group -> sums.putIfAbsent(group, new GroupSums(attempt.shipment, result)));
      missing.removeAll(attempt.shipment.groups());
    }
  }

  private void failed(Attempt attempt, FrameError error) {
    Trouble trouble = new Trouble(error.code() + " " + error.message(), Duration.ZERO, error.retryAfter(),
        Bound.of(error.code()));
    boolean elsewhere = error.code() == Code.INTERNAL && hasAnotherOwner(attempt);
    if (!error.code().isRetryable() && !elsewhere) {
      throw unavailable(setback(attempt, attempt.shipment.groups(), trouble), "repeating it would not help");
    }
    if (error.code() == Code.NOT_OWNER) {
      context.refresh().run();
    }
    retry(attempt, trouble);
  }

  private boolean hasAnotherOwner(Attempt attempt) {
    Set<String> failed = new HashSet<>(attempt.history.failed());
    failed.add(attempt.nodeId);
    return attempt.shipment.groups().stream()
        .allMatch(group -> !failed.containsAll(ReplicaChoice.usable(context, layer, group)));
  }

  /// Sends again what nobody else was asked for in the meantime.
  private void retry(Attempt attempt, Trouble trouble) {
    SortedSet<Integer> groups = new TreeSet<>(attempt.shipment.groups());
    groups.retainAll(missing);
    underWay.forEach(other -> groups.removeAll(other.shipment.groups()));
    if (groups.isEmpty()) {
      return;
    }
    Setback setback = setback(attempt, groups, trouble);
    if (trouble.bound() == Bound.PATIENCE && now() - setback.since() > settings.ownerPatience().toNanos()) {
      throw unavailable(setback, noOwner());
    }
    if (trouble.bound() == Bound.ATTEMPTS && setback.attempts() >= settings.maxAttempts()) {
      throw unavailable(setback, "%d attempts are the limit".formatted(settings.maxAttempts()));
    }
    if (trouble.bound() != Bound.BUDGET) {
      context.counts().failovers().increment();
    }
    setbacks.add(setback);
  }

  private Setback setback(Attempt attempt, SortedSet<Integer> groups, Trouble trouble) {
    Setback history = attempt.history;
    int attempts = history.attempts() + (trouble.bound() == Bound.BUDGET ? 0 : 1);
    long now = now();
    long since = history.attempts() == 0 ? now - trouble.silentFor().toNanos() : history.since();
    Set<String> failed = new HashSet<>(history.failed());
    failed.add(attempt.nodeId);
    Duration pause = hasAnotherOwner(attempt) ? Duration.ZERO : Setback.pauseBefore(attempts + 1, trouble.retryAfter());
    return new Setback(attempt.shipment.unpack(model), groups, attempts, since, now + pause.toNanos(),
        history.placement(), failed, "node %s: %s".formatted(attempt.nodeId, trouble.reason()));
  }

  private void endLateAttempts() {
    long now = now();
    for (Attempt attempt : List.copyOf(underWay)) {
      if (now - attempt.sentAt > settings.attemptTimeout().toNanos()) {
        attempt.call.cancel();
        underWay.remove(attempt);
        retry(attempt, Trouble.of("no answer within %d ms".formatted(settings.attemptTimeout().toMillis())));
      }
    }
  }

  /// With all shards that nobody holds now, so that they are waited for once.
  private ExpertsUnavailableException ownerless(Setback setback) {
    Set<ShardId> shards = model.shards().stream()
        .filter(shard -> ReplicaChoice.usable(context, shard.layer(), shard.group()).isEmpty())
        .collect(Collectors.toSet());
    return unavailable(setback, noOwner(), new MissingExperts(context.placement().get().epoch(), shards));
  }

  private String noOwner() {
    return "no other owner within %d ms".formatted(settings.ownerPatience().toMillis());
  }

  private ExpertsUnavailableException unavailable(Setback setback, String why) {
    return unavailable(setback, why, MissingExperts.NONE);
  }

  private ExpertsUnavailableException unavailable(Setback setback, String why, MissingExperts nobodys) {
    cancel();
    return new ExpertsUnavailableException(layer, setback.groups(),
        "layer %d groups %s cannot be computed at placement epoch %d: %s (%s); the request can be repeated".formatted(
            layer,
            setback.groups(), context.placement().get().epoch(), setback.reason(), why), nobodys);
  }

  /// How long [#await] stood still.
  DispatchTimes times() {
    return standstill.times();
  }

  /// Nobody waits any more.
  public void cancel() {
    underWay.forEach(attempt -> Optional.ofNullable(attempt.call).ifPresent(ExpertStream.Call::cancel));
    underWay.clear();
    setbacks.clear();
  }

  /// Adds the groups in ascending order to `combined`, `(tokens, hiddenSize)`, which begins with zeros.
  public void addTo(float[] combined) {
    int hiddenSize = model.hiddenSize();
    sums.forEach((group, part) -> {
      ResultPayload result = part.result();
      for (int sum = 0; sum < result.token().length; sum++) {
        if (result.group()[sum] == group) {
          add(result.rows(), sum * hiddenSize, combined, part.shipment().token()[result.token()[sum]] * hiddenSize);
        }
      }
    });
  }

  private void add(float[] rows, int from, float[] combined, int to) {
    for (int i = 0; i < model.hiddenSize(); i++) {
      combined[to + i] += rows[from + i];
    }
  }
}
