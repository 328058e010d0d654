package io.llada.gateway.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.gateway.FakeCoordinator;
import io.llada.gateway.GatewayFixture;
import io.llada.gateway.GatewayLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A crowd of clients that hardly read. */
class SlowReadersTest {
  private static final int READERS = 40;
  private static final GatewayLimits LIMITS = new GatewayLimits(4 << 20, READERS + 8, 100, Duration.ofSeconds(60),
      Duration.ofSeconds(20), Duration.ofSeconds(3), Duration.ofSeconds(60), Duration.ofSeconds(1),
      Duration.ofSeconds(1), Duration.ofSeconds(1));

  @Test
  void slowReadersDisturbNobodyAndAreCutOff() throws IOException {
    List<Socket> readers = new ArrayList<>();
    try (GatewayFixture gateway = new GatewayFixture(LIMITS)) {
      int[] ids = gateway.ids("word ".repeat(50));
      gateway.coordinator.script = (request, call) -> {
        if (!request.getStepEvents()) {
          call.block(0, gateway.ids("quick", FakeCoordinator.END_OF_TEXT));
          return;
        }
        for (int i = 0; i < 1_000_000 && !call.isCancelled(); i++) {
          call.step(0, i, ids);
        }
      };
      for (int i = 0; i < READERS; i++) {
        readers.add(open(gateway));
      }
      await().until(() -> gateway.coordinator.requests.size() == READERS);
      for (Socket reader : readers) {
        assertThat(reader.getInputStream().read()).isNotNegative(); // one byte, and no more for a long time
      }
      for (int i = 0; i < 5; i++) {
        assertThat(GatewayFixture.json(gateway.chat("")).at("/choices/0/message/content").asText()).isEqualTo("quick");
      }
      await().until(() -> gateway.coordinator.cancelled.get() >= READERS);

      assertThat(gateway.chat("").statusCode()).isEqualTo(200);
    } finally {
      for (Socket reader : readers) {
        reader.close();
      }
    }
  }

  private static Socket open(GatewayFixture gateway) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(16 << 10);
    socket.connect(new InetSocketAddress("127.0.0.1", gateway.port));
    byte[] body = GatewayFixture.chatBody("\"stream\":true,\"step_events\":true").getBytes(StandardCharsets.UTF_8);
    socket.getOutputStream()
        .write(("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().write(body);
    return socket;
  }
}
