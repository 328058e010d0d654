package io.llada.gateway.grpc;

import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Role;
import io.llada.gateway.chat.Tool;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.coordinator.Degradation;
import io.llada.gateway.coordinator.DenoisingEvent.StepTaken;
import io.llada.gateway.coordinator.SettingsMessages;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.generation.AnswerTerms;
import io.llada.gateway.generation.GenerationEvent;
import io.llada.gateway.generation.GenerationRequest;
import io.llada.gateway.generation.Prompt;
import io.llada.proto.v1.BlockCommitted;
import io.llada.proto.v1.Chat;
import io.llada.proto.v1.Degraded;
import io.llada.proto.v1.FinishReason;
import io.llada.proto.v1.Finished;
import io.llada.proto.v1.GenerateEvent;
import io.llada.proto.v1.GenerateRequest;
import io.llada.proto.v1.Message;
import io.llada.proto.v1.StepProgress;
import io.llada.proto.v1.Usage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Our records to and from the public protobuf contract. */
final class GenerationMessages {
  private GenerationMessages() {}

  /** @throws GatewayException naming the field that is wrong */
  static GenerationRequest read(GenerateRequest request) {
    return new GenerationRequest(request.getModel(), prompt(request), SettingsMessages.read(request.getSettings()),
        request.getStopList(), request.getStepEvents(), request.getAllowDegraded());
  }

  private static Prompt prompt(GenerateRequest request) {
    return switch (request.getInputCase()) {
      case PROMPT -> new Prompt.Text(request.getPrompt());
      case CHAT -> new Prompt.Chat(conversation(request.getChat()));
      case TOKEN_IDS -> new Prompt.Tokens(
          request.getTokenIds().getIdsList().stream().mapToInt(Integer::intValue).toArray());
      case INPUT_NOT_SET -> throw GatewayException.invalid("input", "one of prompt, chat and token_ids must be set");
    };
  }

  private static Conversation conversation(Chat chat) {
    try {
      List<ChatMessage> messages = new ArrayList<>();
      for (Message message : chat.getMessagesList()) {
        List<ToolCall> calls = message.getToolCallsList().stream()
            .map(call -> new ToolCall(call.getName(), call.getArgumentsJson())).toList();
        messages.add(new ChatMessage(Role.of(message.getRole()), message.getContent(), calls));
      }
      List<Tool> tools = chat.getToolsList().stream()
          .map(tool -> Tool.of(tool.getName(), tool.getDescription(), tool.getParametersJson())).toList();
      return new Conversation(messages, tools);
    } catch (IllegalArgumentException e) {
      throw GatewayException.invalid("chat", "chat: " + e.getMessage());
    }
  }

  /** Empty for tool calls, which the contract sends with the last event. */
  static Optional<GenerateEvent> write(AnswerTerms terms, GenerationEvent event) {
    GenerateEvent.Builder message = GenerateEvent.newBuilder().setRequestId(terms.requestId());
    return switch (event) {
      case GenerationEvent.Text text -> Optional.of(message.setBlockCommitted(BlockCommitted.newBuilder()
          .setBlockIndex(text.blockIndex())
          .addAllTokenIds(boxed(text.tokenIds()))
          .setText(text.text())).build());
      case GenerationEvent.Step step -> Optional.of(message.setStepProgress(write(step)).build());
      case GenerationEvent.Call call -> Optional.empty();
      case GenerationEvent.Finished finished -> Optional.of(message.setFinished(write(finished)).build());
    };
  }

  private static StepProgress write(GenerationEvent.Step event) {
    StepTaken step = event.step();
    StepProgress.Builder progress = StepProgress.newBuilder()
        .setBlockIndex(step.blockIndex())
        .setStep(step.step())
        .addAllTokenIds(boxed(step.tokenIds()))
        .addAllMaskedPositions(boxed(step.maskedPositions()))
        .addAllCommittedPositions(boxed(step.committedPositions()))
        .setText(event.text());
    for (float confidence : step.confidences()) {
      progress.addConfidences(confidence);
    }
    return progress.build();
  }

  private static Finished write(GenerationEvent.Finished finished) {
    Finished.Builder message = Finished.newBuilder()
        .setReason(switch (finished.reason()) {
          case STOP -> FinishReason.FINISH_REASON_STOP;
          case LENGTH -> FinishReason.FINISH_REASON_LENGTH;
          case TOOL_CALLS -> FinishReason.FINISH_REASON_TOOL_CALLS;
        })
        .setUsage(Usage.newBuilder()
            .setPromptTokens(finished.usage().promptTokens())
            .setCompletionTokens(finished.usage().completionTokens())
            .setSteps(finished.usage().steps())
            .setForwards(finished.usage().forwards())
            .setTokensPerForward((float) finished.usage().tokensPerForward()))
        .addAllToolCalls(finished.toolCalls().stream()
            .map(call -> io.llada.proto.v1.ToolCall.newBuilder().setName(call.name())
                .setArgumentsJson(call.argumentsJson())
                .build())
            .toList());
    Degradation degradation = finished.degradation();
    if (!degradation.isNone()) {
      message.setDegraded(Degraded.newBuilder().addAllLayers(degradation.layers())
          .addAllGroups(degradation.groups()).setTokens(degradation.tokens()));
    }
    return message.build();
  }

  private static List<Integer> boxed(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }
}
