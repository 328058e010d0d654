package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class WorkspaceTest {
  private final Workspace workspace = new Workspace();

  @Test
  void whoeverComesBackToAMarkFindsTheSameBuffers() {
    workspace.floats(3);
    long mark = workspace.mark();
    float[] first = workspace.floats(10);
    int[] ints = workspace.ints(10);
    long[] longs = workspace.longs(10);
    short[] shorts = workspace.shorts(10);
    byte[] bytes = workspace.bytes(10);
    float[] second = workspace.floats(10);
    assertThat(second).isNotSameAs(first);
    workspace.release(mark);
    assertThat(workspace.floats(9)).isSameAs(first);
    assertThat(workspace.ints(10)).isSameAs(ints);
    assertThat(workspace.longs(1)).isSameAs(longs);
    assertThat(workspace.shorts(1)).isSameAs(shorts);
    assertThat(workspace.bytes(1)).isSameAs(bytes);
    assertThat(workspace.floats(10)).isSameAs(second);
  }

  @Test
  void buffersInUseAreNotGivenOutAgain() {
    float[] outer = workspace.floats(4);
    long mark = workspace.mark();
    workspace.floats(4);
    workspace.release(mark);
    assertThat(workspace.floats(4)).isNotSameAs(outer);
  }

  @Test
  void aBufferThatGrowsALittleEveryTimeIsSeldomMadeAnew() {
    float[] last = workspace.floats(1000);
    int made = 0;
    for (int length = 1000; length < 2000; length++) {
      workspace.release(0);
      float[] buffer = workspace.floats(length);
      assertThat(buffer.length).isGreaterThanOrEqualTo(length);
      made += buffer == last ? 0 : 1;
      last = buffer;
    }
    assertThat(made).isEqualTo(2);
  }

  @Test
  void buffersThatAreNeverReleasedAreNoticed() {
    assertThatThrownBy(() -> {
      for (int i = 0; i < 10_000; i++) {
        workspace.ints(1);
      }
    }).isInstanceOf(IllegalStateException.class).hasMessageContaining("4095");
  }

  @Test
  void zerosAreZeroInAUsedBuffer() {
    workspace.floats(3)[1] = 7;
    workspace.release(0);
    assertThat(workspace.zeros(3)).containsOnly(0);
  }

  @Test
  void aThreadHasOneWorkspaceOfItsOwn() throws InterruptedException {
    Workspace here = Workspace.ofThread();
    Workspace[] there = new Workspace[1];
    Thread other = Thread.ofPlatform().start(() -> there[0] = Workspace.ofThread());
    other.join(10_000);
    assertThat(Workspace.ofThread()).isSameAs(here).isNotSameAs(there[0]);
    assertThat(there[0]).isNotNull();
  }
}
