package io.llada.model.kernel;

import java.util.ArrayDeque;
import java.util.Deque;

/// Workspaces for whoever needs one for a while; as many as were ever lent at the same time. Thread-safe.
final class Workspaces {
  private final Deque<Workspace> free = new ArrayDeque<>();

  /// The one given back last, so that one caller at a time always has the same.
  synchronized Workspace take() {
    return free.isEmpty() ? new Workspace() : free.pop();
  }

  synchronized void giveBack(Workspace workspace) {
    workspace.release(0);
    free.push(workspace);
  }
}
