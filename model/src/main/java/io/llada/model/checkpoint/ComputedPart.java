package io.llada.model.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A safetensors part that lies in no file: its weights are computed when they are read.
///
/// @param file the name it would have
/// @param tensors dimensions by name; BF16, one behind the other in this order
/// @param content their bytes
public record ComputedPart(String file, Map<String, List<Integer>> tensors, PartContent content) {
  public ComputedPart {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }
}
