package io.llada.deploy.synth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.deploy.failure.CommandFailedException;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A synthetic checkpoint is one that every part of the system takes for real.
class SyntheticCheckpointTest {
  private static final SyntheticShape TINY = SyntheticShape.of(SyntheticShape.Like.TINY).withLayers(2);

  @TempDir
  static Path directory;
  private static ComputePool pool;
  private static Path model;

  @BeforeAll
  static void writesOne() throws IOException {
    pool = new ComputePool(2);
    model = write("model", TINY, 1);
  }

  @AfterAll
  static void closesThePool() {
    pool.close();
  }

  private static Path write(String name, SyntheticShape shape, long seed) throws IOException {
    Path target = directory.resolve(name);
    SyntheticCheckpoint.write(target, shape, seed, pool, (part, parts) -> {});
    return target;
  }

  @Test
  void itOpensWithItsShape() {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.config().layers()).isEqualTo(2);
      assertThat(checkpoint.config().maskTokenId()).isEqualTo(TINY.maskToken());
      assertThat(checkpoint.config().moe().orElseThrow().experts()).isEqualTo(256);
    }
  }

  @Test
  void aBlockTouchesAsManyExpertsAsInATrainedModel() {
    assertThat(RoutingCheck.run(model, 1, pool)).hasSize(1).allMatch(RoutingCheck.Touched::isHealthy);
  }

  @Test
  void theCheckRefusesACollapsedRouting() {
    assertThat(new RoutingCheck.Touched(1, 8, 160).isHealthy()).isFalse();
    assertThat(new RoutingCheck.Touched(1, 160, 250).isHealthy()).isFalse();
  }

  @Test
  void theTokenizerEncodesAnyTextAndGivesItBack() throws IOException {
    try (PromptEncoder encoder = PromptEncoder.load(model)) {
      String text = "Grüße, 世界! \uD83E\uDD80\n\t<|mask|>\u0000";
      assertThat(encoder.decode(encoder.encode(text))).isEqualTo(text);
      assertThat(encoder.maskToken()).contains(TINY.maskToken());
      assertThat(encoder.chatFormat()).isPresent();
    }
  }

  @Test
  void theSameSeedGivesTheSameBytesAndAnotherOneOthers() throws IOException {
    String weights = "model-00001-of-00001.safetensors";
    assertThat(Files.mismatch(write("again", TINY, 1).resolve(weights), model.resolve(weights))).isEqualTo(-1);
    assertThat(Files.mismatch(write("other", TINY, 2).resolve(weights), model.resolve(weights))).isNotEqualTo(-1);
  }

  @Test
  void nothingIsOverwritten() {
    assertThatThrownBy(() -> write("model", TINY, 1)).isInstanceOf(CommandFailedException.class).hasMessageContaining(
        "is not empty");
  }

  @Test
  void thePublishedShapesKeepThePublishedIds() {
    SyntheticShape mini = SyntheticShape.of(SyntheticShape.Like.MINI);
    assertThat(mini.maskToken()).isEqualTo(156_895);
    assertThat(mini.endToken()).isEqualTo(156_892);
  }
}
