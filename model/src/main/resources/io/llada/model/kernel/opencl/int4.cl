// INT4: groups of 32 columns; a group is 32 BF16 scales, then for each four columns 16 bits per row, four nibbles q + 8,
// the first column in the lowest. Sums of a group fit 16 bits once 8 times the sum of activations is taken off, so they
// may wrap on the way.
#define ZERO 8.0f
#define GROUP_BYTES (PANEL_ROWS * 2 + PANEL_ROWS * GROUP / 2)
#define PANEL_BYTES(columns) ((size_t) (columns) / GROUP * GROUP_BYTES)

#if LANES == 16
#define WRAPPED_TO_INTS(value) convert_int16(as_short16(value))
#else
#define WRAPPED_TO_INTS(value) convert_int(as_short(value))
#endif

#define DEFINE_DOT(T)                                                                                                  \
  inline void dot##T(const global uchar* panel, int columns, Rounded rows, const int* index, Floats* low,              \
                     Floats* high) {                                                                                   \
    Floats a[T], b[T];                                                                                                 \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                    \
      a[t] = b[t] = 0.0f;                                                                                              \
    }                                                                                                                  \
    for (int group = 0; group < columns / GROUP; group++, panel += GROUP_BYTES) {                                      \
      Halves p[T], q[T];                                                                                               \
      const global ushort* values[T];                                                                                  \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                  \
        p[t] = q[t] = (ushort) 0;                                                                                      \
        values[t] = (const global ushort*) rows.values + (size_t) index[t] * columns + group * GROUP;                  \
      }                                                                                                                \
      const global ushort* words = (const global ushort*) (panel + PANEL_ROWS * 2) + LANE;                             \
      _Pragma("unroll") for (int c = 0; c < GROUP; c += 4) {                                                           \
        Halves lower = LOAD(words + c / 4 * PANEL_ROWS);                                                               \
        Halves upper = LOAD(words + c / 4 * PANEL_ROWS + 16);                                                          \
        _Pragma("unroll") for (int n = 0; n < 4; n++) {                                                                \
          Halves l = lower >> (Halves) (ushort) (4 * n) & (Halves) (ushort) 15;                                        \
          Halves u = upper >> (Halves) (ushort) (4 * n) & (Halves) (ushort) 15;                                        \
          _Pragma("unroll") for (int t = 0; t < T; t++) {                                                              \
            Halves value = values[t][c + n];                                                                           \
            p[t] += l * value;                                                                                         \
            q[t] += u * value;                                                                                         \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
      const global ushort* scales = (const global ushort*) panel + LANE;                                               \
      Floats lowerScale = AS_FLOATS(TO_WORDS(LOAD(scales)) << 16);                                                     \
      Floats upperScale = AS_FLOATS(TO_WORDS(LOAD(scales + 16)) << 16);                                                \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                  \
        size_t at = (size_t) index[t] * (columns / GROUP) + group;                                                     \
        Halves zero = (ushort) (int) (ZERO * rows.sums[at]);                                                           \
        Floats scale = rows.scales[at];                                                                                \
        a[t] = fma(TO_FLOATS(WRAPPED_TO_INTS((Halves) (p[t] - zero))) * lowerScale, scale, a[t]);                      \
        b[t] = fma(TO_FLOATS(WRAPPED_TO_INTS((Halves) (q[t] - zero))) * upperScale, scale, b[t]);                      \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                    \
      low[t] = a[t];                                                                                                   \
      high[t] = b[t];                                                                                                  \
    }                                                                                                                  \
  }

DEFINE_DOT(1)
DEFINE_DOT(2)
DEFINE_DOT(4)
#if TILE >= 8
DEFINE_DOT(8)
#endif
