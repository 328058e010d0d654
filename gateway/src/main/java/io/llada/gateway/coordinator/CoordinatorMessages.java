package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.internal.v1.BlockTokens;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseFinished;
import io.llada.proto.internal.v1.DenoiseRequest;
import io.llada.proto.internal.v1.ExpertNodeStatus;
import io.llada.proto.internal.v1.LoadedBytes;
import io.llada.proto.internal.v1.StepTokens;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Our records to and from the internal protobuf contract. */
final class CoordinatorMessages {
  /** The contract's default of max_tokens where the model has none of its own. */
  private static final int DEFAULT_MAX_TOKENS = 256;

  private CoordinatorMessages() {}

  static DenoiseRequest write(DenoisingRequest request) {
    return DenoiseRequest.newBuilder()
        .setRequestId(request.requestId())
        .addAllPromptIds(Arrays.stream(request.promptIds()).boxed().toList())
        .addAllCommittedIds(Arrays.stream(request.committedIds()).boxed().toList())
        .setSettings(SettingsMessages.write(request.settings()))
        .setStepEvents(request.hasStepEvents())
        .setAllowDegraded(request.allowsDegraded())
        .build();
  }

  static DenoisingEvent read(DenoiseEvent event) {
    return switch (event.getEventCase()) {
      case BLOCK_COMMITTED -> read(event.getBlockCommitted());
      case STEP -> read(event.getStep());
      case FINISHED -> new DenoisingEvent.Finished(
          event.getFinished().getReason() == DenoiseFinished.Reason.REASON_END_TOKEN);
      case EVENT_NOT_SET ->
        throw new GatewayException(Reason.INTERNAL, "the coordinator sent an event of unknown kind");
    };
  }

  private static DenoisingEvent read(BlockTokens block) {
    return new DenoisingEvent.BlockCommitted(block.getBlockIndex(), ints(block.getTokenIdsList()), block.getSteps(),
        block.getForwards(), new Degradation(new TreeSet<>(block.getDegraded().getLayersList()),
            new TreeSet<>(block.getDegraded().getGroupsList()), block.getDegraded().getTokens()));
  }

  private static DenoisingEvent read(StepTokens step) {
    float[] confidences = new float[step.getConfidencesCount()];
    for (int i = 0; i < confidences.length; i++) {
      confidences[i] = step.getConfidences(i);
    }
    return new DenoisingEvent.StepTaken(step.getBlockIndex(), step.getStep(), ints(step.getTokenIdsList()),
        ints(step.getMaskedPositionsList()), ints(step.getCommittedPositionsList()), confidences);
  }

  static ServedModel read(io.llada.proto.internal.v1.ServedModel model) {
    DiffusionSettings defaults = SettingsMessages.read(model.getDefaultSettings());
    return new ServedModel(model.getId(), model.getVocabularySize(), model.getContextLength(), model.getBlockLength(),
        model.getMaskTokenId(), model.getEndTokenId(), model.getModelDigest(),
        defaults.maxTokens().isPresent() ? defaults : defaults.withMaxTokens(DEFAULT_MAX_TOKENS));
  }

  static CoordinatorStatus read(io.llada.proto.internal.v1.CoordinatorStatus status) {
    return new CoordinatorStatus(
        status.getLastForwardAgeMillis() < 0
            ? Optional.empty()
            : Optional.of(Duration.ofMillis(status.getLastForwardAgeMillis())),
        status.getEveryShardCovered(), status.getMissingShardsList(), status.getRunningSequences(),
        status.getQueuedSequences(), status.getPlacementEpoch(),
        status.getExpertNodesList().stream().map(CoordinatorMessages::read).toList(), status.getForwards(),
        status.getTokensCommitted(), status.getNumericsClass(), status.getRegistry(), status.getUnderReplicatedList(),
        status.getDraining(), new CoordinatorStatus.Counts(status.getHedges(), status.getFailovers(),
            status.getPlansMade(), status.getPlansTakenUp(), status.getImbalance()));
  }

  private static ExpertNodeView read(ExpertNodeStatus node) {
    return new ExpertNodeView(node.getNodeId(), node.getEndpoint(), node.getState(), node.getZone(), node.getDevice(),
        new ExpertNodeView.Weights(node.getShards(), node.getWeightBytes(), node.getLoadedList().stream()
            .collect(Collectors.toMap(LoadedBytes::getSource, LoadedBytes::getBytes, Long::sum))),
        new ExpertNodeView.Work(node.getQueueDepth(), node.getRoundTripMicros(), node.getSlowestRoundTripMicros(),
            node.getPairs(), node.getSpeed()),
        node.getDetail());
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(Integer::intValue).toArray();
  }
}
