// BF16: a word holds rows r (lower half) and r + 16 of a column.
#define ROWS_TYPE const global float*
#define ROWS_OF_TOKENS x
#define ROWS_OF_PAIRS (scratch + INNER)
#define PANEL_BYTES(columns) ((size_t) (columns) * PANEL_ROWS * 2)

#define DEFINE_DOT(T)                                                                                                 \
  inline void dot##T(const global uchar* panel, int columns, const global float* rows, const int* index, Floats* low, \
                     Floats* high) {                                                                                  \
    const global uint* words = (const global uint*) panel + LANE;                                                     \
    const global float* row[T];                                                                                       \
    Floats a[T], b[T];                                                                                                \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                   \
      row[t] = rows + (size_t) index[t] * columns;                                                                    \
      a[t] = b[t] = 0.0f;                                                                                             \
    }                                                                                                                 \
    for (int c = 0; c < columns; c++) {                                                                               \
      Words word = LOAD(words + (size_t) c * 16);                                                                     \
      Floats lower = AS_FLOATS(word << 16);                                                                           \
      Floats upper = AS_FLOATS(word & 0xffff0000u);                                                                   \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                 \
        Floats value = row[t][c];                                                                                     \
        a[t] = fma(lower, value, a[t]);                                                                               \
        b[t] = fma(upper, value, b[t]);                                                                               \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                   \
      low[t] = a[t];                                                                                                  \
      high[t] = b[t];                                                                                                 \
    }                                                                                                                 \
  }

DEFINE_DOT(1)
DEFINE_DOT(2)
DEFINE_DOT(4)
#if TILE >= 8
DEFINE_DOT(8)
#endif
