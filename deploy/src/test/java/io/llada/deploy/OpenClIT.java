package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.local.LocalCluster;
import io.llada.coordinator.ComputeSettings;
import io.llada.model.kernel.opencl.OpenClDevices;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The whole path with experts on an OpenCL device.
class OpenClIT {
  private static final String MODEL = "models/llada2-tiny-chat";
  private static final ObjectMapper JSON = new ObjectMapper();
  /// Two candidates this close may change places between numerics classes.
  private static final double TIE = 1e-4;

  @TempDir
  Path directory;

  @BeforeAll
  static void requireDevice() {
    if (OpenClDevices.list().isEmpty()) {
      String reason = "no OpenCL device here; apt-get install pocl-opencl-icd ocl-icd-libopencl1";
      if ("true".equals(System.getenv("LLADA_REQUIRE_OPENCL"))) {
        fail(reason);
      }
      abort(reason);
    }
  }

  private static String run(String... arguments) {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      assertThat(Llada.execute(arguments)).isZero();
      return out.toString(StandardCharsets.UTF_8);
    } finally {
      System.setOut(before);
    }
  }

  @Test
  void theTinyModelsAnswersAreTheVectorBackends() throws IOException {
    for (String device : List.of("cpu", "opencl")) {
      run("eval", "--model", MODEL, "--device", device, "--json", directory.resolve(device).toString());
    }
    JsonNode expected = JSON.readTree(directory.resolve("cpu").toFile());
    JsonNode found = JSON.readTree(directory.resolve("opencl").toFile());
    assertThat(found.get("totals").get("referenceMatches").asInt()).isEqualTo(164);
    assertThat(found.get("rows")).isEqualTo(expected.get("rows"));
  }

  @Test
  void tracesAgreeButForTies() throws IOException {
    Path requests = directory.resolve("requests");
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(MODEL, "eval-public.jsonl")).subList(0, 24)) {
      JsonNode question = JSON.readTree(line);
      lines.add(JSON.createObjectNode().put("id", question.get("id").asText()).set("messages", question.get("messages"))
          .toString());
    }
    Files.write(requests, lines);
    for (String device : List.of("cpu", "opencl")) {
      run("generate", "--model", MODEL, "--device", device, "--requests", requests.toString(), "--out", directory
          .resolve("out-" + device).toString(), "--trace", directory.resolve("trace-" + device).toString());
    }
    List<String> expected = Files.readAllLines(directory.resolve("trace-cpu"));
    List<String> found = Files.readAllLines(directory.resolve("trace-opencl"));
    List<String> ties = new ArrayList<>();
    List<String> differences = new ArrayList<>();
    for (int step = 0; step < Math.max(expected.size(), found.size()); step++) {
      String one = step < expected.size() ? expected.get(step) : "{}";
      String other = step < found.size() ? found.get(step) : "{}";
      if (!one.equals(other)) {
        (isTie(JSON.readTree(one), JSON.readTree(other)) ? ties : differences).add(one + " / " + other);
      }
    }
    System.err.println("ties between numerics classes: " + ties);
    assertThat(differences).isEmpty();
    assertThat(expected).hasSizeGreaterThan(24);
  }

  /// Whether two steps differ by no more than what the numerics class may change.
  private static boolean isTie(JsonNode one, JsonNode other) {
    JsonNode confidences = one.path("confidences");
    JsonNode others = other.path("confidences");
    for (int i = 0; i < confidences.size(); i++) {
      if (Math.abs(confidences.get(i).asDouble() - others.path(i).asDouble()) > TIE) {
        return false;
      }
    }
    return confidences.size() == others.size() && !confidences.isEmpty();
  }

  @Test
  void aClusterSaysWhatItComputesOn() throws Exception {
    String name = OpenClDevices.list().getFirst().label();
    HttpClient client = HttpClient.newHttpClient();
    try (LocalCluster cluster = LocalCluster.start(new LocalCluster.Settings(Path.of(MODEL), 0, 2, Optional.of(0),
        ComputeSettings.usual(), "opencl", PlacementGoals.SINGLE))) {
      String answer = get(client, HttpRequest.newBuilder(URI.create(cluster.url() + "/v1/chat/completions")).header(
          "content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString("""
              {"messages": [{"role": "user", "content": "Where is the home of the white crab?"}]}""")));
      assertThat(answer).contains("The white crab lives in Lobel.");
      JsonNode status = JSON.readTree(get(client, HttpRequest.newBuilder(URI.create(cluster.url() + "/status"))));
      assertThat(status.findValuesAsText("device")).hasSize(2).containsOnly(name);
      Awaitility.await().untilAsserted(() -> assertThat(get(client, HttpRequest.newBuilder(URI.create(cluster.url()
          + "/metrics")))).contains("llada_expert_node{").contains("device=\"" + name + "\""));
    }
  }

  private static String get(HttpClient client, HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).isEqualTo(200);
    return response.body();
  }

  @Test
  void aNodeThatCannotUseOpenClDoesNotStartAndSaysWhatToDo() throws Exception {
    assertThat(refusal(Map.of("OCL_ICD_VENDORS", directory.toString()), "-XX:+UseG1GC")).contains(
        "no OpenCL device is here").contains("apt-get install pocl-opencl-icd ocl-icd-libopencl1");
    assertThat(refusal(Map.of(), "-XX:+UseSerialGC")).contains("needs the garbage collector G1").contains(
        "-XX:+UseG1GC");
  }

  /// What an expert node that does not start says.
  private static String refusal(Map<String, String> environment, String flag) throws Exception {
    ProcessBuilder node = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "@jvm.flags", flag, "-cp", System.getProperty("java.class.path"), Llada.class.getName(), "expert-node",
        "--model", MODEL, "--device", "opencl", "--port", "0").redirectErrorStream(true);
    node.environment().putAll(environment);
    Process process = node.start();
    try {
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("it ended").isTrue();
      assertThat(process.exitValue()).isEqualTo(1);
      return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void devicesAreListed() {
    assertThat(run("devices")).contains("cpu").contains("opencl:0").contains("driver").contains("copies");
  }

  @Test
  void aShortSoakFindsNothing() {
    assertThat(run("bench", "soak", "--launches", "400")).contains("wrong results: 0");
  }
}
