package io.llada.coordinator.dispatch;

import io.llada.proto.wire.ResultPayload;
import java.util.TreeMap;

/// The results of one layer, by portion. The first one for a portion counts; asking twice is harmless. Not thread-safe.
final class LayerSums {
  private final TreeMap<Portion, Answered> answered = new TreeMap<>();

  private record Answered(Shipment shipment, ResultPayload result) {}

  void put(Shipment shipment, ResultPayload result) {
    shipment.portions().forEach(portion -> answered.putIfAbsent(portion, new Answered(shipment, result)));
  }

  /// Adds the groups in ascending order to `combined`, `(tokens, hiddenSize)`.
  void addTo(float[] combined, int hiddenSize) {
    answered.forEach((portion, part) -> {
      ResultPayload result = part.result();
      for (int sum = 0; sum < result.token().length; sum++) {
        int token = part.shipment().token()[result.token()[sum]];
        if (result.group()[sum] == portion.group() && portion.has(token)) {
          result.rows().add(sum, combined, token * hiddenSize);
        }
      }
    });
  }
}
