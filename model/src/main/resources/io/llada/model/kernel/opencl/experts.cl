// The experts of a batch of (token, expert) pairs, in phases that one launch runs one after another (see ExpertSource):
//
//   ROUND_ROWS    activations of the tokens to 8 bits                    integer weights only
//   GATE_AND_UP   inner = silu(gate x) * (up x), one row per pair
//   ROUND_INNER   the same for the inner rows                            integer weights only
//   DOWN          outputs = down inner, one row per pair
//   COMBINE       weighted sums of the pairs of each (token, group)
//
// Every sum is made by one work-item (or one lane of it) in the order that ScalarKernels writes down, with the same
// operations: fused where it fuses, rounded separately where it does not. So a device that computes IEEE 754 gives the
// processor's bits, whatever its work-groups.
//
// A work-item owns two times LANES of the 32 rows of a panel: rows r and r + 16. LANES is 16 for processors (vectors)
// and 1 for GPUs (16 work-items side by side read a panel).
//
// Given by ExpertSource: HIDDEN, WIDTH, LANES, TILE, INTEGERS (their bits, 0: none), PHASES and the SLOT_ macros.

#pragma OPENCL FP_CONTRACT OFF

#define ROUND_ROWS 0
#define GATE_AND_UP 1
#define ROUND_INNER 2
#define DOWN 3
#define COMBINE 4

#define PANEL_ROWS 32
#define GROUP 32
#define OFFSET_UNIT 16

#if LANES == 16
typedef float16 Floats;
typedef int16 Ints;
typedef uint16 Words;
#define LOAD(at) vload16(0, at)
#define STORE(value, at) vstore16(value, 0, at)
#define AS_FLOATS as_float16
#define AS_INTS as_int16
#define TO_FLOATS convert_float16
#define TO_WORDS convert_uint16
#define LANE 0
#else
typedef float Floats;
typedef int Ints;
typedef uint Words;
#define LOAD(at) (*(at))
#define STORE(value, at) (*(at) = (value))
#define AS_FLOATS as_float
#define AS_INTS as_int
#define TO_FLOATS convert_float
#define TO_WORDS convert_uint
#define LANE (get_global_id(0) % 16)
#endif

#define ITEMS_PER_PANEL (16 / LANES)
// Columns that a work-item combines and groups that it rounds: enough to be worth a work-group on a processor.
#define STRIP (LANES * 16)
#define ROUNDED_GROUPS LANES

// The head of the job table; sections follow, see ExpertJobs.
#define TOKENS jobs[0]
#define PAIRS jobs[1]
#define TASKS jobs[2]
#define SUMS jobs[3]
#define FIRST_PASS jobs[4]
#define HEAD 5
#define TASK_INTS 6

// Sections of the scratch memory, in units of 4 bytes.
#define INNER 0
#define OUTPUTS ((size_t) PAIRS * WIDTH)
#define SCALES_X (OUTPUTS + (size_t) PAIRS * HIDDEN)
#define SUMS_X (SCALES_X + (size_t) TOKENS * (HIDDEN / GROUP))
#define SCALES_INNER (SUMS_X + (size_t) TOKENS * (HIDDEN / GROUP))
#define SUMS_INNER (SCALES_INNER + (size_t) PAIRS * (WIDTH / GROUP))
#define ROUNDED_X (SUMS_INNER + (size_t) PAIRS * (WIDTH / GROUP))
#define ROUNDED_INNER (ROUNDED_X + (size_t) TOKENS * HIDDEN / 2)

// Correctly rounded. OpenCL lets a GPU be less exact with floats; a quotient of doubles rounded to float is exact, as
// 53 bits are more than 2 * 24 + 2. Processors divide exactly anyway.
#if LANES == 1 && defined(cl_khr_fp64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define QUOTIENT(a, b) ((float) ((double) (a) / (double) (b)))
#else
#define QUOTIENT(a, b) ((a) / (b))
#endif

// The operations of Exponential.java, one by one.
inline Floats exponential(Floats value) {
  Floats x = fmax((Floats) (-87.33654f), fmin((Floats) (88.37626f), value));
  Floats shifted = fma(x, (Floats) (1.44269504f), (Floats) (12582912.0f));
  Floats n = shifted - 12582912.0f;
  Floats r = fma(n, (Floats) (-0.693359375f), x);
  r = fma(n, (Floats) (2.12194440e-4f), r);
  Floats p = fma((Floats) (1.9875691500e-4f), r, (Floats) (1.3981999507e-3f));
  p = fma(p, r, (Floats) (8.3334519073e-3f));
  p = fma(p, r, (Floats) (4.1665795894e-2f));
  p = fma(p, r, (Floats) (1.6666665459e-1f));
  p = fma(p, r, (Floats) (5.0000001201e-1f));
  Floats y = fma(p, r * r, r) + 1.0f;
  return y * AS_FLOATS((AS_INTS(shifted) << 23) + 0x3f800000);
}

inline Floats swiglu(Floats gate, Floats up) {
  return QUOTIENT(gate, 1.0f + exponential(-gate)) * up;
}

inline void store(Floats value, global float* row, int at, int rows) {
#if LANES == 16
  if (at + LANES <= rows) {
    STORE(value, row + at);
    return;
  }
  float lanes[LANES];
  vstore16(value, 0, lanes);
  for (int lane = 0; at + lane < rows; lane++) {
    row[at + lane] = lanes[lane];
  }
#else
  if (at < rows) {
    row[at] = value;
  }
#endif
}
