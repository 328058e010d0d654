package io.llada.deploy.command;

import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.util.Optional;
import picocli.CommandLine.Option;

/// How answers are denoised; what is left out is the model's default.
final class DiffusionOptions {
  @Option(names = "--max-tokens", paramLabel = "N", description = "Most answer tokens.")
  private Optional<Integer> maxTokens = Optional.empty();

  @Option(names = "--steps", paramLabel = "N", description = "Denoising steps per block.")
  private Optional<Integer> steps = Optional.empty();

  @Option(names = "--block-length", paramLabel = "N", description = "Positions denoised together.")
  private Optional<Integer> blockLength = Optional.empty();

  @Option(names = "--remasking", paramLabel = "NAME", description = "Which positions a step commits: "
      + "${COMPLETION-CANDIDATES}.")
  private Optional<Remasking> remasking = Optional.empty();

  @Option(names = "--threshold", paramLabel = "P", description = "Confidence above which a position is committed.")
  private Optional<Float> threshold = Optional.empty();

  @Option(names = "--temperature", paramLabel = "T", description = "0 is greedy.")
  private Optional<Float> temperature = Optional.empty();

  @Option(names = "--top-k", paramLabel = "N", description = "Sample among the N most probable tokens; 0: all.")
  private Optional<Integer> topK = Optional.empty();

  @Option(names = "--top-p", paramLabel = "P", description = "Sample among the most probable tokens of this mass.")
  private Optional<Float> topP = Optional.empty();

  @Option(names = "--seed", paramLabel = "N", description = "Seed of every random draw.")
  private Optional<Long> seed = Optional.empty();

  @Option(names = "--no-early-stop", description = "Denoise the block that holds the end token to its end.")
  private boolean isWithoutEarlyStop;

  @Option(names = "--editing-threshold", paramLabel = "P", description = "For --remasking editing (LLaDA2.1).")
  private Optional<Float> editingThreshold = Optional.empty();

  @Option(names = "--guidance", paramLabel = "G", description = "Classifier-free guidance (LLaDA-8B); 0: off.")
  private Optional<Float> guidance = Optional.empty();

  DiffusionSettings over(DiffusionSettings defaults) {
    Sampling sampling = defaults.sampling();
    return new DiffusionSettings(maxTokens.orElse(defaults.maxTokens()), steps.orElse(defaults.steps()), blockLength
        .orElse(defaults.blockLength()), remasking.orElse(defaults.remasking()), threshold.orElse(defaults.threshold()),
        new Sampling(temperature.orElse(sampling.temperature()), topK.orElse(sampling.topK()), topP.orElse(sampling
            .topP()), seed.orElse(sampling.seed())),
        !isWithoutEarlyStop && defaults.earlyStop(), editingThreshold.map(
            value -> new DiffusionSettings.Editing(value, defaults.editing().maxSteps())).orElse(defaults.editing()),
        guidance.orElse(defaults.guidance()));
  }
}
