package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorServer;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.OpenedResources;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Ten times as many clients as there are places.
class OverloadIT {
  private static final int PLACES = 8;
  private static final int TIMES = 10;
  private static final Duration PHASE = Duration.ofSeconds(3);
  private static final String ANSWER = "The white crab lives in Lobel.";
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final OpenedResources OPENED = new OpenedResources();
  private static URI url;

  @BeforeAll
  static void start() throws Exception {
    Coordinator coordinator = OPENED.keep(Coordinator.open(new CoordinatorSettings("c", SharedPool.MODEL,
        new ExpertSource.Local(), ComputeSettings.usual(), SchedulerLimits.DEFAULTS, PlacementGoals.SINGLE)));
    CoordinatorServer server = OPENED.keep(new CoordinatorServer("127.0.0.1", 0, coordinator));
    GatewayLimits usual = GatewayLimits.defaults();
    GatewayServer gateway = OPENED.keep(new GatewayServer(new GatewaySettings("127.0.0.1", 0, SharedPool.MODEL, List.of(
        new Endpoint("127.0.0.1", server.start())),
        new GatewayLimits(usual.maxBodyBytes(), PLACES, usual
            .maxConnections(), usual.answerDeadline(), usual.requestReadTimeout(), usual.slowReaderTimeout(),
            usual
                .idleTimeout(),
            usual.streamKeepAlive(), usual.resumeTimeout(), usual.shutdownGrace()))));
    url = URI.create("http://127.0.0.1:" + gateway.start() + "/v1/chat/completions");
  }

  @AfterAll
  static void stop() {
    OPENED.close();
    HTTP.close();
  }

  /// What clients saw within one phase.
  private static final class Seen {
    private final AtomicInteger answered = new AtomicInteger();
    private final ConcurrentLinkedQueue<Long> refusedNanos = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
  }

  /// Clients that ask again and again; one that is refused waits as long as it was told.
  private static Seen run(int clients) throws InterruptedException {
    Seen seen = new Seen();
    long end = System.nanoTime() + PHASE.toNanos();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      threads.add(Thread.ofVirtual().name("client-" + i).start(() -> {
        while (System.nanoTime() - end < 0) {
          ask(seen);
        }
      }));
    }
    for (Thread thread : threads) {
      assertThat(thread.join(Duration.ofMinutes(2))).isTrue();
    }
    return seen;
  }

  private static void ask(Seen seen) {
    try {
      long asked = System.nanoTime();
      HttpResponse<String> response = HTTP.send(HttpRequest.newBuilder(url).header("content-type", "application/json")
          .POST(HttpRequest.BodyPublishers.ofString(
              "{\"messages\":[{\"role\":\"user\",\"content\":\"Where is the home of the white crab?\"}]}"))
          .build(), HttpResponse.BodyHandlers.ofString());
      boolean isRefused = response.statusCode() == 429 || response.statusCode() == 503;
      if (isRefused) {
        seen.refusedNanos.add(System.nanoTime() - asked);
        Thread.sleep(Duration.ofSeconds(response.headers().firstValueAsLong("retry-after").orElseThrow()));
      } else if (response.statusCode() == 200 && response.body().contains(ANSWER)) {
        seen.answered.incrementAndGet();
      } else {
        seen.wrong.add(response.statusCode() + response.body());
      }
    } catch (Exception e) {
      seen.wrong.add(e.toString());
    }
  }

  @Test
  void overloadIsRefusedAtOnceAndCostsLittleOfWhatIsAnswered() throws Exception {
    run(PLACES); // warm-up
    int peak = 0;
    int goodput = 0;
    List<Long> refused = new ArrayList<>();
    for (int round = 0; round < 3; round++) { // by turns, because a machine's speed changes
      Seen alone = run(PLACES);
      Seen crowd = run(PLACES * TIMES);
      assertThat(alone.wrong).isEmpty();
      assertThat(crowd.wrong).isEmpty();
      assertThat(crowd.refusedNanos).isNotEmpty();
      peak += alone.answered.get();
      goodput += crowd.answered.get();
      refused.addAll(crowd.refusedNanos);
    }
    refused.sort(null);
    System.out.printf("%d times as many clients as places: %d answers where %d were the most (%.0f %%), %d refusals,"
        + " half of them within %.1f ms%n", TIMES, goodput, peak, 100.0 * goodput / peak, refused.size(),
        refused.get(refused.size() / 2) / 1e6);
    assertThat(goodput).isGreaterThan(peak / 2);
  }
}
