package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.Placement;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.config.ShardId;
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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;

/// One layer's rows under way: which groups are still missing, who was asked for them, and what to do when it fails.
///
/// Used by one thread at a time: the one that dispatches and then waits. Connections only drop answers into the inbox.
/// The first result for a group counts; whatever comes later for it is ignored, so asking twice is harmless. (That is
/// where a hedge would go: a second attempt for groups that are late.)
final class LayerDispatch {
  private static final Duration LATE_CHECK = Duration.ofMillis(100);
  private static final Duration PLACEMENT_POLL = Duration.ofMillis(10);

  private final int layer;
  private final ExpertModel model;
  private final DispatchSettings settings;
  private final Supplier<Placement> placement;
  private final Function<String, Optional<ExpertConnection>> connections;
  private final BlockingQueue<Event> inbox = new LinkedBlockingQueue<>();
  private final long startedAt = System.nanoTime();
  private final TreeMap<Integer, GroupSums> sums = new TreeMap<>();
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
  private record Trouble(String reason, Duration silentFor, Duration retryAfter) {
    static Trouble of(String reason) {
      return new Trouble(reason, Duration.ZERO, Duration.ZERO);
    }
  }

  LayerDispatch(int layer, ExpertModel model, DispatchSettings settings, Supplier<Placement> placement,
      Function<String, Optional<ExpertConnection>> connections) {
    this.layer = layer;
    this.model = model;
    this.settings = settings;
    this.placement = placement;
    this.connections = connections;
  }

  /// Sends every group to its owner; what has none is retried by [#await].
  void begin(RoutedRows rows) {
    try {
      send(new Setback(rows, rows.groups(model.moe()), 0, startedAt, startedAt, placement.get().epoch(), Set.of(),
          "no node holds them"));
    } catch (FrameException e) {
      throw malformed(e);
    }
  }

  private ExpertsUnavailableException malformed(FrameException defect) {
    cancel();
    return new ExpertsUnavailableException("layer %d: %s".formatted(layer, defect.getMessage()), defect);
  }

  /// Sends groups to their owners, one shipment per node.
  private void send(Setback setback) {
    Placement current = placement.get();
    Map<String, SortedSet<Integer>> groupsOf = new TreeMap<>();
    SortedSet<Integer> homeless = new TreeSet<>();
    for (int group : setback.groups()) {
      owner(current, group, setback.failed()).ifPresentOrElse(
          node -> groupsOf.computeIfAbsent(node, id -> new TreeSet<>()).add(group), () -> homeless.add(group));
    }
    Shipment.Terms terms = new Shipment.Terms(layer, ElementType.valueOf(settings.activationType().name()),
        current.epoch(), settings.attemptTimeout().toNanos() / 1_000);
    groupsOf.forEach((nodeId, groups) -> start(
        new Attempt(Shipment.of(setback.rows(), groups, terms, model), nodeId, System.nanoTime(), setback)));
    if (!homeless.isEmpty()) {
      // The caller's rows must not be kept, so what waits for an owner waits as an encoded frame's rows.
      RoutedRows kept = Shipment.of(setback.rows(), homeless, terms, model).unpack(model);
      setbacks.add(new Setback(kept, homeless, setback.attempts(), setback.since(),
          System.nanoTime() + PLACEMENT_POLL.toNanos(), setback.epoch(), setback.failed(), setback.reason()));
    }
  }

  /// The preferred owner that can be reached: one that has not failed yet, else any.
  private Optional<String> owner(Placement current, int group, Set<String> failed) {
    List<String> usable = current.owners(new ShardId(layer, group)).stream()
        .filter(node -> connections.apply(node).filter(ExpertConnection::isUsable).isPresent()).toList();
    return usable.stream().filter(node -> !failed.contains(node)).findFirst().or(() -> usable.stream().findFirst());
  }

  private void start(Attempt attempt) {
    underWay.add(attempt);
    Optional<ExpertConnection> connection = connections.apply(attempt.nodeId);
    if (connection.isEmpty()) {
      inbox.add(new Event(attempt, new Answer.Lost("its connection was closed", Duration.ZERO)));
      return;
    }
    attempt.call = connection.get().call(attempt.shipment, attempt.history.attempts(), settings.interactiveTokens(),
        answer -> inbox.add(new Event(attempt, answer)));
  }

  /// Waits until every group is there.
  ///
  /// @throws ExpertsUnavailableException when that cannot be, or not in time
  void await() {
    try {
      while (!underWay.isEmpty() || !setbacks.isEmpty()) {
        retryWhatIsDue();
        long since = System.nanoTime();
        Event event = inbox.poll(pause().toNanos(), TimeUnit.NANOSECONDS);
        standstill.stood(Duration.ofNanos(System.nanoTime() - since));
        if (event != null) {
          take(event);
        } else {
          endLateAttempts();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ExpertsUnavailableException("layer %d: interrupted while waiting for experts".formatted(layer), e);
    } catch (FrameException e) {
      throw malformed(e);
    }
  }

  private Duration pause() {
    return setbacks.isEmpty() ? LATE_CHECK : PLACEMENT_POLL.dividedBy(2);
  }

  private void retryWhatIsDue() {
    long now = System.nanoTime();
    for (Setback setback : List.copyOf(setbacks)) {
      boolean isNewPlacement = placement.get().epoch() != setback.epoch();
      if (now - startedAt > settings.budget().toNanos()) {
        throw unavailable(setback, "the budget of %s is spent".formatted(settings.budget()));
      }
      if (now - setback.since() > settings.ownerPatience().toNanos() && isHomeless(setback)) {
        throw unavailable(setback, "no other owner within %d ms".formatted(settings.ownerPatience().toMillis()));
      }
      if (now >= setback.retryAt() || isNewPlacement) {
        setbacks.remove(setback);
        send(isNewPlacement ? setback.under(placement.get().epoch()) : setback);
      }
    }
  }

  private boolean isHomeless(Setback setback) {
    return setback.groups().stream()
        .anyMatch(group -> owner(placement.get(), group, Set.of()).isEmpty());
  }

  private void take(Event event) {
    Attempt attempt = event.attempt();
    if (!underWay.remove(attempt)) {
      return;
    }
    switch (event.answer()) {
      case Answer.Lost lost -> retry(attempt, new Trouble(lost.reason(), lost.silentFor(), Duration.ZERO));
      case Answer.Arrived arrived -> {
        standstill.answered(Duration.ofNanos(System.nanoTime() - attempt.sentAt), arrived.frame().serviceTime());
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
    }
  }

  private void failed(Attempt attempt, FrameError error) {
    Trouble trouble = new Trouble(error.code() + " " + error.message(), Duration.ZERO, error.retryAfter());
    boolean elsewhere = error.code() == Code.INTERNAL && hasAnotherOwner(attempt);
    if (!error.code().isRetryable() && !elsewhere) {
      throw unavailable(setback(attempt, trouble), "repeating it would not help");
    }
    retry(attempt, trouble);
  }

  private boolean hasAnotherOwner(Attempt attempt) {
    return attempt.shipment.groups().stream().allMatch(group -> owner(placement.get(), group, Set.of(attempt.nodeId))
        .filter(node -> !node.equals(attempt.nodeId)).isPresent());
  }

  private void retry(Attempt attempt, Trouble trouble) {
    Setback setback = setback(attempt, trouble);
    if (setback.attempts() >= settings.maxAttempts()) {
      throw unavailable(setback, "%d attempts are the limit".formatted(settings.maxAttempts()));
    }
    setbacks.add(setback);
  }

  private Setback setback(Attempt attempt, Trouble trouble) {
    Setback history = attempt.history;
    int attempts = history.attempts() + 1;
    long now = System.nanoTime();
    long since = history.attempts() == 0 ? now - trouble.silentFor().toNanos() : history.since();
    Set<String> failed = new HashSet<>(history.failed());
    failed.add(attempt.nodeId);
    Duration pause = hasAnotherOwner(attempt) ? Duration.ZERO : Setback.pauseBefore(attempts, trouble.retryAfter());
    return new Setback(attempt.shipment.unpack(model), attempt.shipment.groups(), attempts, since,
        now + pause.toNanos(), attempt.shipment.frame().header().epoch(), failed,
        "node %s: %s".formatted(attempt.nodeId, trouble.reason()));
  }

  private void endLateAttempts() {
    long now = System.nanoTime();
    for (Attempt attempt : List.copyOf(underWay)) {
      if (now - attempt.sentAt > settings.attemptTimeout().toNanos()) {
        attempt.call.cancel();
        underWay.remove(attempt);
        retry(attempt, Trouble.of("no answer within %d ms".formatted(settings.attemptTimeout().toMillis())));
      }
    }
  }

  private ExpertsUnavailableException unavailable(Setback setback, String why) {
    cancel();
    return new ExpertsUnavailableException(
        "layer %d groups %s cannot be computed at placement epoch %d: %s (%s); the request can be repeated".formatted(
            layer,
            setback.groups(), placement.get().epoch(), setback.reason(), why));
  }

  /// How long [#await] stood still.
  DispatchTimes times() {
    return standstill.times();
  }

  /// Nobody waits any more.
  void cancel() {
    underWay.forEach(attempt -> Optional.ofNullable(attempt.call).ifPresent(ExpertStream.Call::cancel));
    underWay.clear();
    setbacks.clear();
  }

  /// Adds the groups in ascending order to `combined`, `(tokens, hiddenSize)`, which begins with zeros.
  void addTo(float[] combined) {
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
