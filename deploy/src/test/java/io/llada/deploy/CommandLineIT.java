package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.local.LocalCluster;
import io.llada.deploy.local.LocalNodes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The commands as a user types them.
class CommandLineIT {
  private static final String MODEL = "models/llada2-tiny-chat";
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path directory;

  /// What a command left behind.
  private record Ended(int code, String out, String error) {}

  private static Ended run(String... arguments) {
    PrintStream systemOut = System.out;
    PrintStream systemError = System.err;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream error = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(error, true, StandardCharsets.UTF_8));
      int code = Llada.execute(arguments);
      return new Ended(code, out.toString(StandardCharsets.UTF_8), error.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(systemOut);
      System.setErr(systemError);
    }
  }

  @Test
  void generateAnswersAPrompt() {
    Ended ended = run("generate", "--model", MODEL, "--prompt", "Where is the home of the white crab?");
    assertThat(ended.code()).isZero();
    assertThat(ended.out()).isEqualTo("The white crab lives in Lobel.\n");
    assertThat(ended.error()).contains("tokens per forward");
  }

  @Test
  void drainHasANodeLeaveAndNamesTheNodesThereAre() throws Exception {
    try (LocalCluster cluster = LocalCluster.start(new LocalCluster.Settings(Path.of(MODEL), 0, 2, Optional.of(0),
        ComputeSettings.usual(), "cpu", PlacementGoals.SINGLE))) {
      Ended unknown = run("drain", "expert-7", "--url", cluster.url());
      assertThat(unknown.code()).isEqualTo(1);
      assertThat(unknown.error()).contains("'expert-7'").contains("expert-1, expert-2");

      Ended drained = run("drain", "expert-1", "--url", cluster.url());

      assertThat(drained.error()).isEmpty();
      assertThat(drained.code()).isZero();
      assertThat(drained.out()).contains("used by coordinator-1").contains("s left").endsWith("expert-1 has left\n");
      LocalNodes nodes = cluster.nodes().orElseThrow();
      await().atMost(Duration.ofSeconds(20)).until(() -> nodes.pids().size() == 1);
      Ended status = run("status", "--url", cluster.url());
      assertThat(status.code()).isZero();
      assertThat(status.out()).contains("expert-2").containsPattern("expert-2 .* ready +16 ");
    }
  }

  @Test
  void nativeKernelsAnswerAlikeAndReachTheNodes() {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(":")).anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc"))),
        "no C compiler on this machine");
    String packed = file("packed");
    assertThat(run("quantize", MODEL, packed, "--format", "int8", "--dense", "int8").code()).isZero();
    List<String> answers = new ArrayList<>();
    for (String kernels : List.of("java", "native")) {
      for (String nodes : List.of("0", "1")) {
        Ended ended = run("generate", "--model", packed, "--kernels", kernels, "--expert-nodes", nodes, "--prompt",
            "Where is the home of the white crab?");
        assertThat(ended.code()).isZero();
        answers.add(ended.out());
      }
    }
    assertThat(answers).containsOnly("The white crab lives in Lobel.\n");
    assertThat(run("generate", "--model", packed, "--kernels", "fast", "--prompt", "x").error()).contains("fast");
  }

  @Test
  void aBatchGivesTheSameFilesInProcessAndOnTwoNodeProcesses() throws IOException {
    Path requests = directory.resolve("requests.jsonl");
    Files.writeString(requests, """
        {"id": "a", "messages": [{"role": "user", "content": "Where is the home of the white crab?"}]}
        {"id": "b", "prompt": "Once upon a time", "max_tokens": 20, "temperature": 0.7, "seed": 3}
        {"id": "c", "ids": [291, 1000, 7], "max_tokens": 16, "remasking": "random", "steps": 4}
        """);
    for (String nodes : List.of("0", "2")) {
      assertThat(run("generate", "--model", MODEL, "--requests", requests.toString(), "--out", file("out" + nodes),
          "--trace", file("trace" + nodes), "--expert-nodes", nodes).code()).isZero();
    }
    assertThat(Path.of(file("out2"))).hasSameTextualContentAs(Path.of(file("out0")));
    assertThat(Path.of(file("trace2"))).hasSameTextualContentAs(Path.of(file("trace0")));
    List<String> results = Files.readAllLines(Path.of(file("out0")));
    assertThat(results).hasSize(3);
    assertThat(JSON.readTree(results.getFirst()).fieldNames()).toIterable().containsExactly("id", "ids", "text",
        "finish_reason", "steps", "forwards");
    assertThat(JSON.readTree(results.getFirst()).get("text").asText()).isEqualTo("The white crab lives in Lobel.");
    JsonNode step = JSON.readTree(Files.readAllLines(Path.of(file("trace0"))).getFirst());
    assertThat(step.fieldNames()).toIterable().containsExactly("id", "block", "step", "ids", "committed",
        "confidences");
  }

  @Test
  void aSyntheticCheckpointChecksItselfAndGenerates() {
    Ended made = run("synth", "--like", "tiny", "--layers", "2", file("synthetic"));
    assertThat(made.error()).contains("part 1 of 1 written");
    assertThat(made.out()).startsWith("layer 1: experts touched");
    assertThat(made.code()).isZero();
    Ended ended = run("generate", "--model", file("synthetic"), "--prompt", "Any text at all", "--max-tokens", "8");
    assertThat(ended.code()).isZero();
    assertThat(ended.error()).contains("tokens per forward");
    Ended packed = run("synth", "--like", "tiny", "--layers", "2", "--format", "int4", "--head", "int8",
        file("packed"));
    assertThat(packed.code()).as(packed.error()).isZero();
    assertThat(run("inspect", "--model", file("packed")).out()).containsIgnoringCase("int4");
    assertThat(run("synth", "--like", "tiny", "--dense", "int8", file("none")).error()).contains("need --format");
    assertThat(run("synth", "--like", "tiny", "--layers", "1", file("none")).error()).contains("layers must be 2..256");
  }

  private String file(String name) {
    return directory.resolve(name).toString();
  }

  @Test
  void evalGivesTheAccuracyOfTheModelCardAndTheReferencesAnswers() throws IOException {
    Ended ended = run("eval", "--model", MODEL, "--json", file("eval.json"));
    assertThat(ended.code()).isZero();
    JsonNode report = JSON.readTree(Path.of(file("eval.json")).toFile());
    assertThat(report.at("/totals/correct").asInt()).isEqualTo(159);
    assertThat(report.at("/totals/referenceMatches").asInt()).isEqualTo(164);
    assertThat(report.get("rows")).hasSize(164);
    List<String> data = Files.readAllLines(Path.of(MODEL, "eval-public.jsonl"));
    for (int i = 0; i < data.size(); i++) {
      assertThat(report.at("/rows/" + i + "/forwards").asInt()).as("forwards of row %d", i).isEqualTo(JSON.readTree(data
          .get(i)).get("reference_forwards").asInt());
    }
  }

  @Test
  void inspectSumsUpTheCheckpoint() throws IOException {
    JsonNode report = JSON.readTree(run("inspect", "--model", MODEL, "--json").out());
    assertThat(report.get("shards").asInt()).isEqualTo(16);
    assertThat(report.get("bytes").asLong()).isEqualTo(8261504);
    assertThat(run("inspect", "--model", MODEL).out()).contains("2 expert nodes");
  }

  /// The original answers 159 of 164 correctly. A point is 1.64 answers.
  @ParameterizedTest
  @CsvSource({"int8,bf16,158", "int4,bf16,155", "int8,int8,158"})
  void aQuantisedCheckpointAnswersNearlyAsWell(String format, String dense, int fewest)
      throws IOException {
    String packed = file("packed");
    Ended ended = run("quantize", "--format", format, "--dense", dense, MODEL, packed);
    assertThat(ended.code()).as(ended.error()).isZero();
    assertThat(ended.out()).contains("before", "8.3 MB", "after", "% of it");
    JsonNode report = JSON.readTree(run("inspect", "--model", packed, "--json").out());
    assertThat(report.at("/packed").asBoolean()).isTrue();
    assertThat(report.at("/formats/expert/0").asText()).isEqualTo(format);
    assertThat(report.at("/formats/head/0").asText()).isEqualTo(dense);
    assertThat(report.get("bytes").asLong()).isLessThan(8261504 * 2 / 3);
    assertThat(run("eval", "--model", packed, "--json", file("eval.json")).code()).isZero();
    assertThat(JSON.readTree(Path.of(file("eval.json")).toFile()).at("/totals/correct").asInt()).isBetween(fewest, 164);
    assertThat(run("quantize", "--format", "bf16", MODEL, packed).error()).contains("other options");
    assertThat(run("quantize", "--format", "int8", packed, file("again")).error()).contains("already packed");
    assertThat(run("generate", "--model", packed, "--prompt", "Where is the home of the white crab?")
        .out()).isEqualTo("The white crab lives in Lobel.\n");
  }

  @Test
  void aDamagedCheckpointIsOneLineAndExitCodeOne() throws IOException {
    Path damaged = Files.createDirectory(directory.resolve("damaged"));
    try (Stream<Path> files = Files.list(Path.of(MODEL))) {
      for (Path file : files.toList()) {
        Files.copy(file, damaged.resolve(file.getFileName()));
      }
    }
    Path part = damaged.resolve("model-00002-of-00003.safetensors");
    Files.write(part, Arrays.copyOf(Files.readAllBytes(part), 1_000_000));
    for (String command : List.of("inspect", "generate", "serve", "expert-node")) {
      String[] arguments = command.equals("generate")
          ? new String[]{command, "--model", damaged.toString(), "--prompt",
              "x"}
          : new String[]{command, "--model", damaged.toString()};
      Ended ended = run(arguments);
      assertThat(ended.code()).as(command).isEqualTo(1);
      assertThat(ended.error().strip()).as(command).contains("model-00002-of-00003.safetensors", "truncated")
          .doesNotContain("\n").doesNotContain("Exception");
    }
  }

  @Test
  void wrongCallsSayWhatIsRight() throws IOException {
    assertThat(run("generate").code()).isEqualTo(2);
    assertThat(run("nonsense").code()).isEqualTo(2);
    assertThat(run("quantize", "--format", "int2", MODEL, file("out")).error()).contains("--format", "int2", "INT4");
    assertThat(run("quantize", "--format", "int8", "../model/src/test/golden/llada8b-tiny-random", file("out")).error())
        .contains("no experts", "--dense int8");
    assertThat(run("generate", "--model", file("nowhere"), "--prompt", "x").error()).contains("nowhere",
        "not a directory");
    assertThat(run("serve", "--expert-nodes", "-1").error()).contains("--expert-nodes", "-1", "0..64");
    assertThat(run("generate", "--model", MODEL, "--prompt", "x", "--max-tokens", "0").error()).contains("max_tokens",
        "found 0");
    assertThat(run("status", "--url", "http://127.0.0.1:9").error()).contains("does not answer", "llada serve");
    assertThat(run("gateway", "--model", MODEL, "--host", "0.0.0.0").error()).contains("--insecure");
    Path requests = Files.writeString(directory.resolve("bad.jsonl"), "{\"prompt\": \"a\"}\n{\"promt\": \"a\"}\n");
    assertThat(run("generate", "--model", MODEL, "--requests", requests.toString()).error()).contains("line 2",
        "promt");
  }
}
