package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.coordinator.denoising.DenoisingStep;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.offline.JsonLines;
import io.llada.deploy.offline.OfflineModel;
import io.llada.deploy.offline.OfflineRequest;
import io.llada.deploy.offline.OfflineResult;
import io.llada.deploy.offline.OfflineRunner;
import io.llada.deploy.offline.RequestReader;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.chat.Role;
import io.llada.model.layer.LayerProbe;
import io.llada.model.unmasking.DiffusionSettings;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Generation without a server.
@Command(name = "generate", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Generates without a server: one prompt, or a file of requests."}, footer = {"",
        "A line of --requests:  {\"id\": \"1\", \"messages\": [{\"role\": \"user\", \"content\": \"...\"}], \"max_tokens\": 64}",
        "                       or \"prompt\" (raw text), or \"ids\"; and any diffusion setting",
        "A line of --out:       {\"id\", \"ids\", \"text\", \"finish_reason\", \"steps\", \"forwards\"}, in the same order"})
public final class GenerateCommand implements Callable<Integer> {
  @Mixin
  private ModelOption model;

  @ArgGroup(multiplicity = "1")
  private Input input;

  /// What to continue.
  static final class Input {
    @Option(names = "--prompt", paramLabel = "TEXT", description = "One user message (or raw text, see --raw).")
    private Optional<String> prompt = Optional.empty();

    @Option(names = "--requests", paramLabel = "FILE", description = "JSON lines; results go to --out.")
    private Optional<Path> requests = Optional.empty();
  }

  @Option(names = "--raw", description = "Continue --prompt as it is, without the chat format.")
  private boolean isRaw;

  @Option(names = "--out", paramLabel = "FILE", description = "Results as JSON lines. Default: standard output.")
  private Optional<Path> out = Optional.empty();

  @Option(names = "--trace", paramLabel = "FILE", description = "One JSON line per denoising step: id, block, step, ids "
      + "(from position 0 to the end of the block), committed (positions), confidences.")
  private Optional<Path> trace = Optional.empty();

  @Option(names = "--expert-nodes", paramLabel = "N", defaultValue = "0", description = "Expert node processes; 0: "
      + "everything in this process. Default: ${DEFAULT-VALUE}.")
  private int expertNodes;

  @Mixin
  private ClusterOptions cluster;

  @Mixin
  private DiffusionOptions diffusion;

  @Override
  public Integer call() throws Exception {
    try (OfflineModel offline = OfflineModel.open(cluster.offline(model.directory(), expertNodes), LayerProbe.NONE);
        Writer traceWriter = writer(trace)) {
      DiffusionSettings settings = diffusion.over(offline.description().defaults());
      if (input.prompt.isPresent()) {
        one(offline, settings, traceWriter);
      } else {
        batch(offline, settings, traceWriter);
      }
    }
    return 0;
  }

  private void one(OfflineModel offline, DiffusionSettings settings, Writer traceWriter) {
    OfflineRequest request = new OfflineRequest("prompt", promptIds(offline.encoder()), settings, List.of());
    new OfflineRunner(offline).run(List.of(request), new OfflineRunner.Watch(trace.isPresent(), text -> {
      System.out.print(text);
      System.out.flush();
    }, () -> {}), run -> {
      System.out.println();
      OfflineResult result = run.result();
      System.err.printf("[%s: %d tokens, %d steps, %d forwards, %.2f tokens per forward]%n", result.finishReason(),
          result
              .outcome().tokens().length,
          result.outcome().steps(), result.outcome().forwards(), result.outcome()
              .tokensPerForward());
      writeTrace(traceWriter, run);
    });
  }

  private int[] promptIds(PromptEncoder encoder) {
    String text = input.prompt.orElseThrow();
    return isRaw || encoder.chatFormat().isEmpty()
        ? encoder.encode(text)
        : encoder.encode(new Conversation(List.of(
            new ChatMessage(Role.USER, text))));
  }

  private void batch(OfflineModel offline, DiffusionSettings settings, Writer traceWriter) throws IOException {
    RequestReader reader = new RequestReader(offline.encoder(), settings);
    List<OfflineRequest> requests = JsonLines.read(input.requests.orElseThrow(), reader::read);
    try (Writer results = out.isPresent()
        ? writer(out)
        : new OutputStreamWriter(System.out,
            StandardCharsets.UTF_8)) {
      new OfflineRunner(offline).run(requests, new OfflineRunner.Watch(trace.isPresent(), text -> {}, () -> {}),
          run -> {
            write(results, resultJson(run.result()));
            writeTrace(traceWriter, run);
          });
    }
  }

  private static ObjectNode resultJson(OfflineResult result) {
    ObjectNode json = JsonLines.JSON.createObjectNode().put("id", result.id());
    Arrays.stream(result.outcome().tokens()).forEach(json.putArray("ids")::add);
    return json.put("text", result.text()).put("finish_reason", result.finishReason()).put("steps", result.outcome()
        .steps()).put("forwards", result.outcome().forwards());
  }

  private static void writeTrace(Writer writer, OfflineRunner.Run run) {
    for (DenoisingStep step : run.steps()) {
      ObjectNode json = JsonLines.JSON.createObjectNode().put("id", run.result().id()).put("block", step.block()).put(
          "step", step.step());
      Arrays.stream(step.window()).forEach(json.putArray("ids")::add);
      Arrays.stream(step.committed()).forEach(json.putArray("committed")::add);
      var confidences = json.putArray("confidences");
      for (float confidence : step.confidences()) {
        confidences.add(confidence);
      }
      write(writer, json);
    }
  }

  private static void write(Writer writer, ObjectNode json) {
    try {
      writer.write(json.toString());
      writer.write('\n');
    } catch (IOException e) {
      throw new CommandFailedException("a result cannot be written: " + e.getMessage(), e);
    }
  }

  private static Writer writer(Optional<Path> file) throws IOException {
    return file.isPresent() ? Files.newBufferedWriter(file.get()) : Writer.nullWriter();
  }
}
