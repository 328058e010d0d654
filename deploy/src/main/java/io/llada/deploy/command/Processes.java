package io.llada.deploy.command;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;

/// The life of this process.
final class Processes {
  private Processes() {}

  /// Waits until the process is asked to end (SIGTERM, SIGINT), then returns so that resources are closed in order;
  /// the process lives until they are.
  static void awaitTermination() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("shutdown").unstarted(() -> {
      asked.countDown();
      try {
        main.join(SHUTDOWN_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }));
    asked.await();
  }

  private static final long SHUTDOWN_MILLIS = 15_000;

  /// Ends the process when its standard input ends: the parent is gone.
  static void endWithInput() {
    Thread.ofPlatform().daemon().name("parent-watch").start(() -> {
      try {
        while (System.in.read() >= 0) {
          // A parent writes nothing; only the end matters.
        }
      } catch (IOException e) {
        // The pipe is broken: the parent is gone as well.
      }
      Runtime.getRuntime().halt(0);
    });
  }

  static long physicalMemoryBytes() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }
}
