// INT4: groups of 32 columns; a group is 32 BF16 scales, then for each four columns 16 bits per row, four nibbles q + 8,
// the first column in the lowest. Sums of a group fit 16 bits once 8 times the sum of activations is taken off, so they
// may wrap on the way.
#define ZERO 8.0f
#define GROUP_BYTES (PANEL_ROWS * 2 + PANEL_ROWS * GROUP / 2)
#define PANEL_BYTES(columns) ((size_t) (columns) / GROUP * GROUP_BYTES)

// 16 bits for each row of a work-item: the lower rows, then the upper ones.
#if LANES == 16
typedef ushort Rows __attribute__((ext_vector_type(32)));
typedef ushort UnalignedRows __attribute__((ext_vector_type(32), aligned(2)));
#define LOAD_ROWS(at) (*(const global UnalignedRows*) (at))
#define WRAPPED_TO_INTS(half) convert_int16(as_short16(half))
#else
typedef ushort2 Rows;
#define LOAD_ROWS(at) ((Rows) ((at)[0], (at)[16]))
#define WRAPPED_TO_INTS(half) convert_int(as_short(half))
#endif

#define DEFINE_DOT(T)                                                                                                  \
  inline void dot##T(const global uchar* panel, int columns, Rounded rows, const int* index, Floats* low,              \
                     Floats* high) {                                                                                   \
    Floats a[T], b[T];                                                                                                 \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                    \
      a[t] = b[t] = 0.0f;                                                                                              \
    }                                                                                                                  \
    for (int group = 0; group < columns / GROUP; group++, panel += GROUP_BYTES) {                                      \
      Rows p[T];                                                                                                       \
      const global ushort* values[T];                                                                                  \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                  \
        p[t] = (Rows) (ushort) 0;                                                                                      \
        values[t] = (const global ushort*) rows.values + (size_t) index[t] * columns + group * GROUP;                  \
      }                                                                                                                \
      const global ushort* words = (const global ushort*) (panel + PANEL_ROWS * 2) + LANE;                             \
      _Pragma("unroll") for (int c = 0; c < GROUP; c += 4) {                                                           \
        Rows word = LOAD_ROWS(words + c / 4 * PANEL_ROWS);                                                             \
        _Pragma("unroll") for (int n = 0; n < 4; n++) {                                                                \
          Rows nibbles = word >> (Rows) (ushort) (4 * n) & (Rows) (ushort) 15;                                         \
          _Pragma("unroll") for (int t = 0; t < T; t++) {                                                              \
            p[t] += nibbles * (Rows) values[t][c + n];                                                                 \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
      const global ushort* scales = (const global ushort*) panel + LANE;                                               \
      Floats lowerScale = AS_FLOATS(TO_WORDS(LOAD(scales)) << 16);                                                     \
      Floats upperScale = AS_FLOATS(TO_WORDS(LOAD(scales + 16)) << 16);                                                \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                  \
        size_t at = (size_t) index[t] * (columns / GROUP) + group;                                                     \
        Rows sums = p[t] - (Rows) (ushort) (int) (ZERO * rows.sums[at]);                                               \
        Floats scale = rows.scales[at];                                                                                \
        a[t] = fma(TO_FLOATS(WRAPPED_TO_INTS(sums.lo)) * lowerScale, scale, a[t]);                                     \
        b[t] = fma(TO_FLOATS(WRAPPED_TO_INTS(sums.hi)) * upperScale, scale, b[t]);                                     \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                    \
      low[t] = a[t];                                                                                                   \
      high[t] = b[t];                                                                                                  \
    }                                                                                                                  \
  }
