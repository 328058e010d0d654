// Activations as integers of 8 bits, with a scale and a sum for each group of 32 columns: TokenRows.java.

typedef struct {
  const global short* values;
  const global float* scales;
  const global float* sums;
} Rounded;

// INT8 multiplies pairs of columns, 0 with 2 and 1 with 3, as its words hold them; INT4 column by column.
#if INTEGERS == 8
#define ORDER(i) ((i) & ~3 | ((i) & 1) << 1 | ((i) >> 1 & 1))
#else
#define ORDER(i) (i)
#endif

#define ROWS_TYPE Rounded
#define ROWS_OF_TOKENS \
  ((Rounded) {(const global short*) (scratch + ROUNDED_X), scratch + SCALES_X, scratch + SUMS_X})
#define ROWS_OF_PAIRS \
  ((Rounded) {(const global short*) (scratch + ROUNDED_INNER), scratch + SCALES_INNER, scratch + SUMS_INNER})

inline void roundGroup(const global float* x, global float* scale, global float* sum, global short* values) {
  float most = 0.0f;
  for (int i = 0; i < GROUP; i++) {
    float size = fabs(x[i]);
    most = size > most || isnan(size) ? size : most;
  }
  float inverse = most > 0x1p-100f ? QUOTIENT(127.0f, most) : 0.0f;
  int total = 0;
  for (int i = 0; i < GROUP; i++) {
    float scaled = x[i] * inverse;
    float rounded = scaled + 12582912.0f;
    rounded = rounded - 12582912.0f;
    int value = isnan(rounded) ? 0 : (int) rounded;
    values[ORDER(i)] = (short) value;
    total += value;
  }
  *scale = QUOTIENT(most, 127.0f);
  *sum = (float) total;
}

inline void roundAll(const global float* x, int groups, global float* scales, global float* sums,
                     global float* rounded, int item, int items) {
  for (int unit = item; unit * ROUNDED_GROUPS < groups; unit += items) {
    int end = min((unit + 1) * ROUNDED_GROUPS, groups);
    for (int group = unit * ROUNDED_GROUPS; group < end; group++) {
      roundGroup(x + (size_t) group * GROUP, scales + group, sums + group,
                 (global short*) rounded + (size_t) group * GROUP);
    }
  }
}
