package io.llada.model.experts;

/// The seam between the model and whoever computes its routed experts: this process or a cluster of expert nodes.
/// The model cannot tell which it has.
public interface Experts {
  /// Starts computing the routed experts of one layer. The caller goes on with other work (the shared expert) and
  /// then calls [Pending#addTo].
  ///
  /// @param rows `(routing.tokens, hiddenSize)`, may be longer; stay as they are until [Pending#addTo] has returned
  Pending dispatch(int layer, float[] rows, Routing routing);

  /// As [#dispatch], but groups that nobody holds and that [Omissions#allowed] names are left out, and added to
  /// `omissions` before this returns. Who computes all experts itself leaves nothing out.
  default Pending dispatch(int layer, float[] rows, Routing routing, Omissions omissions) {
    return dispatch(layer, rows, routing);
  }

  /// Which of some shards nobody holds even now; none when there is a reason to wait for all of them again.
  default MissingExperts stillMissing(MissingExperts experts) {
    return MissingExperts.NONE;
  }

  /// Routed experts that are being computed.
  interface Pending {
    /// Waits (bounded) and adds the combined rows to `out`, `(tokens, hiddenSize)` or longer: groups in ascending order,
    /// summed from zero, then added once.
    ///
    /// @throws ExpertsUnavailableException when no live owner answered in time
    void addTo(float[] out);
  }
}
