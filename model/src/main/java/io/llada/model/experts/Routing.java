package io.llada.model.experts;

/// Which experts each token uses in one layer, and with which weight.
///
/// @param tokens number of token rows
/// @param expertsPerToken experts chosen for each token
/// @param experts expert ids, `(tokens, expertsPerToken)`, best selection score first
/// @param weights their weights, `(tokens, expertsPerToken)`
public record Routing(int tokens, int expertsPerToken, int[] experts, float[] weights) {
  public Routing {
    if (experts.length != tokens * expertsPerToken || weights.length != experts.length) {
      throw new IllegalArgumentException("%d tokens x %d experts need %d entries, found %d ids and %d weights"
          .formatted(tokens, expertsPerToken, tokens * expertsPerToken, experts.length, weights.length));
    }
  }
}
