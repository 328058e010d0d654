/* Integer weight panels times rounded token rows: the native twin of Int8Multiply and Int4Multiply, the same bits.
 *
 * Compiled at start by the machine's own C compiler (see NativeLibrary). The sums inside a quantisation group are exact
 * integers, so only two operations round, and they are those of the Java kernels: the group's sum times the weights'
 * scale, then a fused multiply-add with the activations' scale. The compiler must not fuse any other
 * (-ffp-contract=off).
 *
 * A group's weights stay in registers (all 32 rows with 512 bits, eight rows with 256) while every token passes by: they
 * are read and unpacked once however many tokens there are. F32 sums of the panel lie in the first-level cache.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights and rows are little-endian"
#endif

enum {
  PANEL_ROWS = 32,
  GROUP = 32,                    /* columns of a quantisation group */
  QUADS = GROUP / 4,             /* a dot product takes four columns */
  SCALES_BYTES = 2 * PANEL_ROWS, /* BF16, in front of a group's weights */
  RECORD_BYTES = GROUP + 8,      /* a token's group: 32 integers, F32 scale, minus their sum in 32 bits */
  MOST_TOKENS = 64,              /* of a call */
  CACHE_LINE = 64,
  BYTES_AHEAD = 8192             /* memory is asked for so long before it is used */
};

#define INLINE static inline __attribute__((always_inline))

/* One of three sets of operations on LANES rows. `load4` and `load8` give a 32-bit word per row with four columns in its
 * bytes, unsigned; `dot` adds the products of four columns; `add_group` adds a group's scaled sum. */

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>
#define VARIANT "AVX-512 VNNI"
enum { LANES = 16, VECTORS = 2, CHAINS = 12 };
typedef __m512i ints;
typedef __m512 floats;

INLINE ints all(int32_t value) { return _mm512_set1_epi32(value); }

INLINE ints plus(ints a, ints b) { return _mm512_add_epi32(a, b); }

INLINE ints shift_left(ints words, int bits) { return _mm512_slli_epi32(words, bits); }

INLINE ints load8(const uint8_t *weights) { return _mm512_loadu_si512(weights); }

INLINE ints load16_as_32(const uint8_t *halves) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)halves));
}

INLINE ints load4(const uint8_t *weights) {
  ints words = load16_as_32(weights);
#ifdef __AVX512VBMI__
  /* byte c of a word from bit 4 c on; two words at a time */
  words = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(0x2c2824200c080400), words);
#else
  words = _mm512_and_si512(_mm512_or_si512(words, shift_left(words, 8)), all(0x00ff00ff));
  words = _mm512_or_si512(words, shift_left(words, 4));
#endif
  return _mm512_and_si512(words, all(0x0f0f0f0f));
}

INLINE floats load_scales(const uint8_t *scales) {
  return _mm512_castsi512_ps(shift_left(load16_as_32(scales), 16));
}

INLINE ints dot(ints sum, ints weights, const int8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm512_dpbusd_epi32(sum, weights, all(four));
}

INLINE void add_group(float *sums, ints part, floats scales, float x_scale) {
  floats scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(part), scales);
  _mm512_store_ps(sums, _mm512_fmadd_ps(scaled, _mm512_set1_ps(x_scale), _mm512_load_ps(sums)));
}

#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8, VECTORS = 1, CHAINS = 8 };
typedef __m256i ints;
typedef __m256 floats;

INLINE ints all(int32_t value) { return _mm256_set1_epi32(value); }

INLINE ints plus(ints a, ints b) { return _mm256_add_epi32(a, b); }

INLINE ints shift_left(ints words, int bits) { return _mm256_slli_epi32(words, bits); }

INLINE ints load8(const uint8_t *weights) { return _mm256_loadu_si256((const ints *)weights); }

INLINE ints load16_as_32(const uint8_t *halves) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)halves));
}

INLINE ints load4(const uint8_t *weights) {
  ints words = load16_as_32(weights);
  words = _mm256_and_si256(_mm256_or_si256(words, shift_left(words, 8)), all(0x00ff00ff));
  return _mm256_and_si256(_mm256_or_si256(words, shift_left(words, 4)), all(0x0f0f0f0f));
}

INLINE floats load_scales(const uint8_t *scales) {
  return _mm256_castsi256_ps(shift_left(load16_as_32(scales), 16));
}

INLINE ints dot(ints sum, ints weights, const int8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
#ifdef __AVXVNNI__
#define VARIANT "AVX-VNNI"
  return _mm256_dpbusd_avx_epi32(sum, weights, all(four));
#else
#define VARIANT "AVX2"
  /* The instruction for bytes saturates at 16 bits, and 2 * 255 * 127 is more: even and odd columns apart. */
  ints even = _mm256_and_si256(weights, all(0x00ff00ff));
  ints odd = _mm256_srli_epi16(weights, 8);
  ints even_x = _mm256_srai_epi16(_mm256_slli_epi16(all(four), 8), 8);
  ints odd_x = _mm256_srai_epi16(all(four), 8);
  return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, even_x), _mm256_madd_epi16(odd, odd_x)));
#endif
}

INLINE void add_group(float *sums, ints part, floats scales, float x_scale) {
  floats scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(part), scales);
  _mm256_store_ps(sums, _mm256_fmadd_ps(scaled, _mm256_set1_ps(x_scale), _mm256_load_ps(sums)));
}

#else
#define VARIANT "plain C"
enum { LANES = 8, VECTORS = 1, CHAINS = 4 };
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));

INLINE ints all(int32_t value) { return (ints){0} + value; }

INLINE ints plus(ints a, ints b) { return a + b; }

INLINE ints shift_left(ints v, int bits) { return (ints)((words)v << bits); }

INLINE ints load8(const uint8_t *weights) {
  ints loaded;
  memcpy(&loaded, weights, sizeof loaded);
  return loaded;
}

INLINE ints load16_as_32(const uint8_t *halves) {
  uint16_t half[LANES];
  memcpy(half, halves, sizeof half);
  ints wide;
  for (int i = 0; i < LANES; i++) {
    wide[i] = half[i];
  }
  return wide;
}

INLINE ints load4(const uint8_t *weights) {
  ints wide = load16_as_32(weights);
  wide = (wide | shift_left(wide, 8)) & 0x00ff00ff;
  return (wide | shift_left(wide, 4)) & 0x0f0f0f0f;
}

INLINE floats load_scales(const uint8_t *scales) { return (floats)shift_left(load16_as_32(scales), 16); }

INLINE ints dot(ints sum, ints weights, const int8_t *x) {
  words w = (words)weights;
  return sum + (ints)(w & 255) * x[0] + (ints)(w >> 8 & 255) * x[1] + (ints)(w >> 16 & 255) * x[2]
      + (ints)(w >> 24) * x[3];
}

INLINE void add_group(float *sums, ints part, floats scales, float x_scale) {
  floats scaled = __builtin_convertvector(part, floats) * scales;
  for (int i = 0; i < LANES; i++) {
    sums[i] = fmaf(scaled[i], x_scale, sums[i]);
  }
}
#endif

INLINE int64_t group_bytes(int bits) { return SCALES_BYTES + PANEL_ROWS * GROUP * bits / 8; }

/* sums[t, r] += w[r] . x[t] for the 32 rows of a panel, group by group. */
INLINE void multiply_panel(int bits, const uint8_t *w, int groups, const int8_t *x, int64_t row_bytes, int tokens,
    float *sums) {
  const int word_bytes = bits / 2;
  for (int group = 0; group < groups; group++, w += group_bytes(bits), x += RECORD_BYTES) {
    for (int ahead = 0; ahead < group_bytes(bits); ahead += CACHE_LINE) {
      __builtin_prefetch(w + BYTES_AHEAD + ahead);
    }
    for (int row = 0; row < PANEL_ROWS; row += LANES * VECTORS) {
      ints weights[QUADS][VECTORS];
      floats scales[VECTORS];
      for (int v = 0; v < VECTORS; v++) {
        const int first = row + v * LANES;
        scales[v] = load_scales(w + 2 * first);
        for (int quad = 0; quad < QUADS; quad++) {
          const uint8_t *from = w + SCALES_BYTES + (quad * PANEL_ROWS + first) * word_bytes;
          weights[quad][v] = bits == 8 ? load8(from) : load4(from);
        }
      }
      const int8_t *record = x;
      float *out = sums + row;
      for (int t = 0; t < tokens; t++, record += row_bytes, out += PANEL_ROWS) {
        float x_scale;
        int32_t minus_sum;
        memcpy(&x_scale, record + GROUP, sizeof x_scale);
        memcpy(&minus_sum, record + GROUP + sizeof x_scale, sizeof minus_sum);
        /* Two sums in turns: a dot product takes longer than it is until the next one could begin. Integers, so the
         * same bits. */
        ints even[VECTORS];
        ints odd[VECTORS];
        for (int v = 0; v < VECTORS; v++) {
          even[v] = shift_left(all(minus_sum), bits - 1); /* weights are stored with 2^(bits - 1) on top */
          odd[v] = all(0);
        }
        for (int quad = 0; quad < QUADS; quad += 2) {
          for (int v = 0; v < VECTORS; v++) {
            even[v] = dot(even[v], weights[quad][v], record + 4 * quad);
          }
          for (int v = 0; v < VECTORS; v++) {
            odd[v] = dot(odd[v], weights[quad + 1][v], record + 4 * (quad + 1));
          }
        }
        for (int v = 0; v < VECTORS; v++) {
          add_group(out + v * LANES, plus(even[v], odd[v]), scales[v], x_scale);
        }
      }
    }
  }
}

/* y[y_offset + t * stride + r] = w[r] . x[t] for `rows` rows from the first panel at `w` on, at most MOST_TOKENS tokens
 * from byte `x_offset` of `x` on. */
INLINE void multiply(int bits, const uint8_t *w, int rows, int groups, const int8_t *x, int64_t x_offset, int64_t row_bytes,
    int tokens, float *y, int64_t y_offset, int64_t stride) {
  _Alignas(CACHE_LINE) float sums[MOST_TOKENS * PANEL_ROWS];
  for (int row = 0; row < rows; row += PANEL_ROWS, w += groups * group_bytes(bits)) {
    const int width = rows - row < PANEL_ROWS ? rows - row : PANEL_ROWS;
    memset(sums, 0, sizeof(float) * PANEL_ROWS * tokens);
    multiply_panel(bits, w, groups, x + x_offset, row_bytes, tokens, sums);
    for (int t = 0; t < tokens; t++) {
      memcpy(y + y_offset + t * stride + row, sums + t * PANEL_ROWS, sizeof(float) * width);
    }
  }
}

void llada_multiply_int8(const uint8_t *w, int32_t rows, int32_t groups, const int8_t *x, int64_t x_offset,
    int64_t row_bytes, int32_t tokens, float *y, int64_t y_offset, int64_t stride) {
  multiply(8, w, rows, groups, x, x_offset, row_bytes, tokens, y, y_offset, stride);
}

void llada_multiply_int4(const uint8_t *w, int32_t rows, int32_t groups, const int8_t *x, int64_t x_offset,
    int64_t row_bytes, int32_t tokens, float *y, int64_t y_offset, int64_t stride) {
  multiply(4, w, rows, groups, x, x_offset, row_bytes, tokens, y, y_offset, stride);
}

/* Rounds `tokens` rows of `groups` groups, from element `x_offset` on, into records from byte `offset` on. */
void llada_round(const float *x, int64_t x_offset, int32_t tokens, int32_t groups, int8_t *records, int64_t offset,
    int64_t row_bytes) {
  const float rounder = 0x1.8p23f; /* leaves the nearest integer, ties to even, in the lowest bits */
  x += x_offset;
  for (int t = 0; t < tokens; t++) {
    int8_t *record = records + offset + t * row_bytes;
    for (int group = 0; group < groups; group++, x += GROUP, record += RECORD_BYTES) {
      uint32_t bits[GROUP];
      memcpy(bits, x, sizeof bits);
      uint32_t most_bits = 0;
      for (int i = 0; i < GROUP; i++) { /* magnitudes are ordered as their bits are, and NaN is above all */
        const uint32_t magnitude = bits[i] & 0x7fffffff;
        most_bits = magnitude > most_bits ? magnitude : most_bits;
      }
      float most;
      memcpy(&most, &most_bits, sizeof most);
      const float inverse = most > 0x1p-100f ? 127.f / most : 0.f;
      float shifted[GROUP];
      for (int i = 0; i < GROUP; i++) {
        shifted[i] = x[i] * inverse + rounder;
      }
      memcpy(bits, shifted, sizeof bits);
      int32_t minus_sum = 0;
      for (int i = 0; i < GROUP; i++) {
        minus_sum -= (int8_t)bits[i];
      }
      for (int i = 0; i < GROUP; i++) {
        record[i] = (int8_t)bits[i];
      }
      const float scale = most / 127.f;
      memcpy(record + GROUP, &scale, sizeof scale);
      memcpy(record + GROUP + sizeof scale, &minus_sum, sizeof minus_sum);
    }
  }
}

/* Dot products on registers alone, in independent chains; returns their operations (a multiply-add is two).
 * `x` holds four integers, `result` 16 words that keep the compiler from leaving it all out. */
int64_t llada_dot_products(int64_t turns, const int8_t *x, int32_t *result) {
  ints chains[CHAINS];
  const ints weights = all(x[0]);
  for (int i = 0; i < CHAINS; i++) {
    chains[i] = all(i);
  }
  for (int64_t turn = 0; turn < turns; turn++) {
    for (int i = 0; i < CHAINS; i++) {
      chains[i] = dot(chains[i], weights, x);
    }
  }
  for (int i = 1; i < CHAINS; i++) {
    chains[0] += chains[i];
  }
  memcpy(result, &chains[0], sizeof chains[0]);
  return turns * CHAINS * LANES * 4 * 2;
}

/* Name of the operations this was compiled with. */
const char *llada_variant(void) { return VARIANT; }
