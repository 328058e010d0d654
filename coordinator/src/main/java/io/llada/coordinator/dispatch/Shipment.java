package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.model.config.MoeConfig;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.ResultPayload;
import java.util.SortedSet;

/// Some portions of one layer on their way to one node. The frame holds the rounded rows, so that it can be repeated or
/// divided among other nodes without the caller's rows, and with the very same bits.
///
/// @param frame the dispatch, not numbered yet
/// @param token which token of the layer's batch each row is
/// @param pairToken index of the row, one per pair
/// @param pairExpert expert id, one per pair
/// @param portions the portions that the pairs are, ascending
record Shipment(Frame frame, int[] token, int[] pairToken, int[] pairExpert, SortedSet<Portion> portions) {
  /// What every frame of one layer has in common.
  ///
  /// @param layer MoE layer
  /// @param elementType number format of the rows
  /// @param epoch placement the dispatch goes by
  /// @param budgetMicros how long an answer is waited for
  record Terms(int layer, ElementType elementType, long epoch, long budgetMicros) {}

  static Shipment of(RoutedRows rows, SortedSet<Portion> portions, Terms terms, ExpertModel model) {
    RoutedRows part = rows.only(portions, model.moe());
    FrameHeader header = new FrameHeader(FrameKind.DISPATCH, terms.elementType(), 0, 0, terms.layer(), terms.epoch(), 0,
        0, 0, terms.budgetMicros(), 0, 0);
    Frame frame = DispatchPayload.encode(header,
        new DispatchPayload.Rows(part.rows(), part.row(), model.hiddenSize()), part.pairToken(), part.pairExpert(),
        part.pairWeight());
    return new Shipment(frame, part.token(), part.pairToken(), part.pairExpert(), portions);
  }

  int tokens() {
    return token.length;
  }

  /// The rows again, as the node sees them.
  ///
  /// @throws io.llada.proto.wire.FrameException when they are not finite
  RoutedRows unpack(ExpertModel model) {
    return RoutedRows.of(DispatchPayload.decode(frame, model.hiddenSize()), token);
  }

  /// Whether a result has exactly one row for each (group, token) of this shipment, in order.
  boolean isAnsweredBy(ResultPayload result, MoeConfig moe) {
    int sum = -1;
    for (int pair = 0; pair < pairToken.length; pair++) {
      int group = moe.groupOf(pairExpert[pair]);
      boolean next = sum < 0 || result.group()[sum] != group || result.token()[sum] != pairToken[pair];
      sum += next ? 1 : 0;
      if (sum == result.token().length || result.group()[sum] != group || result.token()[sum] != pairToken[pair]) {
        return false;
      }
    }
    return sum == result.token().length - 1;
  }
}
