package io.llada.deploy.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.DeviceBandwidth;
import io.llada.model.kernel.opencl.DeviceTuning;
import io.llada.model.kernel.opencl.OpenClDevice;
import io.llada.model.kernel.opencl.OpenClExperts;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Consumer;

/// One MoE layer of mini's and of flash's shape, 8 of 256 experts per token, on an OpenCL device and on the processor's
/// vector units in turn, beside a plain copy of the device's memory in the same run.
///
/// Best of some repetitions each. Results are compared: a figure of a wrong result would be worth nothing.
public final class DeviceBenchmark {
  private static final int[] TOKENS = {32, 64, 256};

  private final OpenClDevice device;
  private final DeviceTuning tuning;
  private final int repetitions;
  private final long weightBytes;

  /// One case.
  ///
  /// @param shape whose experts
  /// @param format of the weights
  /// @param tokens rows of the batch
  /// @param touched distinct experts that the batch uses
  /// @param deviceMs one layer on the device, with bringing rows there and sums back
  /// @param vectorMs the same on the processor
  /// @param gigabytes weights of the touched experts, 10^9 bytes
  /// @param gflop a multiply-add is two operations
  /// @param copyGBs copy bandwidth of the device in this run
  public record Line(ExpertShape shape, WeightFormat format, int tokens, int touched, double deviceMs, double vectorMs,
      double gigabytes, double gflop, double copyGBs) {
    public double deviceGBs() {
      return gigabytes / deviceMs * 1e3;
    }

    public double deviceGflops() {
      return gflop / deviceMs * 1e3;
    }

    /// Speed of the device, the processor's being 1.
    public double ratio() {
      return vectorMs / deviceMs;
    }

    public double copyFraction() {
      return deviceGBs() / copyGBs;
    }
  }

  /// @param weightBytes most bytes of a case's weights on the device, and once more for the processor; where all experts
  ///   take more, some share their memory
  public DeviceBenchmark(OpenClDevice device, DeviceTuning tuning, int repetitions, long weightBytes) {
    if (repetitions < 1 || weightBytes < 1) {
      throw new IllegalArgumentException("repetitions and memory must be at least 1, found %d and %d".formatted(
          repetitions, weightBytes));
    }
    this.device = device;
    this.tuning = tuning;
    this.repetitions = repetitions;
    this.weightBytes = weightBytes;
  }

  /// Runs all cases of a shape and format.
  ///
  /// @param done told of each line
  /// @throws IllegalStateException when device and processor disagree
  public void run(ExpertShape shape, WeightFormat format, Consumer<Line> done) {
    RandomLayer random = new RandomLayer(shape, format, weightBytes);
    try (Arena arena = Arena.ofShared();
        ComputePool pool = ComputePool.ofAllCores();
        OpenClExperts experts = new OpenClExperts(device, tuning, random.experts().moe(), shape.hiddenSize(), "")) {
      List<ExpertShard> here = random.shards(arena);
      List<ExpertShard> there = random.shards(id -> experts.load(id, random.experts()));
      ExpertFeedForward vector = random.on(Kernels.best(), pool);
      double copyGBs = DeviceBandwidth.copyBytesPerSecond(device) / 1e9;
      for (int tokens : TOKENS) {
        RandomLayer.Work work = random.work(tokens);
        ExpertBatch batch = work.batch();
        requireAgreement(vector.compute(batch, here::get).rows(), experts.compute(batch, there::get).rows());
        long onDevice = Long.MAX_VALUE;
        long onProcessor = Long.MAX_VALUE;
        for (int i = 0; i < repetitions; i++) {
          long start = System.nanoTime();
          experts.compute(batch, there::get);
          long between = System.nanoTime();
          vector.compute(batch, here::get);
          onDevice = Math.min(onDevice, between - start);
          onProcessor = Math.min(onProcessor, System.nanoTime() - between);
        }
        done.accept(new Line(shape, format, tokens, work.touched(), onDevice / 1e6, onProcessor / 1e6, work.gigabytes(),
            work.gflop(), copyGBs));
      }
    }
  }

  private void requireAgreement(float[] expected, float[] found) {
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow((double) expected[i] - found[i], 2);
      size += Math.pow(expected[i], 2);
    }
    if (!(Math.sqrt(error / size) < 1e-5)) {
      throw new IllegalStateException("%s and the processor disagree: relative error %g".formatted(device, Math.sqrt(
          error / size)));
    }
  }

  /// The lines and what they were measured on.
  public ObjectNode json(List<Line> lines, double launchSeconds) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("device", device.label()).put("platform", device.platform())
        .put("driver", device.driver()).put("type", device.type().name()).put("tuning", tuning.toString()).put(
            "launchMicros", launchSeconds * 1e6);
    ArrayNode array = root.putArray("lines");
    for (Line line : lines) {
      array.addObject().put("shape", line.shape.name()).put("format", line.format.name()).put("tokens", line.tokens)
          .put(
              "expertsTouched", line.touched)
          .put("deviceMs", line.deviceMs).put("vectorMs", line.vectorMs).put("deviceGBs",
              line.deviceGBs())
          .put("deviceGflops", line.deviceGflops()).put("ratioToVector", line.ratio()).put("copyGBs", line.copyGBs)
          .put("copyFraction", line.copyFraction());
    }
    return root;
  }
}
