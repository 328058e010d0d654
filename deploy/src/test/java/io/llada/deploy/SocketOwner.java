package io.llada.deploy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// Which process called, where all of them share one address. Linux alone.
final class SocketOwner {
  private static final List<Path> TABLES = List.of(Path.of("/proc/net/tcp"), Path.of("/proc/net/tcp6"));
  private static final int HEXADECIMAL = 16;
  private static final int LOCAL = 1;
  private static final int REMOTE = 2;
  private static final int INODE = 9;

  private SocketOwner() {}

  /// Whether one of these processes has the other end of an accepted connection on loopback.
  ///
  /// @param processes their ids
  static boolean isAmong(Set<Long> processes, Socket accepted) {
    Optional<String> descriptor = inode(accepted).map("socket:[%s]"::formatted);
    return descriptor.isPresent() && processes.stream().anyMatch(process -> holds(process, descriptor.get()));
  }

  private static Optional<String> inode(Socket accepted) {
    return TABLES.stream().flatMap(SocketOwner::lines).map(line -> line.strip().split("\\s+"))
        .filter(fields -> port(fields[LOCAL]) == accepted.getPort() && port(fields[REMOTE]) == accepted.getLocalPort())
        .map(fields -> fields[INODE]).findFirst();
  }

  private static Stream<String> lines(Path table) {
    try {
      return Files.readAllLines(table).stream().skip(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int port(String endpoint) {
    return Integer.parseInt(endpoint.substring(endpoint.indexOf(':') + 1), HEXADECIMAL);
  }

  private static boolean holds(long process, String descriptor) {
    try (Stream<Path> files = Files.list(Path.of("/proc", "" + process, "fd"))) {
      return files.anyMatch(file -> leadsTo(file, descriptor));
    } catch (IOException e) {
      // The process has ended.
      return false;
    }
  }

  private static boolean leadsTo(Path file, String descriptor) {
    try {
      return Files.readSymbolicLink(file).toString().equals(descriptor);
    } catch (NoSuchFileException e) {
      // Closed since the folder was read.
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
