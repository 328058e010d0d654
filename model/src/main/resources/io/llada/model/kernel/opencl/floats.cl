// F32 and BF16 weights: activations as they are, one fused multiply-add per column and row.
#define ROWS_TYPE const global float*
#define ROWS_OF_TOKENS x
#define ROWS_OF_PAIRS (scratch + INNER)

#define DEFINE_DOT(T)                                                                                                 \
  inline void dot##T(const global uchar* panel, int columns, const global float* rows, const int* index, Floats* low, \
                     Floats* high) {                                                                                  \
    const global float* row[T];                                                                                       \
    Floats a[T], b[T];                                                                                                \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                   \
      row[t] = rows + (size_t) index[t] * columns;                                                                    \
      a[t] = b[t] = 0.0f;                                                                                             \
    }                                                                                                                 \
    for (int c = 0; c < columns; c++) {                                                                               \
      Floats lower, upper;                                                                                            \
      readColumn(panel, c, &lower, &upper);                                                                           \
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
