package io.llada.deploy.command;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// The life of this process.
public final class Processes {
  private static final Duration USUAL_BOUND = Duration.ofSeconds(15);

  private Processes() {}

  private static final CompletableFuture<Integer> EXIT_CODE = new CompletableFuture<>();

  /// Waits until the process is asked to end (SIGTERM, SIGINT), then returns so that resources are closed in order;
  /// the process lives until [#exit], and no longer than the bound.
  static void awaitTermination(Duration bound) throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    onTermination(asked::countDown, bound);
    asked.await();
  }

  /// Calls back when the process is asked to end; it lives until [#exit], and no longer than the bound.
  static void onTermination(Runnable asked, Duration bound) {
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("shutdown").unstarted(() -> {
      asked.run();
      try {
        // Asked to end and ended well is not a failure: the exit code is ours, not the signal's.
        Runtime.getRuntime().halt(EXIT_CODE.get(bound.toMillis(), TimeUnit.MILLISECONDS));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (ExecutionException | TimeoutException e) {
        System.err.println("not everything was closed within " + bound.toSeconds() + " s");
      }
    }));
  }

  /// As above, with the usual bound.
  static void awaitTermination() throws InterruptedException {
    awaitTermination(USUAL_BOUND);
  }

  /// Ends the process with an exit code, whether or not it was asked to end.
  public static void exit(int code) {
    EXIT_CODE.complete(code);
    System.exit(code);
  }

  static long physicalMemoryBytes() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }
}
