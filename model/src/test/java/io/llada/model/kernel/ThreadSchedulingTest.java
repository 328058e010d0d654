package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ThreadSchedulingTest {
  /// Of the fields behind the name in `/proc/thread-self/stat`, which begin with the third.
  private static final int POLICY = 41 - 3;
  private static final String BATCH = "3";

  @Test
  @EnabledOnOs(OS.LINUX)
  void aThreadThatComputesAsksForBatchScheduling() throws InterruptedException, ExecutionException, TimeoutException {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      boolean agreed = thread.submit(ThreadScheduling::compute).get(10, TimeUnit.SECONDS);
      assertThat(thread.submit(ThreadSchedulingTest::policy).get(10, TimeUnit.SECONDS).equals(BATCH)).isEqualTo(agreed);
      assertThat(agreed).isTrue();
    } finally {
      thread.shutdownNow();
    }
  }

  private static String policy() throws IOException {
    String stat = Files.readString(Path.of("/proc/thread-self/stat"));
    return stat.substring(stat.lastIndexOf(')') + 2).split(" ")[POLICY];
  }
}
