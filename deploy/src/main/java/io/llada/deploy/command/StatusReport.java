package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The gateway's `/status` as lines for people. What is not known is a dash, never a zero.
final class StatusReport {
  private static final String ROW = "  %-16s %-21s %-8s %-8s %6s %10s %6s %6s %11s %11s %-24s %s";
  // Such nodes do no work; what was last heard of their load is not true any more.
  private static final Set<String> UNUSED = Set.of("lost", "refused");
  private static final String UNKNOWN = "-";

  private StatusReport() {}

  static List<String> lines(JsonNode status) {
    List<String> lines = new ArrayList<>();
    boolean isReady = status.path("ready").asBoolean();
    lines.add(isReady ? "ready" : "not ready");
    if (!isReady) {
      status.path("reasons").forEach(reason -> lines.add("  " + reason.asText()));
    }
    for (JsonNode coordinator : status.path("coordinators")) {
      if (coordinator.path("state").asText().equals("reachable")) {
        addReachable(lines, coordinator);
      } else if (isReady) { // otherwise the reasons have said it
        lines.add("coordinator %s: %s".formatted(coordinator.path("endpoint").asText(),
            coordinator.path("reason").asText(coordinator.path("state").asText())));
      }
    }
    return lines;
  }

  private static void addReachable(List<String> lines, JsonNode coordinator) {
    lines.add("coordinator %s: %s, %d running, %d queued".formatted(coordinator.path("endpoint").asText(),
        coordinator.path("model").asText(), coordinator.path("running").asInt(), coordinator.path("queued").asInt()));
    lines.add("  %d forward passes, %d tokens, last forward pass %s, placement epoch %d, %s".formatted(
        coordinator.path("forwards").asLong(), coordinator.path("tokens").asLong(),
        age(coordinator.path("lastForwardAgeMillis").asLong(-1)), coordinator.path("epoch").asLong(),
        coordinator.path("numericsClass").asText()));
    addCounts(lines, coordinator);
    lines.add("  registry: " + coordinator.path("registry").asText(UNKNOWN)
        + (coordinator.path("draining").asBoolean() ? ", shutting down" : ""));
    addShards(lines, "shards without an owner", coordinator.path("missingShards"));
    addShards(lines, "shards with too few owners", coordinator.path("underReplicated"));
    if (!coordinator.path("expertNodes").isEmpty()) {
      lines.add(row("expert node", "address", "zone", "state", "shards", "weights", "speed", "queue", "round trip",
          "slowest", "loaded from", "device"));
      coordinator.path("expertNodes").forEach(node -> lines.add(row(node)));
    }
  }

  private static void addCounts(List<String> lines, JsonNode coordinator) {
    if (!coordinator.path("expertNodes").isEmpty()) {
      lines.add(String.format(Locale.ROOT,
          "  %d hedges, %d failovers; %d plans made, %d taken up; imbalance %.2f",
          coordinator.path("hedges").asLong(), coordinator.path("failovers").asLong(),
          coordinator.path("plansMade").asLong(), coordinator.path("plansTakenUp").asLong(),
          coordinator.path("imbalance").asDouble()));
    }
  }

  private static void addShards(List<String> lines, String what, JsonNode shards) {
    if (!shards.isEmpty()) {
      List<String> names = new ArrayList<>();
      shards.forEach(shard -> names.add(shard.asText()));
      lines.add("  " + what + ": " + String.join(", ", names));
    }
  }

  private static String row(JsonNode node) {
    String state = node.path("state").asText();
    boolean isUsed = !UNUSED.contains(state);
    String zone = node.path("zone").asText();
    return row(node.path("id").asText(), node.path("endpoint").asText(), zone.isEmpty() ? UNKNOWN : zone, state,
        isUsed ? node.path("shards").asText() : UNKNOWN,
        isUsed ? InspectCommand.bytes(node.path("weightBytes").asLong()) : UNKNOWN,
        isUsed ? String.format(Locale.ROOT, "%.2f", node.path("speed").asDouble()) : UNKNOWN,
        isUsed ? node.path("queueDepth").asText() : UNKNOWN,
        isUsed ? millis(node.path("roundTripMicros").asDouble()) : UNKNOWN,
        isUsed ? millis(node.path("slowestRoundTripMicros").asDouble()) : UNKNOWN,
        isUsed ? sources(node.path("loadedBytes")) : UNKNOWN,
        node.path("detail").asText().isEmpty() ? node.path("device").asText() : node.path("detail").asText());
  }

  private static String millis(double micros) {
    return micros > 0 ? String.format(Locale.ROOT, "%.2f ms", micros / 1000) : UNKNOWN;
  }

  private static String sources(JsonNode loadedBytes) {
    List<String> sources = new ArrayList<>();
    loadedBytes.properties().forEach(
        source -> sources.add(source.getKey() + " " + InspectCommand.bytes(source.getValue().asLong())));
    sources.sort(null);
    return sources.isEmpty() ? UNKNOWN : String.join(", ", sources);
  }

  private static String row(String... columns) {
    return ROW.formatted((Object[]) columns).stripTrailing();
  }

  private static String age(long millis) {
    return millis < 0 ? "none yet" : String.format(Locale.ROOT, "%.1f s ago", millis / 1000.0);
  }
}
