package io.llada.model.packed;

import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;

/// The number formats asked for when a checkpoint is packed.
///
/// The embedding keeps its own, because its rows are read in place; router, norms and biases are always F32.
///
/// @param experts routed experts
/// @param dense every other matrix of the layers
/// @param head the LM head
public record WeightFormats(WeightFormat experts, WeightFormat dense, WeightFormat head) {
  public WeightFormats {
    require("experts", experts);
    require("dense", dense);
    require("head", head);
  }

  private static void require(String part, WeightFormat format) {
    if (format == WeightFormat.F32) {
      throw new IllegalArgumentException(part + ": expected BF16, INT8 or INT4, found F32");
    }
  }

  /// The format one weight gets. Columns that are no whole quantisation groups cannot be quantised: such a matrix keeps
  /// the format it is stored in.
  ///
  /// @param stored its type in the original
  public WeightFormat of(WeightRole role, ElementType stored, int columns) {
    WeightFormat asked = switch (role) {
      case EMBEDDING -> WeightFormat.of(stored);
      case VECTOR, ROUTER -> WeightFormat.F32;
      case DENSE -> dense;
      case EXPERT -> experts;
      case HEAD -> head;
    };
    return asked.isQuantised() && columns % WeightFormat.GROUP != 0 ? WeightFormat.of(stored) : asked;
  }

  /// Whether packing could have given a weight this format.
  public boolean allow(WeightFormat found, WeightRole role, int columns) {
    return found == of(role, ElementType.BF16, columns) || found == of(role, ElementType.F32, columns);
  }
}
