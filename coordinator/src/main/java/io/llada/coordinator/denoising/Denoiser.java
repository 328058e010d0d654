package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Omissions.Omission;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.KvCache;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.LayerProbe.Part;
import io.llada.model.layer.RowPredictions;
import io.llada.model.layer.RowSampling;
import io.llada.model.layer.SequenceRows;
import io.llada.model.layer.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// One forward pass over many sequences, and what follows from it: the body of the denoising loop.
public final class Denoiser {
  private final Transformer transformer;
  private final LanguageModelHead head;
  private final CacheFormat caches;
  private final LayerProbe probe;

  /// @param caches number format of cached keys and values
  public Denoiser(Transformer transformer, LanguageModelHead head, CacheFormat caches, LayerProbe probe) {
    this.transformer = transformer;
    this.head = head;
    this.caches = caches;
    this.probe = probe;
  }

  public ModelConfig config() {
    return transformer.config();
  }

  /// An empty cache for a sequence.
  KvCache newCache() {
    return new KvCache(config(), caches);
  }

  /// Which of some missing experts nobody holds even now.
  MissingExperts stillMissing(MissingExperts missing) {
    return transformer.stillMissing(missing);
  }

  /// Runs the round's forward pass and advances its sequences. When it throws, no sequence has changed: the round may
  /// be run again.
  ///
  /// @param expendable shards that the pass may go without; none unless every sequence of the round allows it
  /// @throws io.llada.model.experts.ExpertsUnavailableException when experts are missing
  void step(DenoisingRound round, MissingExperts expendable) {
    List<List<SequenceRows>> prefills = round.prefilling().stream().map(p -> p.sequence().prefillRows(p.budget()))
        .toList();
    List<List<SequenceRows>> steps = round.denoising().stream().map(DenoisingSequence::denoisingRows).toList();
    List<SequenceRows> batch = new ArrayList<>();
    prefills.forEach(batch::addAll);
    steps.forEach(batch::addAll);
    Omissions omissions = new Omissions(expendable);
    float[] rows = transformer.forward(new ForwardBatch(batch, omissions), probe);
    takeDown(omissions.made(), round, batch);
    for (int i = 0; i < prefills.size(); i++) {
      round.prefilling().get(i).sequence().prefilled(prefills.get(i));
    }
    probe.workingOn(Part.HEAD);
    predict(round.denoising(), steps, rows);
    probe.workingOn(Part.OUTSIDE);
  }

  /// Tells every sequence what its own rows went without.
  private static void takeDown(List<Omission> made, DenoisingRound round, List<SequenceRows> batch) {
    if (made.isEmpty()) {
      return;
    }
    List<DenoisingSequence> sequences = new ArrayList<>(); // one per entry of the batch: two with guidance
    round.prefilling().forEach(prefill -> sequences.add(prefill.sequence()));
    round.denoising().forEach(sequence -> sequences.addAll(Collections.nCopies(sequence.guidance() > 0 ? 2 : 1,
        sequence)));
    int first = 0;
    for (int i = 0; i < batch.size(); i++) {
      int from = first;
      int to = first + batch.get(i).ids().length;
      for (Omission omission : made) {
        int rows = (int) Arrays.stream(omission.rows()).filter(row -> row >= from && row < to).count();
        if (rows > 0) {
          sequences.get(i).wentWithout(omission.layer(), omission.group(), rows);
        }
      }
      first = to;
    }
  }

  /// Rows of prefilling sequences predict nothing, so `rows` holds those of the denoising ones alone. Guided ones are
  /// mixed in place: two rows become one, the rest moves up.
  private void predict(List<DenoisingSequence> sequences, List<List<SequenceRows>> steps, float[] rows) {
    int hidden = config().hiddenSize();
    List<RowSampling> sampling = new ArrayList<>();
    int from = 0;
    int to = 0;
    for (int i = 0; i < sequences.size(); i++) {
      int size = steps.get(i).getFirst().predicted().length * hidden;
      if (from > to) {
        System.arraycopy(rows, from, rows, to, size);
      }
      if (steps.get(i).size() == 2) {
        guide(rows, to, from + size, size, sequences.get(i).guidance());
      }
      sampling.addAll(sequences.get(i).sampling());
      from += size * steps.get(i).size();
      to += size;
    }
    RowPredictions predictions = head.predict(rows, sampling);
    int first = 0;
    for (int i = 0; i < sequences.size(); i++) {
      int count = steps.get(i).getFirst().predicted().length;
      sequences.get(i).advance(new RowPredictions(Arrays.copyOfRange(predictions.tokens(), first, first + count), Arrays
          .copyOfRange(predictions.confidences(), first, first + count)));
      first += count;
    }
  }

  /// Classifier-free guidance, `u + (g + 1)(c - u)` on the final rows: the LM head is linear, so this is the same as
  /// on the logits, at half the price.
  private static void guide(float[] rows, int at, int unguided, int size, float guidance) {
    for (int i = 0; i < size; i++) {
      float u = rows[unguided + i];
      rows[at + i] = u + (guidance + 1) * (rows[at + i] - u);
    }
  }

  /// A forward pass of one masked block through every layer, to see that it works.
  public void probe() {
    int[] ids = new int[config().blockLength()];
    Arrays.fill(ids, config().maskTokenId());
    SequenceRows rows = new SequenceRows(newCache(), 0, ids, ids.length, new int[]{0});
    float[] hidden = transformer.forward(new ForwardBatch(List.of(rows)), LayerProbe.NONE);
    for (int i = 0; i < config().hiddenSize(); i++) {
      if (!Float.isFinite(hidden[i])) {
        throw new IllegalStateException("the probe's forward pass gave " + hidden[i]
            + "; the weights may be damaged");
      }
    }
  }
}
