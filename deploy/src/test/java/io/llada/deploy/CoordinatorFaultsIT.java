package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.gateway.GatewayLimits;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What happens to coordinators while answers stream: none fails, and every stream is the one of an undisturbed run, with
/// no token twice and none missing.
class CoordinatorFaultsIT {
  /// More where it is run by hand: `-Dfaults.kills=100`.
  private static final int KILLS = Integer.getInteger("faults.kills", 2);
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static SharedPool pool;
  private static List<String> undisturbed;
  private static long usualPause;

  @BeforeAll
  static void start() throws Exception {
    pool = new SharedPool(false, GatewayLimits.defaults());
    List<StreamedAnswer> answers = ask();
    undisturbed = awaited(answers);
    usualPause = longestPause(answers);
    assertThat(undisturbed).allMatch(answer -> answer.startsWith("200") && answer.endsWith("[DONE]"));
  }

  @AfterAll
  static void stop() {
    pool.close();
    HTTP.close();
  }

  private static List<StreamedAnswer> ask() {
    return StreamedAnswer.questions().stream().map(body -> new StreamedAnswer(HTTP, pool.url(), body)).toList();
  }

  private static List<String> awaited(List<StreamedAnswer> answers) {
    return answers.stream().map(StreamedAnswer::await).toList();
  }

  /// Milliseconds.
  private static long longestPause(List<StreamedAnswer> answers) {
    return answers.stream().mapToLong(answer -> answer.longestPause().toMillis()).max().orElseThrow();
  }

  /// Asks, and waits until streams have begun and some are far from done.
  private static List<StreamedAnswer> askAndAwaitTheMiddle() {
    List<StreamedAnswer> answers = ask();
    await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5))
        .until(() -> answers.stream().filter(answer -> answer.texts() > 0).count() > 2);
    assertThat(answers).anyMatch(answer -> !answer.isDone());
    return answers;
  }

  private static void requireIdle() {
    await().atMost(PATIENCE).until(() -> pool.status(0).path("running").asInt() == 0
        && pool.status(1).path("running").asInt() == 0);
  }

  @Test
  void bothFollowOnePlanAndGiveTheSameBits() throws Exception {
    TwoCoordinatorsIT.requireOnePlanAndTheSameBits(pool, "static");
  }

  @Test
  void aCoordinatorIsKilledInTheMiddleOfBlocks() throws Exception {
    List<Long> pauses = new ArrayList<>();
    for (int kill = 0; kill < KILLS; kill++) {
      List<StreamedAnswer> answers = askAndAwaitTheMiddle();
      pool.coordinator(kill % 2).kill();
      assertThat(awaited(answers)).isEqualTo(undisturbed);
      pauses.add(longestPause(answers));
      pool.restartCoordinator(kill % 2);
    }
    System.out.printf("%d coordinators killed: longest time without text in a stream %s ms (%d ms undisturbed)%n",
        KILLS, pauses, usualPause);
    requireIdle();
  }

  @Test
  void aCoordinatorFreezesAndThaws() throws Exception {
    List<StreamedAnswer> answers = askAndAwaitTheMiddle();
    pool.coordinator(0).pause();
    try {
      assertThat(awaited(answers)).isEqualTo(undisturbed);
      System.out.printf("a coordinator frozen: longest time without text in a stream %d ms (%d ms undisturbed)%n",
          longestPause(answers), usualPause);
      assertThat(awaited(ask())).isEqualTo(undisturbed);
    } finally {
      pool.coordinator(0).resume();
    }
    pool.awaitWhole();
    assertThat(awaited(ask())).isEqualTo(undisturbed);
    requireIdle();
  }

  @Test
  void aGatewayThatIsAskedToEndEndsItsStreamsFirst() throws Exception {
    try (LladaProcess gateway = new LladaProcess(List.of("gateway", "--model", SharedPool.MODEL.toString(), "--port",
        "0", "--coordinator", pool.address(0) + "," + pool.address(1)))) {
      String url = gateway.awaitReady();
      List<StreamedAnswer> answers = StreamedAnswer.questions().stream()
          .map(body -> new StreamedAnswer(HTTP, url, body)).toList();
      await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5))
          .until(() -> answers.stream().allMatch(answer -> answer.texts() > 0));
      assertThat(gateway.terminate()).isZero();
      assertThat(awaited(answers)).isEqualTo(undisturbed);
    }
  }

  @Test
  void aClientGoesOnAtAnotherGatewayWhenItsOwnIsKilled() throws Exception {
    String question = StreamedAnswer.questions().get(1);
    StreamedAnswer whole = new StreamedAnswer(HTTP, pool.url(), question);
    assertThat(whole.await()).isEqualTo(undisturbed.get(1));
    try (LladaProcess gateway = new LladaProcess(List.of("gateway", "--model", SharedPool.MODEL.toString(), "--port",
        "0", "--coordinator", pool.address(0) + "," + pool.address(1)))) {
      StreamedAnswer begun = new StreamedAnswer(HTTP, gateway.awaitReady(), question, "Idempotency-Key", "key");
      await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5)).until(() -> begun.texts() > 0);
      gateway.kill();
      await().atMost(PATIENCE).until(begun::isDone);
      requireIdle(); // nobody denoises for a gateway that is gone
      StreamedAnswer rest = new StreamedAnswer(HTTP, pool.url(), question, "Last-Event-ID", begun.lastEventId());
      assertThat(rest.await()).startsWith("200");
      assertThat(begun.text() + rest.text()).isEqualTo(whole.text());
    }
  }

  @Test
  void aClientThatLeavesFreesItsSlot() throws Exception {
    try (HttpClient leaving = HttpClient.newHttpClient()) {
      List<StreamedAnswer> answers = StreamedAnswer.questions().stream()
          .map(body -> new StreamedAnswer(leaving, pool.url(), body)).toList();
      await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5))
          .until(() -> answers.stream().anyMatch(answer -> answer.texts() > 0));
      leaving.shutdownNow();
    }
    requireIdle();
    assertThat(awaited(ask())).isEqualTo(undisturbed);
  }

  @Test
  void everyProcessIsStartedAgainOneAfterTheOtherUnderLoad() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    AtomicInteger answered = new AtomicInteger();
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<CompletableFuture<Void>> load = new ArrayList<>();
      for (int client = 0; client < 3; client++) {
        int question = 2 * client;
        load.add(CompletableFuture.runAsync(() -> {
          while (!isOver.get()) {
            assertThat(new StreamedAnswer(HTTP, pool.url(), StreamedAnswer.questions().get(question)).await())
                .isEqualTo(undisturbed.get(question));
            answered.incrementAndGet();
          }
        }, clients));
      }
      try {
        restartEverything();
      } finally {
        isOver.set(true);
      }
      load.forEach(CompletableFuture::join);
    }
    System.out.printf("rolling restart of %d processes: %d answers, none failed%n", SharedPool.COORDINATORS
        + SharedPool.NODES, answered.get());
  }

  private static void restartEverything() throws Exception {
    for (int coordinator = 0; coordinator < SharedPool.COORDINATORS; coordinator++) {
      assertThat(pool.coordinator(coordinator).terminate()).isZero();
      pool.restartCoordinator(coordinator);
    }
    for (int node = 0; node < SharedPool.NODES; node++) {
      assertThat(pool.node(node).terminate()).isZero();
      pool.restartNode(node);
    }
  }
}
