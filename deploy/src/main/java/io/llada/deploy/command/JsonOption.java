package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.Conditions;
import io.llada.deploy.offline.JsonLines;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Option;

/// Where a benchmark's figures go beside the terminal.
final class JsonOption {
  @Option(names = "--json", paramLabel = "FILE", description = "Figures and conditions as JSON.")
  private Optional<Path> file = Optional.empty();

  /// Writes figures and what they were measured under, if that is asked for.
  ///
  /// @param own adds the benchmark's own conditions to those of the machine
  void write(Supplier<ObjectNode> figures, UnaryOperator<ObjectNode> own) throws IOException {
    if (file.isPresent()) {
      ObjectNode root = figures.get();
      root.set("conditions", own.apply(Conditions.read()));
      JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(file.get().toFile(), root);
    }
  }
}
