package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;
import io.llada.model.layer.KvCache;
import io.llada.model.layer.RowPredictions;
import io.llada.model.layer.RowSampling;
import io.llada.model.layer.SequenceRows;
import io.llada.model.unmasking.Block;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Predictions;
import io.llada.model.unmasking.TransferSet;
import io.llada.model.unmasking.UnmaskingPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/// One request while it is denoised: its canvas, its cache, its current block.
///
/// With block-causal attention each forward pass takes the positions from the first one that is not cached to the end
/// of the current block. That is prefill (prompt blocks), the commit pass (a finished block, whose keys and values
/// must come from its final tokens) and the denoising step in one rule, and fuses the commit with the next block's
/// first step. With full attention it takes the whole canvas. Owned by the scheduler's thread.
final class DenoisingSequence {
  private final ModelConfig config;
  private final DenoisingRequest request;
  private final DenoisingListener listener;
  private final UnmaskingPolicy policy;
  private final Canvas canvas;
  private final KvCache cache;
  private final Optional<KvCache> unguidedCache;

  private Block block;
  private int blockIndex;
  private int cachedPositions;
  private int emittedTokens;
  private int steps;
  private Degradation degradation = Degradation.NONE;
  private Optional<DenoisingOutcome> outcome = Optional.empty();

  /// @param newCache makes an empty cache
  DenoisingSequence(ModelConfig config, Supplier<KvCache> newCache, DenoisingRequest request,
      DenoisingListener listener) {
    DiffusionSettings settings = request.settings();
    this.config = config;
    this.request = request;
    this.listener = listener;
    this.policy = settings.policy();
    this.canvas = new Canvas(config, request.promptIds(), settings.maxTokens(), settings.blockLength());
    this.cache = newCache.get();
    this.unguidedCache = settings.guidance() > 0 ? Optional.of(newCache.get()) : Optional.empty();
    this.blockIndex = canvas.restore(request.committedIds());
    this.emittedTokens = request.committedIds().length;
    this.block = canvas.block(blockIndex);
  }

  DenoisingRequest request() {
    return request;
  }

  DenoisingListener listener() {
    return listener;
  }

  Optional<DenoisingOutcome> outcome() {
    return outcome;
  }

  /// Rows of this sequence were not computed in the pass that is about to be taken.
  void wentWithout(int layer, int group, int rows) {
    degradation = degradation.plus(layer, group, rows);
  }

  /// Rows the next forward pass needs before the current block can be denoised in it.
  int rowsBeforeBlock() {
    return config.family().isBlockCausal() ? block.start() - cachedPositions : 0;
  }

  /// Rows of a denoising step.
  int stepRows() {
    return config.family().isBlockCausal()
        ? rowsBeforeBlock() + block.length()
        : canvas.length() * (unguidedCache.isPresent() ? 2 : 1);
  }

  /// Whole uncached blocks only, at most `budget` rows (at least one block): a prefill pass.
  List<SequenceRows> prefillRows(int budget) {
    int blockLength = block.length();
    int rows = Math.min(rowsBeforeBlock(), Math.max(1, budget / blockLength) * blockLength);
    return List.of(new SequenceRows(cache, cachedPositions, canvas.range(cachedPositions, cachedPositions + rows),
        blockLength, new int[0]));
  }

  void prefilled(List<SequenceRows> rows) {
    cachedPositions += rows.getFirst().ids().length;
  }

  /// The rows of a denoising step; with guidance a second set, in which the prompt is masked.
  List<SequenceRows> denoisingRows() {
    canvas.write(block);
    boolean blockCausal = config.family().isBlockCausal();
    int start = blockCausal ? cachedPositions : 0;
    int end = blockCausal ? block.start() + block.length() : canvas.length();
    int attentionBlock = blockCausal ? block.length() : canvas.length();
    int[] predicted = IntStream.of(predictedPositions()).map(position -> block.start() + position - start).toArray();
    List<SequenceRows> rows = new ArrayList<>();
    rows.add(new SequenceRows(cache, start, canvas.range(start, end), attentionBlock, predicted));
    unguidedCache.ifPresent(unguided -> rows.add(new SequenceRows(unguided, start, Arrays.copyOfRange(canvas
        .withoutPrompt(), start, end), attentionBlock, predicted)));
    return rows;
  }

  /// Positions of the block the policy wants predicted.
  int[] predictedPositions() {
    return policy.editsCommitted() ? block.answerPositions() : block.maskedPositions();
  }

  /// How the predicted rows are drawn, in the order of [#predictedPositions].
  List<RowSampling> sampling() {
    return IntStream.of(predictedPositions()).mapToObj(position -> new RowSampling(request.settings().sampling(), block
        .start() + position, block.steps())).toList();
  }

  float guidance() {
    return request.settings().guidance();
  }

  /// Takes this step's predictions, commits what the policy chooses, and tells the listener.
  ///
  /// @param predictions one row per predicted position
  void advance(RowPredictions predictions) {
    int step = block.steps();
    Predictions byPosition = byPosition(predictions);
    TransferSet transfer = policy.select(block, byPosition);
    block.commit(transfer);
    canvas.write(block);
    steps++;
    cachedPositions = Math.max(cachedPositions, block.start());
    if (listener.wantsSteps()) {
      listener.stepped(stepRecord(step, transfer, byPosition));
    }
    int end = endPosition(transfer.blockComplete());
    if (transfer.blockComplete() || end >= 0) {
      completeBlock(end);
    }
  }

  private Predictions byPosition(RowPredictions rows) {
    int[] tokens = new int[block.length()];
    float[] confidences = new float[block.length()];
    int[] positions = predictedPositions();
    for (int i = 0; i < positions.length; i++) {
      tokens[positions[i]] = rows.tokens()[i];
      confidences[positions[i]] = rows.confidences()[i];
    }
    return new Predictions(tokens, confidences);
  }

  private DenoisingStep stepRecord(int step, TransferSet transfer, Predictions predictions) {
    int windowEnd = config.family().isBlockCausal() ? block.start() + block.length() : canvas.length();
    float[] confidences = new float[transfer.positions().length];
    for (int i = 0; i < confidences.length; i++) {
      confidences[i] = predictions.confidences()[transfer.positions()[i]];
    }
    return new DenoisingStep(blockIndex, blockIndex - canvas.firstBlock(), block.start(), block.start() + block
        .length(), step, canvas.range(0,
            windowEnd),
        absolute(block.maskedPositions()), absolute(transfer.positions()), confidences);
  }

  private int[] absolute(int[] positions) {
    return IntStream.of(positions).map(position -> block.start() + position).toArray();
  }

  /// Position of the end token that ends the answer now, or -1. Within a block it counts once everything before it
  /// is committed, if the request stops early; behind a complete block it always counts.
  private int endPosition(boolean blockComplete) {
    int end = canvas.find(config.endTokenId(), Math.min(block.start() + block.length(), canvas.promptLength() + request
        .settings().maxTokens()));
    if (end < 0 || blockComplete) {
      return end;
    }
    boolean mayStopEarly = request.settings().earlyStop() && !policy.editsCommitted();
    int[] masked = block.maskedPositions();
    boolean nothingMaskedBefore = masked.length == 0 || block.start() + masked[0] > end;
    return mayStopEarly && nothingMaskedBefore ? end : -1;
  }

  /// Emits the block's answer tokens and goes on to the next block or finishes.
  private void completeBlock(int end) {
    int limit = Math.min(canvas.promptLength() + request.settings().maxTokens(), block.start() + block.length());
    int to = end >= 0 ? end + 1 : limit;
    int[] tokens = canvas.range(Math.max(canvas.promptLength(), block.start()), to);
    emittedTokens += tokens.length;
    listener.committed(new CommittedBlock(blockIndex - canvas.firstBlock(), tokens, steps, forwards(), degradation));
    if (end >= 0 || emittedTokens >= request.settings().maxTokens()) {
      int[] answer = canvas.range(canvas.promptLength(), canvas.promptLength() + emittedTokens);
      outcome = Optional.of(new DenoisingOutcome(answer, end >= 0, canvas.promptLength(), steps, forwards()));
      return;
    }
    blockIndex++;
    block = canvas.block(blockIndex);
  }

  private int forwards() {
    return unguidedCache.isPresent() ? 2 * steps : steps;
  }
}
