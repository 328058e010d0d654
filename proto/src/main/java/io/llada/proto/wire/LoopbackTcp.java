package io.llada.proto.wire;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
import io.grpc.netty.shaded.io.netty.channel.unix.IntegerUnixChannelOption;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Connections between processes of one machine, over which frames travel.
///
/// Nothing is lost there and nobody is to be treated fairly. Congestion control that paces its sender, as BBR does, takes
/// the pauses between steps for a slow path, and an answer of half a megabyte then waits for up to a tenth of a second.
/// Such connections use Reno, which every Linux has and allows. Between machines the operator's choice stays.
public final class LoopbackTcp {
  private static final int IPPROTO_TCP = 6;
  private static final int TCP_CONGESTION = 13;
  static final IntegerUnixChannelOption CONGESTION_CONTROL = new IntegerUnixChannelOption("TCP_CONGESTION", IPPROTO_TCP,
      TCP_CONGESTION);
  /// The name, which is as long as the integer that the transport hands over.
  static final int RENO = ByteBuffer.wrap("reno".getBytes(StandardCharsets.US_ASCII)).order(ByteOrder.nativeOrder())
      .getInt();

  private LoopbackTcp() {}

  /// The same channel, prepared for an endpoint `host:port`.
  public static NettyChannelBuilder prepare(NettyChannelBuilder channel, String endpoint) {
    return applies(endpoint.substring(0, endpoint.lastIndexOf(':')))
        ? channel.withOption(CONGESTION_CONTROL, RENO)
        : channel;
  }

  /// The same server, prepared for the host or address it is bound to.
  public static NettyServerBuilder prepare(NettyServerBuilder server, String host) {
    return applies(host) ? server.withChildOption(CONGESTION_CONTROL, RENO) : server;
  }

  private static boolean applies(String host) {
    return isLoopback(host) && Epoll.isAvailable();
  }

  /// Whether a host can only be this machine; names are not looked up.
  static boolean isLoopback(String host) {
    if (host.equals("localhost")) {
      return true;
    }
    try {
      return InetAddress.ofLiteral(host.replaceAll("^\\[|]$", "")).isLoopbackAddress();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
