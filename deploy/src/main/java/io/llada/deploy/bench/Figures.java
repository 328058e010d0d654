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
/// @param bytesReadPerStep weights that a pass reads: touched experts, everything the coordinator holds; keys and values
/// @param operationsPerStep F32 operations of matrix products and attention, a multiply-add is two
/// @param expertsTouchedPerLayer distinct experts a pass uses in a layer
/// @param peakResidentBytes of this process and its expert nodes, before the machine's limits were measured
public record Figures(double msPerStep, Map<String, Double> msPerPart, double tokensPerSecond, double tokensPerForward,
    long bytesReadPerStep, double operationsPerStep, double expertsTouchedPerLayer, long peakResidentBytes) {

  /// The figures and how they compare with the machine.
  public ObjectNode json(MachineSpeed machine) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("msPerStep", msPerStep);
    ObjectNode parts = root.putObject("msPerPart");
    msPerPart.forEach(parts::put);
    return root.put("tokensPerSecond", tokensPerSecond).put("tokensPerForward", tokensPerForward).put(
        "bytesReadPerStep", bytesReadPerStep).put("readBandwidthGBs", machine.readGBs()).put("readBandwidthFraction",
            readFraction(machine))
        .put("operationsPerStep", Math.round(operationsPerStep)).put("peakGflops", machine
            .gflops())
        .put("peakGflopsFraction", operationsPerStep / msPerStep / 1e6 / machine.gflops()).put(
            "expertsTouchedPerLayer", expertsTouchedPerLayer)
        .put("peakResidentBytes", peakResidentBytes);
  }

  /// Share of the machine's read bandwidth that the weights alone take.
  public double readFraction(MachineSpeed machine) {
    return bytesReadPerStep / msPerStep / 1e6 / machine.readGBs();
  }

  /// Parts of a pass under the names of the report. What an expert node does is seen from the coordinator: rows are
  /// handed over (network), then it waits until the sums are back and added.
  static Map<String, Double> parts(StepProbe.Totals totals, boolean hasNodes) {
    Map<String, Double> parts = new LinkedHashMap<>();
    parts.put("attention", ms(totals, Part.ATTENTION));
    parts.put("router", ms(totals, Part.ROUTER));
    parts.put("experts", hasNodes ? 0 : ms(totals, Part.DISPATCH) + ms(totals, Part.COMBINE));
    parts.put("dense", ms(totals, Part.DENSE));
    parts.put("lmHead", ms(totals, Part.HEAD));
    parts.put("network", hasNodes ? ms(totals, Part.DISPATCH) : 0);
    parts.put("wait", hasNodes ? ms(totals, Part.COMBINE) : 0);
    parts.put("betweenSteps", ms(totals, Part.OUTSIDE));
    return parts;
  }

  private static double ms(StepProbe.Totals totals, Part part) {
    return totals.nanos().get(part) / 1e6 / Math.max(1, totals.forwards());
  }
}
