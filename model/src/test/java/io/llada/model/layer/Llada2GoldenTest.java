package io.llada.model.layer;

import static io.llada.model.layer.GoldenFiles.floats;
import static io.llada.model.layer.GoldenFiles.ints;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The bundled LLaDA2 model against the reference, layer by layer.
class Llada2GoldenTest {
  private static final String TENSORS = "llada2-tiny-chat.golden.safetensors";
  private static final float TOLERANCE = 1e-4f;

  static Stream<Arguments> inputs() {
    return Stream.<Kernels>of(new ScalarKernels(), new VectorKernels()).flatMap(kernels -> IntStream.range(0, 3)
        .mapToObj(input -> Arguments.of(kernels, input)));
  }

  @ParameterizedTest
  @MethodSource("inputs")
  void everyLayerRouterAndLogitAgreesWithTheReference(Kernels kernels, int input) {
    JsonNode golden = GoldenFiles.json("llada2-tiny-chat.golden.json").get("forward").get(input);
    Map<Integer, float[]> hidden = new HashMap<>();
    Map<Integer, Routing> routings = new HashMap<>();
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, kernels);

    int[] ids = ints(golden.get("ids"));
    float[] logits = model.logits(ids, new LayerProbe() {
      @Override
      public void routed(int layer, Routing routing) {
        routings.put(layer, routing);
      }

      @Override
      public void finished(int layer, float[] rows) {
        hidden.put(layer, Arrays.copyOf(rows, ids.length * model.config().hiddenSize()));
      }
    });

    String prefix = "input" + input;
    for (int layer = 0; layer < model.config().layers(); layer++) {
      assertThat(hidden.get(layer)).as("residual stream after layer " + layer).containsExactly(floats(TENSORS, prefix
          + ".hidden." + layer), within(TOLERANCE));
    }
    for (int layer = 1; layer < model.config().layers(); layer++) {
      assertThat(routings.get(layer).experts()).as("experts of layer " + layer).containsExactly(ints(TENSORS, prefix
          + ".router." + layer + ".experts"));
      assertThat(routings.get(layer).weights()).as("weights of layer " + layer).containsExactly(floats(TENSORS, prefix
          + ".router." + layer + ".weights"), within(1e-5f));
    }
    assertThat(logits).containsExactly(floats(TENSORS, prefix + ".logits"), within(TOLERANCE));
  }
}
