package io.llada.deploy;

import java.time.Duration;

/// An expert node as a test handles it.
interface TestNode {
  /// `host:port` at which it serves.
  String endpoint();

  /// Id of the process it is in.
  long pid();

  /// Ends it at once, with whatever it was doing.
  void kill() throws InterruptedException;

  /// Has it say and do nothing, until [#resume].
  void pause() throws InterruptedException;

  void resume() throws InterruptedException;

  /// Has it leave in order.
  ///
  /// @return its exit code
  int terminate(Duration bound) throws InterruptedException;

  /// Ends it when the test is over.
  void stop();

  /// What starts nodes.
  interface Driver extends AutoCloseable {
    /// @param id name of the node
    /// @param wire the proxy in front of it
    TestNode start(String id, FaultProxy wire);

    /// Ends what all nodes share, once they are stopped.
    @Override
    void close();
  }
}
