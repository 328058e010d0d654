// INT8: groups of 32 columns; a group is 32 BF16 scales, then for each four columns a word of four bytes q + 128 per row,
// the first column in the lowest byte.
#define ZERO 128.0f
#define GROUP_BYTES (PANEL_ROWS * 2 + PANEL_ROWS * GROUP)
#define PANEL_BYTES(columns) ((size_t) (columns) / GROUP * GROUP_BYTES)

// acc + a.lower * b.lower + a.upper * b.upper, of 16-bit halves; a is not negative.
inline Ints multiplyPairs(Words a, int b, Ints acc) {
#if LANES == 16 && defined(__AVX512BW__)
  typedef short Short32 __attribute__((ext_vector_type(32)));
  return acc + __builtin_astype(__builtin_ia32_pmaddwd512(__builtin_astype(a, Short32), __builtin_astype((int16) (b),
      Short32)), int16);
#else
  return acc + AS_INTS(a & 0xffffu) * (int) (short) b + AS_INTS(a >> 16) * (b >> 16);
#endif
}

#define DEFINE_DOT(T)                                                                                                 \
  inline void dot##T(const global uchar* panel, int columns, Rounded rows, const int* index, Floats* low,             \
                     Floats* high) {                                                                                  \
    Floats a[T], b[T];                                                                                                \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                   \
      a[t] = b[t] = 0.0f;                                                                                             \
    }                                                                                                                 \
    for (int group = 0; group < columns / GROUP; group++, panel += GROUP_BYTES) {                                     \
      Ints p[T], q[T];                                                                                                \
      const global int* pairs[T];                                                                                     \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                 \
        p[t] = q[t] = 0;                                                                                              \
        pairs[t] = (const global int*) (rows.values + (size_t) index[t] * columns + group * GROUP);                   \
      }                                                                                                               \
      const global uint* words = (const global uint*) (panel + PANEL_ROWS * 2) + LANE;                                \
      _Pragma("unroll") for (int c = 0; c < GROUP / 4; c++) {                                                         \
        Words lower = LOAD(words + c * PANEL_ROWS);                                                                   \
        Words upper = LOAD(words + c * PANEL_ROWS + 16);                                                              \
        _Pragma("unroll") for (int t = 0; t < T; t++) {                                                               \
          p[t] = multiplyPairs(lower & 0x00ff00ffu, pairs[t][2 * c], p[t]);                                           \
          p[t] = multiplyPairs(lower >> 8 & 0x00ff00ffu, pairs[t][2 * c + 1], p[t]);                                  \
          q[t] = multiplyPairs(upper & 0x00ff00ffu, pairs[t][2 * c], q[t]);                                           \
          q[t] = multiplyPairs(upper >> 8 & 0x00ff00ffu, pairs[t][2 * c + 1], q[t]);                                  \
        }                                                                                                             \
      }                                                                                                               \
      const global ushort* scales = (const global ushort*) panel + LANE;                                              \
      Floats lowerScale = AS_FLOATS(TO_WORDS(LOAD(scales)) << 16);                                                    \
      Floats upperScale = AS_FLOATS(TO_WORDS(LOAD(scales + 16)) << 16);                                               \
      _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                 \
        size_t at = (size_t) index[t] * (columns / GROUP) + group;                                                    \
        int zero = (int) (ZERO * rows.sums[at]);                                                                      \
        Floats scale = rows.scales[at];                                                                               \
        a[t] = fma(TO_FLOATS(p[t] - zero) * lowerScale, scale, a[t]);                                                 \
        b[t] = fma(TO_FLOATS(q[t] - zero) * upperScale, scale, b[t]);                                                 \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("unroll") for (int t = 0; t < T; t++) {                                                                   \
      low[t] = a[t];                                                                                                  \
      high[t] = b[t];                                                                                                 \
    }                                                                                                                 \
  }
