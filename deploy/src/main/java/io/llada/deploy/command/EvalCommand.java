package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.deploy.offline.OfflineModel;
import io.llada.deploy.offline.OfflineRequest;
import io.llada.deploy.offline.OfflineResult;
import io.llada.deploy.offline.OfflineRunner;
import io.llada.gateway.http.ConversationJson;
import io.llada.model.layer.LayerProbe;
import io.llada.model.unmasking.DiffusionSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Accuracy on a file of questions.
@Command(name = "eval", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Answers a file of questions and compares the answers, exactly, with the expected ones."}, footer = {"",
        "A line of --data:  {\"id\", \"task\", \"messages\", \"tools\" (optional), \"expected\", \"reference_output\" (optional)}"})
public final class EvalCommand implements Callable<Integer> {
  @Mixin
  private ModelOption model;

  @Option(names = "--data", paramLabel = "FILE", description = "Questions as JSON lines. Default: eval-public.jsonl of the "
      + "model.")
  private Optional<Path> data = Optional.empty();

  @Option(names = "--json", paramLabel = "FILE", description = "Every answer and the totals as JSON.")
  private Optional<Path> json = Optional.empty();

  @Option(names = "--expert-nodes", paramLabel = "N", defaultValue = "0", description = "Expert node processes; 0: "
      + "everything in this process. Default: ${DEFAULT-VALUE}.")
  private int expertNodes;

  @Mixin
  private ClusterOptions cluster;

  @Mixin
  private DiffusionOptions diffusion;

  /// A question of the file.
  ///
  /// @param reference what a reference engine answered; empty where not given
  private record Question(OfflineRequest request, String task, String expected, Optional<String> reference) {}

  /// Counts of one task.
  ///
  /// @param matches answers equal to the reference's
  private record Tally(int questions, int correct, int matches, int references, long tokens, long forwards) {
    private static final Tally NONE = new Tally(0, 0, 0, 0, 0, 0);

    Tally plus(Tally other) {
      return new Tally(questions + other.questions, correct + other.correct, matches + other.matches, references
          + other.references, tokens + other.tokens, forwards + other.forwards);
    }

    double accuracy() {
      return (double) correct / questions;
    }

    double tokensPerForward() {
      return (double) tokens / forwards;
    }
  }

  @Override
  public Integer call() throws Exception {
    Path file = data.orElse(model.directory().resolve("eval-public.jsonl"));
    ArrayNode rows = JsonLines.JSON.createArrayNode();
    Map<String, Tally> tasks = new TreeMap<>();
    try (OfflineModel offline = OfflineModel.open(cluster.offline(model.directory(), expertNodes), LayerProbe.NONE)) {
      DiffusionSettings settings = diffusion.over(offline.description().defaults());
      List<Question> questions = JsonLines.read(file, (node, line) -> question(offline, settings, node, line));
      ask(offline, questions, rows, tasks);
    }
    Tally all = tasks.values().stream().reduce(Tally.NONE, Tally::plus);
    print(tasks, all);
    if (json.isPresent()) {
      write(rows, tasks, all);
    }
    return 0;
  }

  private static Question question(OfflineModel offline, DiffusionSettings settings, JsonNode node, int line) {
    for (String key : List.of("messages", "expected")) {
      if (!node.has(key)) {
        throw new IllegalArgumentException("key '%s' is missing".formatted(key));
      }
    }
    int[] prompt = offline.encoder().encode(ConversationJson.read(node.get("messages"), node.path("tools")));
    String id = node.path("id").asText("line-" + line);
    Optional<String> reference = node.hasNonNull("reference_output")
        ? Optional.of(node.get("reference_output").asText())
        : Optional.empty();
    return new Question(new OfflineRequest(id, prompt, settings, List.of()), node.path("task").asText("all"), node.get(
        "expected").asText(), reference);
  }

  private void ask(OfflineModel offline, List<Question> questions, ArrayNode rows, Map<String, Tally> tasks) {
    List<Question> remaining = new ArrayList<>(questions);
    try (ProgressBar bar = new ProgressBarBuilder().setTaskName("eval").setInitialMax(questions.size()).setStyle(
        ProgressBarStyle.ASCII).build()) {
      new OfflineRunner(offline).run(questions.stream().map(Question::request).toList(), new OfflineRunner.Watch(false,
          text -> {}, bar::step), run -> {
            Question question = remaining.removeFirst();
            OfflineResult result = run.result();
            boolean correct = result.text().equals(question.expected());
            boolean matches = question.reference().map(result.text()::equals).orElse(false);
            tasks.merge(question.task(), new Tally(1, correct ? 1 : 0, matches ? 1 : 0, question.reference().isPresent()
                ? 1
                : 0, result.outcome().tokens().length, result.outcome().forwards()), Tally::plus);
            rows.add(JsonLines.JSON.createObjectNode().put("id", result.id()).put("task", question.task()).put("output",
                result.text()).put("correct", correct).put("forwards", result.outcome().forwards()));
          });
    }
  }

  private static void print(Map<String, Tally> tasks, Tally all) {
    System.out.printf("%-16s %9s %9s %18s%n", "task", "correct", "accuracy", "tokens/forward");
    tasks.forEach(EvalCommand::printRow);
    printRow("all", all);
    if (all.references() > 0) {
      System.out.printf("%d of %d answers are the reference's%n", all.matches(), all.references());
    }
  }

  private static void printRow(String task, Tally tally) {
    System.out.printf("%-16s %5d/%-3d %8.1f%% %18.2f%n", task, tally.correct(), tally.questions(), 100 * tally
        .accuracy(), tally.tokensPerForward());
  }

  private void write(ArrayNode rows, Map<String, Tally> tasks, Tally all) throws IOException {
    ObjectNode root = JsonLines.JSON.createObjectNode();
    root.set("rows", rows);
    ObjectNode byTask = root.putObject("tasks");
    tasks.forEach((task, tally) -> byTask.set(task, tallyJson(tally)));
    root.set("totals", tallyJson(all));
    JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(json.orElseThrow().toFile(), root);
  }

  private static ObjectNode tallyJson(Tally tally) {
    return JsonLines.JSON.createObjectNode().put("questions", tally.questions()).put("correct", tally.correct()).put(
        "accuracy", tally.accuracy()).put("tokens", tally.tokens()).put("forwards", tally.forwards()).put(
            "tokensPerForward", tally.tokensPerForward())
        .put("referenceMatches", tally.matches());
  }
}
