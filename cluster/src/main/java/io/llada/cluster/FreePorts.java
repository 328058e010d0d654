package io.llada.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/// Ports for servers that others must know before they listen.
///
/// Port 0 is no help there: what the system gives out comes from the range of outgoing connections too, so the port may
/// be taken by one of them until its server listens, and who tries to reach it meanwhile may even be connected to
/// itself. These come from below that range (32768 on Linux, 49152 elsewhere).
public final class FreePorts {
  private static final int FIRST = 10_000;
  private static final int BOUND = 32_000;
  private static final int MOST_TRIES = 10_000;

  private FreePorts() {}

  /// Ports nobody listens at now. They are drawn at random, so that processes which look at the same time find others.
  ///
  /// @param host address of this machine
  /// @param count how many, at least 1
  /// @return `count` different ports
  public static List<Integer> find(String host, int count) {
    Set<Integer> found = new LinkedHashSet<>();
    RandomGenerator random = RandomGenerator.getDefault();
    for (int tries = 0; found.size() < count; tries++) {
      if (tries == MOST_TRIES) {
        throw new UncheckedIOException(
            new BindException("%d of %d ports between %d and %d of %s are free, after %d tries"
                .formatted(found.size(), count, FIRST, BOUND, host, tries)));
      }
      int port = random.nextInt(FIRST, BOUND);
      if (isFree(host, port)) {
        found.add(port);
      }
    }
    return List.copyOf(found);
  }

  private static boolean isFree(String host, int port) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(host, port));
      return true;
    } catch (BindException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
