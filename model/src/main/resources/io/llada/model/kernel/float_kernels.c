/* F32 and BF16 weight panels times token rows: the native twin of F32Multiply and Bf16Multiply, the same bits.
 *
 * Each lane owns an output row and adds one fused product per column, ascending, from zero. The compiler must not fuse
 * anything else (-ffp-contract=off).
 *
 * Two vectors of rows (r and r + 16) and the sums of a tile of tokens are in registers while the columns pass by. One
 * front-to-back stream of weights with requests far ahead of it reads as fast as plain reading; several panels side by
 * side are slower.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights are little-endian"
#endif

enum {
  PANEL_ROWS = 32,
  HALF_PANEL = PANEL_ROWS / 2,
  CACHE_LINE = 64,
  BYTES_AHEAD = 8192 /* memory is asked for so long before it is used */
};

#define INLINE static inline __attribute__((always_inline))

/* LANES rows side by side and TILE tokens at a time: as many as there are registers for. More than 10 rows of 8 KiB would
 * push each other out of the cache, of which they share the same few lines. */
#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16, TILE = 10 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8, TILE = 6 };
#else
enum { LANES = 4, TILE = 10 };
#endif

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

INLINE floats multiply_add(floats a, float b, floats sum) {
#if defined(__AVX512F__)
  return (floats)_mm512_fmadd_ps((__m512)a, _mm512_set1_ps(b), (__m512)sum);
#elif defined(__AVX2__) && defined(__FMA__)
  return (floats)_mm256_fmadd_ps((__m256)a, _mm256_set1_ps(b), (__m256)sum);
#else
  for (int i = 0; i < LANES; i++) {
    sum[i] = fmaf(a[i], b, sum[i]);
  }
  return sum;
#endif
}

INLINE words load(const uint8_t *from) {
  words loaded;
  memcpy(&loaded, from, sizeof loaded);
  return loaded;
}

/* sums[t, r] = w[r] . x[t] for the rows strip .. strip + LANES - 1 of each half of a panel. `bits` and `tokens` are
 * constants wherever this is inlined. */
INLINE void multiply_strip(const int bits, const int tokens, const uint8_t *w, int strip, int columns, const float *x,
    float *sums) {
  const int column_bytes = PANEL_ROWS * bits / 8;
  floats lower_sums[TILE] = {0};
  floats upper_sums[TILE] = {0};
  w += strip * 4;
  for (int column = 0; column < columns; column++, w += column_bytes) {
    for (int line = 0; line < column_bytes; line += CACHE_LINE) {
      __builtin_prefetch(w + BYTES_AHEAD + line);
    }
    const words first = load(w);
    const floats lower = bits == 16 ? (floats)(first << 16) : (floats)first;
    const floats upper = bits == 16 ? (floats)(first & 0xffff0000) : (floats)load(w + HALF_PANEL * 4);
    for (int t = 0; t < tokens; t++) {
      const float value = x[(int64_t)t * columns + column];
      lower_sums[t] = multiply_add(lower, value, lower_sums[t]);
      upper_sums[t] = multiply_add(upper, value, upper_sums[t]);
    }
  }
  for (int t = 0; t < tokens; t++) {
    memcpy(sums + t * PANEL_ROWS + strip, &lower_sums[t], sizeof lower_sums[t]);
    memcpy(sums + t * PANEL_ROWS + strip + HALF_PANEL, &upper_sums[t], sizeof upper_sums[t]);
  }
}

INLINE void multiply_panel(const int bits, const int tokens, const uint8_t *w, int columns, const float *x, float *sums) {
  for (int strip = 0; strip < HALF_PANEL; strip += LANES) {
    multiply_strip(bits, tokens, w, strip, columns, x, sums);
  }
}

/* y[y_offset + t * stride + r] = w[r] . x[t] for `rows` rows from the first panel at `w` on; the tokens' rows of
 * `columns` elements begin at element `x_offset` of `x`. */
INLINE void multiply(const int bits, const uint8_t *w, int rows, int columns, const float *x, int64_t x_offset, int tokens,
    float *y, int64_t y_offset, int64_t stride) {
  float sums[TILE * PANEL_ROWS];
  const int tiles = (tokens + TILE - 1) / TILE;
  for (int row = 0; row < rows; row += PANEL_ROWS, w += (int64_t)columns * PANEL_ROWS * bits / 8) {
    const int width = rows - row < PANEL_ROWS ? rows - row : PANEL_ROWS;
    for (int tile = 0; tile < tiles; tile++) {
      const int first = tokens * tile / tiles; /* tiles of equal size: small ones waste loads of weights */
      const int count = tokens * (tile + 1) / tiles - first;
      const float *tile_x = x + x_offset + (int64_t)first * columns;
      switch (count) {
#define CASE(n) case n: multiply_panel(bits, n < TILE ? n : TILE, w, columns, tile_x, sums); break;
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
#undef CASE
      }
      for (int t = 0; t < count; t++) {
        memcpy(y + y_offset + (first + t) * stride + row, sums + t * PANEL_ROWS, sizeof(float) * width);
      }
    }
  }
}

void llada_multiply_f32(const uint8_t *w, int32_t rows, int32_t columns, const float *x, int64_t x_offset,
    int32_t tokens, float *y, int64_t y_offset, int64_t stride) {
  multiply(32, w, rows, columns, x, x_offset, tokens, y, y_offset, stride);
}

void llada_multiply_bf16(const uint8_t *w, int32_t rows, int32_t columns, const float *x, int64_t x_offset,
    int32_t tokens, float *y, int64_t y_offset, int64_t stride) {
  multiply(16, w, rows, columns, x, x_offset, tokens, y, y_offset, stride);
}
