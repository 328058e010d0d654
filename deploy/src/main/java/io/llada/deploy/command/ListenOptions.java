package io.llada.deploy.command;

import java.net.InetAddress;
import java.net.UnknownHostException;
import picocli.CommandLine.Option;

/// Where a process listens.
final class ListenOptions {
  @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1", description = "Address to bind. Default: "
      + "${DEFAULT-VALUE}.")
  private String host;

  @Option(names = "--insecure", description = "Allow an address beyond this machine although traffic is neither "
      + "encrypted nor authenticated: for private networks only.")
  private boolean isInsecure;

  String host() {
    return host;
  }

  /// @throws IllegalArgumentException when others could reach the process and that was not asked for
  void requireSafe() throws UnknownHostException {
    if (!isInsecure && !InetAddress.getByName(host).isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "--host %s can be reached from other machines, and there is no TLS yet; on a private network add --insecure"
              .formatted(host));
    }
  }
}
