package io.llada.coordinator.simulation;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// The only clock and the only scheduler of a simulation. What happens at the same nanosecond happens in an order that
/// the seed decides.
final class VirtualTime {
  private static final int REMEMBERED = 400;
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private final PriorityQueue<Event> queue = new PriorityQueue<>();
  private final Deque<String> recent = new ArrayDeque<>();
  private final Consumer<String> log;
  private final boolean isRemembering;
  private long now = 1;
  private long scheduled;
  private long ties;
  private long hash = 17;
  private long events;

  private record Event(long time, long tie, String who, String what, Runnable action) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return time != other.time ? Long.compare(time, other.time) : Long.compare(tie, other.tie);
    }
  }

  /// @param seed decides between events of one moment
  /// @param log takes a line for everything that happens; empty lines of work are saved where nobody reads them
  VirtualTime(long seed, LogLines log) {
    ties = seed;
    this.log = log.sink();
    isRemembering = log.isRead();
  }

  /// Who reads the event log.
  record LogLines(boolean isRead, Consumer<String> sink) {
    static final LogLines NOBODY = new LogLines(false, line -> {});

    static LogLines remembered() {
      return new LogLines(true, line -> {});
    }

    static LogLines to(Consumer<String> sink) {
      return new LogLines(true, sink);
    }
  }

  long now() {
    return now;
  }

  long events() {
    return events;
  }

  /// Of every event so far: equal for two runs that were equal.
  long hash() {
    return hash;
  }

  /// Has something happen after some nanoseconds.
  void after(long nanos, String who, String what, Runnable action) {
    scheduled++;
    ties += GOLDEN;
    queue.add(new Event(now + Math.max(0, nanos), mixed(ties + scheduled), who, what, action));
  }

  /// Writes down something that is not an event of its own.
  void note(String who, Supplier<String> what) {
    if (isRemembering) {
      remember("%s %s".formatted(who, what.get()));
    }
  }

  private void remember(String line) {
    String timed = "%12.6f  %s".formatted(now / 1e9, line);
    log.accept(timed);
    if (recent.size() == REMEMBERED) {
      recent.removeFirst();
    }
    recent.addLast(timed);
  }

  Iterable<String> recent() {
    return recent;
  }

  /// Runs everything up to a moment.
  ///
  /// @param afterEach called after every event with its process
  void runUntil(long end, Consumer<String> afterEach) {
    while (!queue.isEmpty() && queue.peek().time <= end) {
      Event event = queue.poll();
      now = event.time;
      events++;
      hash = mixed(hash * 31 + now) ^ mixed(event.who.hashCode() * 31L + event.what.hashCode());
      if (isRemembering) {
        remember(event.who + " " + event.what);
      }
      event.action.run();
      afterEach.accept(event.who);
    }
    now = Math.max(now, end);
  }

  /// A number in which every bit depends on every bit: the finalizer of SplitMix64.
  static long mixed(long seed) {
    long mixed = (seed ^ seed >>> 30) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
    return mixed ^ mixed >>> 31;
  }
}
