package io.llada.proto.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoopbackTcpTest {
  @ParameterizedTest
  @CsvSource({"127.0.0.1,true", "127.1.2.3,true", "localhost,true", "::1,true", "[::1],true", "0.0.0.0,false",
      "10.0.0.1,false", "node-1.cluster.local,false", "'',false"})
  void onlyHostsThatAreThisMachineAreLoopback(String host, boolean expected) {
    assertThat(LoopbackTcp.isLoopback(host)).isEqualTo(expected);
  }

  @Test
  void aSocketTakesReno() throws IOException, InterruptedException {
    assumeTrue(Epoll.isAvailable());
    EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Channel channel = new Bootstrap().group(loops).channel(EpollSocketChannel.class)
          .option(LoopbackTcp.CONGESTION_CONTROL, LoopbackTcp.RENO).handler(new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel opened) {
              // Nothing is sent.
            }
          }).connect(server.getLocalSocketAddress()).sync().channel();
      assertThat(channel.config().getOption(LoopbackTcp.CONGESTION_CONTROL)).isEqualTo(LoopbackTcp.RENO);
      channel.close().sync();
    } finally {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
