package io.llada.deploy;

import io.llada.deploy.failure.CommandFailedException;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.KernelsUnavailableException;
import java.nio.file.NoSuchFileException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParseResult;

/// A failure is one line that names what was found; the stack trace goes to the debug log.
final class OneLineErrors implements IExecutionExceptionHandler {
  private static final Logger LOG = LoggerFactory.getLogger(OneLineErrors.class);

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult parseResult) {
    LOG.debug("the command failed", failure);
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    if (failure instanceof NoSuchFileException) {
      message = "no such file: " + message;
    }
    boolean isOurs = failure instanceof CheckpointException
        || failure instanceof IllegalArgumentException || failure instanceof CommandFailedException
        || failure instanceof ExpertsUnavailableException || failure instanceof DeviceException
        || failure instanceof KernelsUnavailableException;
    String kind = isOurs || message.contains(": ") ? "" : failure.getClass().getSimpleName() + ": ";
    command.getErr().println("llada: " + kind + message.replaceAll("\\R", " "));
    return command.getCommandSpec().exitCodeOnExecutionException();
  }
}
