package io.llada.deploy.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.layer.LayerProbe.Part;
import java.util.LinkedHashMap;
import java.util.Map;

/// What a benchmark of the model found.
///
/// @param msPerStep wall time of a forward pass with everything around it, milliseconds
/// @param msPerPart the same by part
/// @param tokensPerSecond positions predicted (step), prompt tokens (prefill), answer tokens (generate)
/// @param tokensPerForward the same tokens per forward pass of a sequence
/// @param cost what a pass has to do at least
/// @param expertsTouchedPerLayer distinct experts a pass uses in a layer
/// @param footprint what the model takes before and while it runs
public record Figures(double msPerStep, Map<String, Double> msPerPart, double tokensPerSecond, double tokensPerForward,
    Cost cost, double expertsTouchedPerLayer, Footprint footprint) {

  /// What a forward pass has to do at least, by part.
  ///
  /// @param bytes weights that are read: touched experts, everything the coordinator holds; keys and values
  /// @param operations operations of matrix products and attention, a multiply-add is two
  /// @param integers those of the operations that multiply integer weights
  /// @param hasNodes whether the experts are computed by expert nodes
  public record Cost(PartFigures bytes, PartFigures operations, PartFigures integers, boolean hasNodes) {
    /// No machine of this speed does a pass in less, if all parts could run at once, milliseconds.
    public double rooflineMs(MachineSpeed machine) {
      return machine.leastMs(bytes.sum(), operations.sum(), integers.sum());
    }

    /// The same for each part on its own, under the names of the parts. Parts run one after the other, so their sum is
    /// the tighter limit.
    Map<String, Double> rooflineMsPerPart(MachineSpeed machine) {
      Map<String, Double> parts = new LinkedHashMap<>();
      parts.put("attention", machine.leastMs(bytes.attention(), operations.attention(), integers.attention()));
      parts.put("router", machine.leastMs(bytes.router(), operations.router(), integers.router()));
      parts.put(hasNodes ? "wait" : "experts",
          machine.leastMs(bytes.experts(), operations.experts(), integers.experts()));
      parts.put("dense", machine.leastMs(bytes.dense(), operations.dense(), integers.dense()));
      parts.put("lmHead", machine.leastMs(bytes.head(), operations.head(), integers.head()));
      return parts;
    }
  }

  /// What a model takes.
  ///
  /// @param loadSeconds from nothing to ready, expert nodes included
  /// @param checkpointBytes of all tensors, as they are stored
  /// @param peakResidentBytes of this process and its expert nodes, before the machine's limits were measured
  public record Footprint(double loadSeconds, long checkpointBytes, long peakResidentBytes) {}

  /// The figures and how they compare with the machine.
  public ObjectNode json(MachineSpeed machine) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("msPerStep", msPerStep);
    msPerPart.forEach(root.putObject("msPerPart")::put);
    root.put("tokensPerSecond", tokensPerSecond).put("tokensPerForward", tokensPerForward);
    root.put("bytesReadPerStep", Math.round(cost.bytes.sum())).put("readBandwidthGBs", machine.readGBs()).put(
        "readBandwidthFraction", readFraction(machine));
    root.put("operationsPerStep", Math.round(cost.operations.sum())).put("peakGflops", machine.gflops()).put(
        "peakIntegerGops", machine.integerGops()).put("peakGflopsFraction", operationsFraction(machine));
    root.put("rooflineMs", cost.rooflineMs(machine)).put("rooflineFraction", rooflineFraction(machine));
    cost.rooflineMsPerPart(machine).forEach(root.putObject("rooflineMsPerPart")::put);
    return root.put("expertsTouchedPerLayer", expertsTouchedPerLayer).put("loadSeconds", footprint.loadSeconds).put(
        "checkpointBytes", footprint.checkpointBytes)
        .put("peakResidentBytes", footprint.peakResidentBytes);
  }

  /// Share of the machine's read bandwidth that the weights alone take.
  public double readFraction(MachineSpeed machine) {
    return cost.bytes.sum() / msPerStep / 1e6 / machine.readGBs();
  }

  /// Share of a step that matrix products and attention alone would take at the machine's peaks.
  public double operationsFraction(MachineSpeed machine) {
    return machine.leastMs(0, cost.operations.sum(), cost.integers.sum()) / msPerStep;
  }

  /// How near a step comes to the least time it could take.
  public double rooflineFraction(MachineSpeed machine) {
    return cost.rooflineMs(machine) / msPerStep;
  }

  /// Parts of a pass under the names of the report. What an expert node does is seen from the coordinator: it packs and
  /// unpacks rows and sums, and it stands still while they are on their way and while the node works.
  static Map<String, Double> parts(StepProbe.Totals totals, boolean hasNodes) {
    double experts = ms(totals, Part.DISPATCH) + ms(totals, Part.COMBINE);
    double transport = perForward(totals, totals.remote().transport().toNanos());
    double wait = perForward(totals, totals.remote().waiting().toNanos());
    Map<String, Double> parts = new LinkedHashMap<>();
    parts.put("attention", ms(totals, Part.ATTENTION));
    parts.put("router", ms(totals, Part.ROUTER));
    parts.put("experts", hasNodes ? 0 : experts);
    parts.put("dense", ms(totals, Part.DENSE));
    parts.put("lmHead", ms(totals, Part.HEAD));
    parts.put("serialisation", hasNodes ? experts - transport - wait : 0);
    parts.put("transport", transport);
    parts.put("wait", wait);
    parts.put("betweenSteps", ms(totals, Part.OUTSIDE));
    return parts;
  }

  private static double ms(StepProbe.Totals totals, Part part) {
    return perForward(totals, totals.nanos().get(part));
  }

  private static double perForward(StepProbe.Totals totals, long nanos) {
    return nanos / 1e6 / Math.max(1, totals.forwards());
  }
}
