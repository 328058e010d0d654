package io.llada.gateway.http;

import static io.llada.gateway.FakeCoordinator.END_OF_TEXT;
import static io.llada.gateway.GatewayFixture.content;
import static io.llada.gateway.GatewayFixture.events;
import static io.llada.gateway.GatewayFixture.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.grpc.Status;
import io.llada.gateway.FakeCoordinator;
import io.llada.gateway.GatewayFixture;
import io.llada.proto.internal.v1.DenoiseFinished.Reason;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of answers when coordinators are lost. */
class ResumptionTest {
  private static final String STREAM = "\"stream\":true,\"stream_options\":{\"include_usage\":true}";

  private GatewayFixture gateway;
  private FakeCoordinator first;
  private FakeCoordinator second;

  @BeforeEach
  void start() throws IOException {
    gateway = new GatewayFixture(GatewayFixture.LIMITS, 2);
    first = gateway.coordinators.getFirst();
    second = gateway.coordinators.getLast();
    second.status = second.status.toBuilder().setRunningSequences(1).build(); // so that the first is asked first
    await().until(() -> json(gateway.get("/status")).at("/coordinators/1/running").asInt() == 1);
    second.script = (request, call) -> call.spent(3, 4).block(1, gateway.ids(" two")).spent(5, 6)
        .block(2, gateway.ids(" three", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 5, 6);
  }

  @AfterEach
  void stop() {
    gateway.close();
  }

  private void requireOneTwoThree(List<JsonNode> events) {
    assertThat(content(events)).isEqualTo("One two three");
    JsonNode usage = events.getLast().path("usage");
    assertThat(usage.at("/diffusion/steps").asInt()).isEqualTo(7 + 5);
    assertThat(usage.at("/diffusion/forwards").asInt()).isEqualTo(8 + 6);
    assertThat(usage.path("completion_tokens").asInt()).isEqualTo(gateway.ids("One").length
        + gateway.ids(" two").length + gateway.ids(" three", END_OF_TEXT).length);
    requireGoneOn();
  }

  private void requireGoneOn() {
    var begun = first.requests.getLast();
    var goneOn = second.requests.getLast();
    assertThat(goneOn.getCommittedIdsList()).isEqualTo(Arrays.stream(gateway.ids("One")).boxed().toList());
    assertThat(goneOn).isEqualTo(begun.toBuilder().addAllCommittedIds(goneOn.getCommittedIdsList()).build());
  }

  @Test
  void anAnswerGoesOnBehindItsLastBlockWhenItsCoordinatorDies() {
    first.script = (request, call) -> {
      call.spent(7, 8).block(0, gateway.ids("One")).step(1, 0, 5);
      first.stop();
    };
    requireOneTwoThree(events(gateway.chat(STREAM)));
    assertThat(gateway.get("/metrics").body()).contains("llada_attempts_total 2.0", "llada_resumptions_total 1.0");
  }

  @Test
  void anAnswerInOnePieceGoesOnAsWell() {
    first.script = (request, call) -> {
      call.block(0, gateway.ids("One"));
      call.fail(Status.UNAVAILABLE.withDescription("the coordinator is shutting down"));
    };
    JsonNode answer = json(gateway.chat("\"seed\":7"));
    assertThat(answer.at("/choices/0/message/content").asText()).isEqualTo("One two three");
    assertThat(second.requests.getLast().getSettings().getSeed()).isEqualTo(7);
    assertThat(second.requests.getLast().getSettings().getThreshold()).isEqualTo(0.95f); // the model's, said out loud
    requireGoneOn();
  }

  @Test
  void aFrozenCoordinatorIsLeftAndWhatItSaysLaterIsNotHeard() {
    CompletableFuture<Void> thaw = new CompletableFuture<>();
    first.script = (request, call) -> {
      call.spent(7, 8).block(0, gateway.ids("One"));
      first.isFrozen = true;
      thaw.join();
      call.block(1, gateway.ids(" more")).finish(Reason.REASON_LENGTH, 1, 1);
    };
    second.script = (request, call) -> {
      first.isFrozen = false;
      thaw.complete(null);
      call.spent(3, 4).block(1, gateway.ids(" two")).spent(5, 6).block(2, gateway.ids(" three", END_OF_TEXT))
          .finish(Reason.REASON_END_TOKEN, 5, 6);
    };
    requireOneTwoThree(events(gateway.chat(STREAM)));
    await().until(() -> first.cancelled.get() == 1);
  }

  @Test
  void aQuietStreamOfACoordinatorThatAnswersIsNotLeft() {
    first.script = (request, call) -> {
      call.block(0, gateway.ids("One"));
      Thread.sleep(4_000); // longer than a coordinator may be silent
      call.block(1, gateway.ids(" long", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 1, 1);
    };
    assertThat(content(events(gateway.chat(STREAM)))).isEqualTo("One long");
    assertThat(second.requests).isEmpty();
  }

  @Test
  void withoutAnotherTheSameCoordinatorGoesOnOnceItAnswersAgain() {
    second.stop();
    await().until(() -> json(gateway.get("/status")).at("/coordinators/1/state").asText().equals("unusable"));
    first.script = (request, call) -> {
      if (request.getCommittedIdsCount() == 0) {
        call.block(0, gateway.ids("One"));
        call.fail(Status.UNAVAILABLE);
      } else {
        call.block(1, gateway.ids(" two", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 1, 1);
      }
    };
    assertThat(content(events(gateway.chat(STREAM)))).isEqualTo("One two");
    assertThat(first.requests).hasSize(2);
  }

  @Test
  void aRequestThatKillsCoordinatorsIsGivenUpSoon() {
    second.stop();
    await().until(() -> json(gateway.get("/status")).at("/coordinators/1/state").asText().equals("unusable"));
    first.script = (request, call) -> {
      if (request.getCommittedIdsCount() == 0) {
        call.block(0, gateway.ids("One"));
      }
      call.fail(Status.UNAVAILABLE.withDescription("layer 2 group 1"));
    };
    List<JsonNode> events = events(gateway.chat(STREAM));
    assertThat(events.getLast().at("/error/code").asText()).isEqualTo("unavailable");
    assertThat(events.getLast().at("/error/message").asText()).contains("layer 2 group 1");
    assertThat(first.requests).hasSize(3);
  }

  private void requireLayerAndGroup(List<JsonNode> events) {
    assertThat(events.getLast().at("/error/code").asText()).isEqualTo("unavailable");
    assertThat(events.getLast().at("/error/message").asText()).contains("layer 2 groups [1]");
  }

  @Test
  void whenExpertsAreMissingAnotherReadyCoordinatorGoesOn() {
    first.script = (request, call) -> {
      call.spent(7, 8).block(0, gateway.ids("One"));
      call.failForExperts("layer 2 groups [1]");
    };
    requireOneTwoThree(events(gateway.chat(STREAM)));
  }

  @Test
  void whenExpertsAreMissingForTwoCoordinatorsTheAnswerEndsAtOnce() {
    first.script = (request, call) -> {
      call.block(0, gateway.ids("One"));
      call.failForExperts("layer 2 groups [1]");
    };
    second.script = (request, call) -> call.failForExperts("layer 2 groups [1]");
    requireLayerAndGroup(events(gateway.chat(STREAM)));
    assertThat(first.requests).hasSize(1);
    assertThat(second.requests).hasSize(1);
  }

  @Test
  void whenExpertsAreMissingOneThatMissesThemTooIsNotAsked() {
    second.status = second.status.toBuilder().setEveryShardCovered(false).addMissingShards("layer 2 group 1").build();
    await().until(() -> gateway.get("/status").body().contains("layer 2 group 1"));
    first.script = (request, call) -> {
      call.block(0, gateway.ids("One"));
      call.failForExperts("layer 2 groups [1]");
    };
    requireLayerAndGroup(events(gateway.chat(STREAM)));
    assertThat(first.requests).hasSize(1);
    assertThat(second.requests).isEmpty();
    HttpResponse<String> inOnePiece = gateway.chat("");
    assertThat(inOnePiece.statusCode()).isEqualTo(503);
    assertThat(inOnePiece.body()).contains("layer 2 groups [1]");
  }

  @Test
  void theOnlyCoordinatorIsNotAskedAgainForExpertsItHasWaitedFor() {
    second.stop();
    await().until(() -> json(gateway.get("/status")).at("/coordinators/1/state").asText().equals("unusable"));
    first.script = (request, call) -> {
      call.block(0, gateway.ids("One"));
      call.failForExperts("layer 2 groups [1]");
    };
    requireLayerAndGroup(events(gateway.chat(STREAM)));
    assertThat(first.requests).hasSize(1);
  }

  @Test
  void aFullCoordinatorIsAskedAgainForAnAnswerThatHadBegun() {
    first.script = (request, call) -> {
      call.spent(7, 8).block(0, gateway.ids("One"));
      first.stop();
    };
    FakeCoordinator.Script goOn = second.script;
    second.script = (request, call) -> {
      if (second.requests.size() < 4) {
        call.fail(Status.RESOURCE_EXHAUSTED);
      } else {
        goOn.run(request, call);
      }
    };
    requireOneTwoThree(events(gateway.chat(STREAM)));
  }

  @Test
  void aDrainingCoordinatorGetsNoNewAnswers() {
    first.status = first.status.toBuilder().setDraining(true).build();
    await().until(() -> json(gateway.get("/status")).at("/coordinators/0/draining").asBoolean());
    second.answers(gateway.ids("Hi", END_OF_TEXT));
    assertThat(content(events(gateway.chat(STREAM)))).isEqualTo("Hi");
    assertThat(first.requests).isEmpty();
  }

  @Test
  void aBlockOutOfOrderBreaksTheContract() {
    first.script = (request, call) -> call.block(0, gateway.ids("One")).block(0, gateway.ids("One"));
    List<JsonNode> events = events(gateway.chat(STREAM));
    assertThat(events.getLast().at("/error/message").asText()).contains("committed block 0 where block 1 is next");
  }
}
