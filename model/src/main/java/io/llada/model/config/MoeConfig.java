package io.llada.model.config;

/// The mixture-of-experts part of a model.
///
/// @param experts routed experts per layer
/// @param expertsPerToken experts a token uses
/// @param groups expert groups: the router's own groups, or runs of a fixed size where the router has none
/// @param keptGroups groups a token may use; equal to `groups` where the router has no group limit
/// @param expertWidth inner width of a routed expert
/// @param sharedWidth inner width of the shared expert; 0: none
/// @param firstMoeLayer layers before it are dense
/// @param scaling factor on the routing weights
/// @param router how experts are scored and chosen
/// @param poolCapacity experts a routing block keeps (block-pool router alone), else 0
public record MoeConfig(int experts, int expertsPerToken, int groups, int keptGroups, int expertWidth, int sharedWidth,
  int firstMoeLayer, float scaling, RouterKind router, int poolCapacity) {

  /// How a router scores and chooses experts.
  public enum RouterKind {
    /// Sigmoid scores, selection limited to the best groups (LLaDA2.0 and 2.1).
    GROUPED_SIGMOID,
    /// Sigmoid scores, selection limited to the best experts of a routing block (LLaDA2.2).
    BLOCK_POOL_SIGMOID,
    /// Softmax scores used as they are (LLaDA-MoE).
    SOFTMAX
  }

  /// Experts in each group.
  public int expertsPerGroup() {
    return experts / groups;
  }

  /// The group of an expert.
  public int groupOf(int expert) {
    return expert / expertsPerGroup();
  }
}
