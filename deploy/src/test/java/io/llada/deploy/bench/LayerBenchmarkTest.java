package io.llada.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.deploy.bench.LayerBenchmark.Line;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.WeightFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// How figures of a layer are compared with the machine. How fast anything is stays out of tests.
class LayerBenchmarkTest {
  private static final MachineSpeed MACHINE = new MachineSpeed(40, 200, 800);

  private static Line line(WeightFormat format) {
    return new Line(ExpertShape.MINI, format, 32, 160, 50, 1, 4, MACHINE);
  }

  @Test
  void weightsAreComparedWithTheBandwidthOfTheSameRun() {
    assertThat(line(WeightFormat.BF16).weightGBs()).isCloseTo(20, within(1e-9));
    assertThat(line(WeightFormat.BF16).readFraction()).isCloseTo(0.5, within(1e-9));
  }

  @Test
  void operationsAreComparedWithThePeakOfWhatMultipliesTheFormat() {
    assertThat(line(WeightFormat.BF16).peakFraction()).isCloseTo(0.4, within(1e-9));
    assertThat(line(WeightFormat.INT8).peakFraction()).isCloseTo(0.1, within(1e-9));
  }

  @Test
  void theNearerLimitIsTheRoofline() {
    assertThat(line(WeightFormat.BF16).rooflineFraction()).isCloseTo(0.5, within(1e-9));
    assertThat(new Line(ExpertShape.MINI, WeightFormat.F32, 256, 256, 50, 1, 9, MACHINE).rooflineFraction())
        .isCloseTo(0.9, within(1e-9));
  }

  @Test
  void nothingIsMeasuredWithoutTokens() {
    assertThatThrownBy(() -> new LayerBenchmark(Kernels.best(), 1, 32, 0)).hasMessageContaining("[32, 0]");
  }

  @ParameterizedTest
  @EnumSource
  void aShapeTakesWhatItsExpertsTake(WeightFormat format) {
    assertThat(ExpertShape.MINI.bytes(format)).isEqualTo(new RandomLayer(ExpertShape.MINI, format, 1).experts()
        .expertBytes());
  }
}
