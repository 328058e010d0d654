package io.llada.coordinator.placement;

import io.llada.cluster.ClosableThread;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The thread `placement-driver`: has a [PlacementDriver] do what is due, and sleeps in between.
public final class PlacementThread implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PlacementThread.class);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration PAUSE_AFTER_FAILURE = Duration.ofMillis(500);

  private final PlacementDriver driver;
  private final BlockingQueue<Boolean> alarms = new LinkedBlockingQueue<>(1);
  private final ClosableThread thread;

  public PlacementThread(PlacementDriver driver) {
    this.driver = driver;
    thread = new ClosableThread("placement-driver", this::run, CLOSE_TIMEOUT);
    driver.onWork(() -> alarms.offer(true));
  }

  public void start() {
    thread.start();
  }

  private void run() {
    while (!thread.isClosed()) {
      try {
        alarms.poll(advance(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private long advance() throws InterruptedException {
    try {
      return driver.advance();
    } catch (RuntimeException e) {
      LOG.error("a placement round failed, trying again in {}", PAUSE_AFTER_FAILURE, e);
      Thread.sleep(PAUSE_AFTER_FAILURE);
      return 0;
    }
  }

  @Override
  public void close() {
    thread.close();
  }
}
