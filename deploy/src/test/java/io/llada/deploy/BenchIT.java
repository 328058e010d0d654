package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Benchmarks as a user types them, on the bundled model and with as little work as possible: what they say must be
/// complete and must add up. How fast anything is stays out of tests.
class BenchIT {
  private static final String MODEL = "models/llada2-tiny-chat";
  private static final String[] KEYS = {"msPerStep", "msPerPart", "tokensPerSecond", "tokensPerForward",
      "bytesReadPerStep", "readBandwidthGBs", "readBandwidthFraction", "operationsPerStep", "peakGflops",
      "peakIntegerGops",
      "peakGflopsFraction", "rooflineMs", "rooflineFraction", "rooflineMsPerPart", "expertsTouchedPerLayer",
      "loadSeconds",
      "checkpointBytes", "peakResidentBytes", "conditions"};
  /// Of the whole; a step and its parts come from the same pass and the same clock.
  private static final double LOOSE = 0.05;

  @TempDir
  Path directory;

  private JsonNode bench(String... arguments) throws IOException {
    Path file = directory.resolve("bench.json");
    List<String> command = new ArrayList<>(List.of("bench"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--model", MODEL, "--warm-ups", "20", "--passes", "5", "--json", file.toString()));
    assertThat(Llada.execute(command.toArray(String[]::new))).isZero();
    JsonNode json = new ObjectMapper().readTree(file.toFile());
    assertThat(json.fieldNames()).toIterable().contains(KEYS);
    assertThat(json.get("readBandwidthGBs").asDouble()).isPositive();
    assertThat(json.get("peakGflops").asDouble()).isPositive();
    assertThat(json.get("expertsTouchedPerLayer").asDouble()).isBetween(4.0, 32.0);
    assertThat(json.get("loadSeconds").asDouble()).isPositive();
    assertThat(json.get("checkpointBytes").asLong()).isBetween(8_000_000L, 9_000_000L);
    double roofline = json.get("rooflineMs").asDouble();
    assertThat(roofline).isPositive();
    assertThat(json.get("rooflineFraction").asDouble()).isCloseTo(roofline / json.get("msPerStep").asDouble(), within(
        1e-6));
    assertThat(sum(json.get("rooflineMsPerPart"))).as("one after the other is no faster than all at once")
        .isGreaterThan(roofline * (1 - LOOSE));
    return json;
  }

  private static double sum(JsonNode parts) {
    double sum = 0;
    for (JsonNode part : parts) {
      sum += part.asDouble();
    }
    return sum;
  }

  @Test
  void aStepIsToldByPartAndThePartsAddUp() throws IOException {
    JsonNode json = bench("step", "--batch", "2", "--masked", "16", "--context", "64");
    double step = json.get("msPerStep").asDouble();
    assertThat(sum(json.get("msPerPart"))).isCloseTo(step, within(LOOSE * step));
    assertThat(json.get("msPerPart").get("experts").asDouble()).isPositive();
    assertThat(json.get("msPerPart").get("lmHead").asDouble()).isPositive();
    assertThat(json.get("tokensPerForward").asDouble()).isEqualTo(16);
    assertThat(json.get("conditions").get("batch").asInt()).isEqualTo(2);
  }

  @Test
  void aStepWithNodeProcessesWaitsForThem() throws IOException {
    JsonNode json = bench("step", "--expert-nodes", "2", "--threads", "2");
    JsonNode parts = json.get("msPerPart");
    assertThat(parts.get("experts").asDouble()).isZero();
    assertThat(parts.get("serialisation").asDouble()).isPositive();
    assertThat(parts.get("transport").asDouble()).isPositive();
    assertThat(parts.get("wait").asDouble()).isPositive();
    double step = json.get("msPerStep").asDouble();
    assertThat(sum(parts)).isCloseTo(step, within(LOOSE * step));
    assertThat(json.get("rooflineMsPerPart").get("wait").asDouble()).isPositive();
    assertThat(json.get("conditions").get("threads").asInt()).isEqualTo(2);
    assertThat(json.get("conditions").get("nodeThreads").asInt()).isEqualTo(1);
  }

  @Test
  void aPrefillNeedsNoHead() throws IOException {
    JsonNode json = bench("prefill", "--tokens", "600");
    assertThat(json.get("msPerPart").get("lmHead").asDouble()).isZero();
    assertThat(json.get("tokensPerForward").asDouble()).isEqualTo(300);
  }

  @Test
  void wholeAnswersAreToldByPartToo() throws IOException {
    JsonNode json = bench("generate", "--max-tokens", "32");
    double step = json.get("msPerStep").asDouble();
    assertThat(sum(json.get("msPerPart"))).isCloseTo(step, within(LOOSE * step));
    assertThat(json.get("operationsPerStep").asDouble()).isPositive();
  }

  @Test
  void aBenchmarkWithoutASubjectIsAWrongCall() {
    assertThat(Llada.execute("bench")).isEqualTo(2);
    assertThat(Llada.execute("bench", "step", "--model", MODEL, "--masked", "33")).isEqualTo(1);
    assertThat(Llada.execute("bench", "step", "--model", MODEL, "--node-threads", "0")).isEqualTo(1);
  }
}
