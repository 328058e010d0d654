package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class QueryTileTest {
  @Test
  void tilesCoverEveryRowOnceAndNeverCrossAnAttentionBlock() {
    for (int start : new int[]{0, 5, 32, 61}) {
      for (int rows : new int[]{1, 7, 32, 70}) {
        for (int block : new int[]{1, 32, 200}) {
          for (int most : new int[]{1, 8, 32}) {
            requireCover(new SequenceRows(null, start, new int[rows], block, new int[0]), most);
          }
        }
      }
    }
  }

  private static void requireCover(SequenceRows sequence, int most) {
    SequenceRows before = new SequenceRows(null, 0, new int[3], 32, new int[0]);
    List<QueryTile> tiles = QueryTile.of(List.of(before, sequence), most);
    int row = 0;
    for (QueryTile tile : tiles) {
      assertThat(tile.row()).isEqualTo(row);
      assertThat(tile.rows()).isBetween(1, most);
      for (int i = 0; i < tile.rows(); i++, row++) {
        SequenceRows owner = row < 3 ? before : sequence;
        int own = row < 3 ? row : row - 3;
        assertThat(tile.position() + i).isEqualTo(owner.start() + own);
        assertThat(tile.attended()).isEqualTo(owner.attended(own));
      }
    }
    assertThat(row).isEqualTo(3 + sequence.ids().length);
  }
}
