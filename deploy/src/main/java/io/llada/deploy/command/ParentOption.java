package io.llada.deploy.command;

import java.io.IOException;
import picocli.CommandLine.Option;

/// Whether a process outlives the one that started it.
final class ParentOption {
  @Option(names = "--until-input-ends", hidden = true, description = "End when standard input ends.")
  private boolean isUntilInputEnds;

  /// Ends the process when its standard input ends, if that was asked for: the parent is gone.
  void watch() {
    if (isUntilInputEnds) {
      Thread.ofPlatform().daemon().name("parent-watch").start(ParentOption::endWithInput);
    }
  }

  private static void endWithInput() {
    try {
      while (System.in.read() >= 0) {
        // A parent writes nothing; only the end matters.
      }
    } catch (IOException e) {
      // The pipe is broken: the parent is gone as well.
    }
    Runtime.getRuntime().halt(0);
  }
}
