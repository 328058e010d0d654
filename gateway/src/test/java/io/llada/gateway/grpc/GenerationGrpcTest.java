package io.llada.gateway.grpc;

import static io.llada.gateway.FakeCoordinator.END_OF_TEXT;
import static io.llada.gateway.FakeCoordinator.MASK;
import static io.llada.gateway.FakeCoordinator.ROLE_END;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import io.llada.gateway.GatewayFixture;
import io.llada.proto.internal.v1.DenoiseFinished.Reason;
import io.llada.proto.v1.Chat;
import io.llada.proto.v1.Degraded;
import io.llada.proto.v1.DiffusionSettings;
import io.llada.proto.v1.FinishReason;
import io.llada.proto.v1.GenerateEvent;
import io.llada.proto.v1.GenerateRequest;
import io.llada.proto.v1.GenerationGrpc;
import io.llada.proto.v1.ListModelsRequest;
import io.llada.proto.v1.Message;
import io.llada.proto.v1.TokenIds;
import io.llada.proto.v1.Tool;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GenerationGrpcTest {
  private static final GenerateRequest HELLO = GenerateRequest.newBuilder().setPrompt("Hello").build();
  private static GatewayFixture gateway;
  private static ManagedChannel channel;

  @BeforeAll
  static void start() throws IOException {
    gateway = new GatewayFixture();
    channel = NettyChannelBuilder.forAddress("127.0.0.1", gateway.port).usePlaintext().build();
  }

  @AfterAll
  static void stop() {
    channel.shutdownNow();
    gateway.close();
  }

  @BeforeEach
  void forget() {
    gateway.coordinator.cancelled.set(0);
    gateway.coordinator.requests.clear();
  }

  private static GenerationGrpc.GenerationBlockingStub stub() {
    return GenerationGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static List<GenerateEvent> generate(GenerateRequest request) {
    List<GenerateEvent> events = new ArrayList<>();
    stub().generate(request).forEachRemaining(events::add);
    return events;
  }

  private static String text(List<GenerateEvent> events) {
    return events.stream().map(event -> event.getBlockCommitted().getText()).collect(Collectors.joining());
  }

  private static Status failure(GenerateRequest request) {
    try {
      generate(request);
    } catch (StatusRuntimeException e) {
      return e.getStatus();
    }
    throw new AssertionError("the call succeeded");
  }

  @Test
  void blocksStepsAndUsageArriveAndFinishedIsLast() {
    gateway.coordinator.script = (request, call) -> call.step(0, 0, 5, MASK, MASK)
        .block(0, gateway.ids("One ")).spent(6, 5).block(1, gateway.ids("two", ROLE_END, END_OF_TEXT))
        .finish(Reason.REASON_END_TOKEN, 6, 5);

    List<GenerateEvent> events = generate(HELLO.toBuilder().setStepEvents(true).build());

    assertThat(events.getFirst().getStepProgress().getText()).isEqualTo(gateway.encoder.decode(5) + "\u2591\u2591");
    assertThat(events.getFirst().getStepProgress().getMaskedPositionsList()).containsExactly(1, 2);
    assertThat(text(events)).isEqualTo("One two");
    assertThat(events.get(2).getBlockCommitted().getTokenIdsList()).doesNotContain(ROLE_END, END_OF_TEXT);
    assertThat(events).allMatch(event -> event.getRequestId().equals(events.getFirst().getRequestId()));
    var finished = events.getLast().getFinished();
    assertThat(finished.getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
    assertThat(finished.getUsage().getForwards()).isEqualTo(5);
    assertThat(finished.getUsage().getPromptTokens()).isEqualTo(gateway.ids("Hello").length);
    assertThat(finished.getUsage().getTokensPerForward()).isEqualTo(finished.getUsage().getCompletionTokens() / 5f);
  }

  @Test
  void aDegradedAnswerIsMarkedInItsLastEvent() {
    gateway.coordinator.script = (request, call) -> {
      if (request.getAllowDegraded()) {
        call.without(2, 1, 4);
      }
      call.block(0, gateway.ids("One", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 1, 1);
    };
    var finished = generate(HELLO.toBuilder().setAllowDegraded(true).build()).getLast().getFinished();
    assertThat(finished.getDegraded())
        .isEqualTo(Degraded.newBuilder().addLayers(2).addGroups(1).setTokens(4).build());
    assertThat(generate(HELLO).getLast().getFinished().hasDegraded()).isFalse();
  }

  @Test
  void aChatWithToolsGivesItsCallsInTheEnd() {
    gateway.coordinator.answers(
        gateway.ids("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", ROLE_END, END_OF_TEXT));
    Chat chat = Chat.newBuilder().addMessages(Message.newBuilder().setRole("user").setContent("x"))
        .addTools(Tool.newBuilder().setName("f").setParametersJson("{\"type\":\"object\"}")).build();

    List<GenerateEvent> events = generate(GenerateRequest.newBuilder().setChat(chat).build());

    assertThat(text(events)).isEmpty();
    assertThat(events.getLast().getFinished().getReason()).isEqualTo(FinishReason.FINISH_REASON_TOOL_CALLS);
    assertThat(events.getLast().getFinished().getToolCalls(0).getArgumentsJson()).isEqualTo("{\"a\": 1}");
  }

  @Test
  void wrongRequestsAreInvalidArgumentsWithValueAndLimit() {
    assertThat(failure(GenerateRequest.getDefaultInstance()).getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    Status steps = failure(HELLO.toBuilder().setSettings(DiffusionSettings.newBuilder().setSteps(5000)).build());
    assertThat(steps.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(steps.getDescription()).contains("steps is 5000", "1024");
    Status guidance = failure(HELLO.toBuilder().setSettings(DiffusionSettings.newBuilder().setGuidance(101)).build());
    assertThat(guidance.getDescription()).contains("guidance is 101", "100");
    Status nan = failure(
        HELLO.toBuilder().setSettings(DiffusionSettings.newBuilder().setTemperature(Float.NaN)).build());
    assertThat(nan.getDescription()).contains("temperature is NaN");
    Status mask = failure(GenerateRequest.newBuilder().setTokenIds(TokenIds.newBuilder().addIds(MASK)).build());
    assertThat(mask.getDescription()).contains("mask token");
    Status role = failure(GenerateRequest.newBuilder()
        .setChat(Chat.newBuilder().addMessages(Message.newBuilder().setRole("king"))).build());
    assertThat(role.getDescription()).contains("king");
    assertThat(failure(HELLO.toBuilder().setModel("other").build()).getCode()).isEqualTo(Status.Code.NOT_FOUND);
    assertThat(gateway.coordinator.requests).isEmpty();
  }

  @Test
  void theCoordinatorsRefusalReachesTheCaller() {
    gateway.coordinator.script = (request, call) -> call.fail(Status.RESOURCE_EXHAUSTED.withDescription("full"));
    assertThat(failure(HELLO).getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    gateway.coordinator.script = (request, call) -> call.fail(Status.UNAVAILABLE.withDescription("layer 1"));
    assertThat(failure(HELLO).getCode()).isEqualTo(Status.Code.UNAVAILABLE);
  }

  @Test
  void aCallerThatLeavesCancelsTheCoordinator() {
    gateway.coordinator.script = (request, call) -> call.block(0, 5);
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      Iterator<GenerateEvent> events = context.wrap(() -> stub().generate(HELLO)).call();
      assertThat(events.next().hasBlockCommitted()).isTrue();
      context.cancel(null);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    await().until(() -> gateway.coordinator.cancelled.get() == 1);
  }

  @Test
  void aCallersDeadlineEndsTheCallAndTheWork() {
    gateway.coordinator.script = (request, call) -> call.step(0, 0, 5);
    assertThatThrownBy(() -> GenerationGrpc.newBlockingStub(channel).withDeadlineAfter(3, TimeUnit.SECONDS)
        .generate(HELLO).forEachRemaining(event -> {})).isInstanceOf(StatusRuntimeException.class)
        .hasMessageContaining("DEADLINE_EXCEEDED");
    assertThat(gateway.coordinator.requests).hasSize(1); // it got there before the deadline
    await().until(() -> gateway.coordinator.cancelled.get() == 1);
  }

  @Test
  void modelsAreListed() {
    var model = stub().listModels(ListModelsRequest.getDefaultInstance()).getModels(0);
    assertThat(model.getId()).isEqualTo("llada2-tiny-chat");
    assertThat(model.getContextLength()).isEqualTo(448);
    assertThat(model.getBlockLength()).isEqualTo(32);
  }

  @Test
  void healthFollowsReadiness() {
    var health = HealthGrpc.newBlockingStub(channel);
    HealthCheckRequest request = HealthCheckRequest.newBuilder().setService(GenerationGrpc.SERVICE_NAME).build();
    var good = gateway.coordinator.status;
    await().until(() -> health.check(request).getStatus() == ServingStatus.SERVING);
    gateway.coordinator.status = good.toBuilder().setEveryShardCovered(false).build();
    await().until(() -> health.check(request).getStatus() == ServingStatus.NOT_SERVING);
    gateway.coordinator.status = good;
    await().until(() -> health.check(request).getStatus() == ServingStatus.SERVING);
  }

  @Test
  void reflectionNamesTheServices() throws InterruptedException {
    BlockingQueue<ServerReflectionResponse> answers = new LinkedBlockingQueue<>();
    StreamObserver<ServerReflectionRequest> questions = ServerReflectionGrpc.newStub(channel)
        .serverReflectionInfo(new StreamObserver<>() {
          @Override
          public void onNext(ServerReflectionResponse response) {
            answers.add(response);
          }

          @Override
          public void onError(Throwable error) {
            // the missing answer fails the test
          }

          @Override
          public void onCompleted() {
            // nothing more to come
          }
        });
    questions.onNext(ServerReflectionRequest.newBuilder().setListServices("*").build());
    questions.onNext(ServerReflectionRequest.newBuilder().setFileContainingSymbol("llada.v1.Generation").build());
    ServerReflectionResponse services = answers.poll(10, TimeUnit.SECONDS);
    assertThat(services.getListServicesResponse().getServiceList()).extracting(service -> service.getName())
        .contains("llada.v1.Generation", "grpc.health.v1.Health");
    assertThat(answers.poll(10, TimeUnit.SECONDS).getFileDescriptorResponse().getFileDescriptorProtoCount())
        .isPositive();
    questions.onCompleted();
  }
}
