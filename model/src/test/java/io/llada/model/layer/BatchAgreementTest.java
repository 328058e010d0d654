package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.LocalExperts;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.jupiter.api.Test;

/// A sequence's numbers do not depend on its company, on the kernels or on the number of threads, bit for bit.
class BatchAgreementTest {
  private static final Path DENSE = GoldenFiles.DIRECTORY.resolve("llada8b-tiny-random");

  /// What one sequence got out of a pass: final rows and, layer by layer, its routing.
  private record Outcome(List<float[]> rows, List<int[]> experts, List<float[]> weights) {}

  /// A sequence of a batch: `cached` positions computed before, then `rows` more.
  private record Input(int seed, int cached, int rows) {}

  private static final List<Input> INPUTS = List.of(new Input(1, 0, 64), new Input(2, 32, 32), new Input(3, 0, 7),
      new Input(4, 64, 19), new Input(5, 0, 1));

  static List<Kernels> kernels() {
    return List.of(new ScalarKernels(), new VectorKernels());
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void sequencesInOneBatchGetWhatTheyGetAlone(Kernels kernels) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, kernels);
    requireSameInCompany(model, model.config().blockLength());
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void sequencesWithFullAttentionToo(Kernels kernels) {
    requireSameInCompany(LocalModel.load(DENSE, kernels), 1 << 20);
  }

  @Test
  void sequencesWithBf16ActivationsToo() {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new VectorKernels(), ActivationType.BF16);
    requireSameInCompany(model, model.config().blockLength());
  }

  private static void requireSameInCompany(LocalModel model, int attentionBlock) {
    List<Outcome> alone = INPUTS.stream().map(input -> run(model, attentionBlock, List.of(input)).getFirst()).toList();
    for (int order = 0; order < 3; order++) {
      List<Integer> indices = new ArrayList<>(List.of(0, 1, 2, 3, 4));
      Collections.shuffle(indices, new Random(order));
      List<Outcome> together = run(model, attentionBlock, indices.stream().map(INPUTS::get).toList());
      for (int i = 0; i < indices.size(); i++) {
        requireSame(together.get(i), alone.get(indices.get(i)), INPUTS.get(indices.get(i)) + " in order " + indices);
      }
    }
  }

  private static void requireSame(Outcome found, Outcome expected, String what) {
    for (int layer = 0; layer < expected.experts().size(); layer++) {
      assertThat(found.experts().get(layer)).as("experts of %s", what).containsExactly(expected.experts().get(layer));
      assertThat(found.weights().get(layer)).as("weights of %s", what).containsExactly(expected.weights().get(layer));
    }
    for (int row = 0; row < expected.rows().size(); row++) {
      assertThat(found.rows().get(row)).as("row %d of %s", row, what).containsExactly(expected.rows().get(row));
    }
  }

  private static List<Outcome> run(LocalModel model, int attentionBlock, List<Input> inputs) {
    List<SequenceRows> sequences = new ArrayList<>();
    for (Input input : inputs) {
      int[] ids = new Random(input.seed()).ints(input.cached() + input.rows(), 0, model.config().vocabularySize())
          .toArray();
      KvCache cache = new KvCache(model.config(), CacheFormat.F32);
      if (input.cached() > 0) {
        model.transformer().forward(new ForwardBatch(List.of(new SequenceRows(cache, 0, Arrays.copyOf(ids, input
            .cached()), attentionBlock, new int[0]))), LayerProbe.NONE);
      }
      sequences.add(new SequenceRows(cache, input.cached(), Arrays.copyOfRange(ids, input.cached(), ids.length),
          attentionBlock, IntStream.range(0, input.rows()).toArray()));
    }
    List<Routing> routings = new ArrayList<>();
    float[] rows = model.transformer().forward(new ForwardBatch(sequences), new LayerProbe() {
      @Override
      public void routed(int layer, Routing routing) {
        routings.add(routing);
      }
    });
    List<Outcome> outcomes = new ArrayList<>();
    int first = 0;
    int width = model.config().hiddenSize();
    for (Input input : inputs) {
      int from = first;
      int to = first + input.rows();
      outcomes.add(new Outcome(IntStream.range(from, to).mapToObj(row -> Arrays.copyOfRange(rows, row * width, (row + 1)
          * width)).toList(), routings.stream().map(r -> Arrays.copyOfRange(r.experts(), from * r.expertsPerToken(),
              to
                  * r.expertsPerToken()))
              .toList(),
          routings.stream().map(r -> Arrays.copyOfRange(r.weights(), from * r
              .expertsPerToken(), to * r.expertsPerToken())).toList()));
      first = to;
    }
    return outcomes;
  }

  @ParameterizedTest
  @ValueSource(strings = {"../deploy/models/llada2-tiny-chat", "src/test/golden/llada8b-tiny-random"})
  void neitherKernelsNorThreadsChangeALogit(String directory) {
    int[] ids = {5, 17, 300, 42, 1, 1, 7, 128, 9, 10, 11, 12, 13, 250, 2, 8, 100};
    float[] expected = LocalModel.load(Path.of(directory), new ScalarKernels()).logits(ids, LayerProbe.NONE);
    for (int threads : new int[]{1, 2, 5}) {
      try (Checkpoint checkpoint = Checkpoint.open(Path.of(directory));
          ComputePool pool = new ComputePool(threads);
          TransformerWeights weights = TransformerWeights.load(checkpoint)) {
        Kernels kernels = new VectorKernels();
        LocalModel model = new LocalModel(new Transformer(weights, LocalExperts.load(checkpoint, ActivationType.F32,
            kernels, pool), kernels, pool), new LanguageModelHead(weights, kernels, pool));
        assertThat(model.logits(ids, LayerProbe.NONE)).as("%d threads", threads).containsExactly(expected);
      }
    }
  }
}
