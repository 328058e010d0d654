// For every number of rows that a panel is multiplied by.
DEFINE_DOT(1)
DEFINE_DOT(2)
DEFINE_DOT(4)
#if TILE >= 8
DEFINE_DOT(8)
#endif

// A panel times 1, 2, 4 or 8 rows, whose numbers are in index.
inline void multiply(const global uchar* panel, int columns, ROWS_TYPE rows, const int* index, int count, Floats* low,
                     Floats* high) {
#if TILE >= 8
  if (count == 8) {
    dot8(panel, columns, rows, index, low, high);
    return;
  }
#endif
  if (count == 4) {
    dot4(panel, columns, rows, index, low, high);
  } else if (count == 2) {
    dot2(panel, columns, rows, index, low, high);
  } else {
    dot1(panel, columns, rows, index, low, high);
  }
}

// The largest power of two of pairs, up to TILE, that are left.
inline int tileOf(int left) {
  return left >= TILE ? TILE : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

inline const global uchar* slotOf(int slot SLOT_PARAMETERS) {
  switch (slot) {
    SLOT_CASES
  }
}

inline void gateAndUp(const global int* task, const global uchar* weights, int panel, const global int* tokenOfPosition,
                      ROWS_TYPE rows, global float* inner) {
  const global uchar* gate = weights + (size_t) task[1] * OFFSET_UNIT + (size_t) panel * PANEL_BYTES(HIDDEN);
  const global uchar* up = weights + (size_t) task[2] * OFFSET_UNIT + (size_t) panel * PANEL_BYTES(HIDDEN);
  int end = task[4] + task[5];
  for (int position = task[4]; position < end;) {
    int count = tileOf(end - position);
    int index[TILE];
    Floats gateLow[TILE], gateHigh[TILE], upLow[TILE], upHigh[TILE];
    for (int t = 0; t < count; t++) {
      index[t] = tokenOfPosition[position + t];
    }
    multiply(gate, HIDDEN, rows, index, count, gateLow, gateHigh);
    multiply(up, HIDDEN, rows, index, count, upLow, upHigh);
    for (int t = 0; t < count; t++) {
      global float* row = inner + (size_t) (position + t) * WIDTH;
      store(swiglu(gateLow[t], upLow[t]), row, panel * PANEL_ROWS + LANE, WIDTH);
      store(swiglu(gateHigh[t], upHigh[t]), row, panel * PANEL_ROWS + PANEL_ROWS / 2 + LANE, WIDTH);
    }
    position += count;
  }
}

inline void down(const global int* task, const global uchar* weights, int panel, ROWS_TYPE rows,
                 global float* outputs) {
  const global uchar* matrix = weights + (size_t) task[3] * OFFSET_UNIT + (size_t) panel * PANEL_BYTES(WIDTH);
  int end = task[4] + task[5];
  for (int position = task[4]; position < end;) {
    int count = tileOf(end - position);
    int index[TILE];
    Floats low[TILE], high[TILE];
    for (int t = 0; t < count; t++) {
      index[t] = position + t;
    }
    multiply(matrix, WIDTH, rows, index, count, low, high);
    for (int t = 0; t < count; t++) {
      global float* row = outputs + (size_t) (position + t) * HIDDEN;
      store(low[t], row, panel * PANEL_ROWS + LANE, HIDDEN);
      store(high[t], row, panel * PANEL_ROWS + PANEL_ROWS / 2 + LANE, HIDDEN);
    }
    position += count;
  }
}

// Pairs of a sum are neighbours, in ascending expert id.
inline void combine(const global int* positionOfPair, const global int* weightOfPair, int first, int end,
                    const global float* outputs, global float* sum, int from) {
  int to = min(from + STRIP, HIDDEN);
  for (int column = from; column < to; column++) {
    float total = 0.0f;
    for (int pair = first; pair < end; pair++) {
      total = fma(as_float(weightOfPair[pair]), outputs[(size_t) positionOfPair[pair] * HIDDEN + column], total);
    }
    sum[column] = total;
  }
}

kernel void run(const global float* x, const global int* jobs, global float* scratch,
                global float* sums SLOT_PARAMETERS, int passid) {
  const global int* tokenOfPosition = jobs + HEAD;
  const global int* positionOfPair = tokenOfPosition + PAIRS;
  const global int* weightOfPair = positionOfPair + PAIRS;
  const global int* firstPairOfSum = weightOfPair + PAIRS;
  const global int* tasks = firstPairOfSum + SUMS + 1;
  const int phases[] = {PHASES};
  int phase = phases[FIRST_PASS + passid];
  int items = (int) get_global_size(0);
  int item = (int) get_global_id(0);
  if (phase == GATE_AND_UP) {
    const int panels = (WIDTH + PANEL_ROWS - 1) / PANEL_ROWS * ITEMS_PER_PANEL;
    for (int unit = item; unit < TASKS * panels; unit += items) {
      const global int* task = tasks + unit / panels * TASK_INTS;
      gateAndUp(task, slotOf(task[0] SLOT_ARGUMENTS), unit % panels / ITEMS_PER_PANEL, tokenOfPosition, ROWS_OF_TOKENS,
                scratch + INNER);
    }
  } else if (phase == DOWN) {
    const int panels = (HIDDEN + PANEL_ROWS - 1) / PANEL_ROWS * ITEMS_PER_PANEL;
    for (int unit = item; unit < TASKS * panels; unit += items) {
      const global int* task = tasks + unit / panels * TASK_INTS;
      down(task, slotOf(task[0] SLOT_ARGUMENTS), unit % panels / ITEMS_PER_PANEL, ROWS_OF_PAIRS, scratch + OUTPUTS);
    }
  } else if (phase == COMBINE) {
    const int strips = (HIDDEN + STRIP - 1) / STRIP;
    for (int unit = item; unit < SUMS * strips; unit += items) {
      int sum = unit / strips;
      combine(positionOfPair, weightOfPair, firstPairOfSum[sum], firstPairOfSum[sum + 1], scratch + OUTPUTS,
              sums + (size_t) sum * HIDDEN, unit % strips * STRIP);
    }
  }
#if INTEGERS
  else if (phase == ROUND_ROWS) {
    roundAll(x, TOKENS * (HIDDEN / GROUP), scratch + SCALES_X, scratch + SUMS_X, scratch + ROUNDED_X, item, items);
  } else if (phase == ROUND_INNER) {
    roundAll(scratch + INNER, PAIRS * (WIDTH / GROUP), scratch + SCALES_INNER, scratch + SUMS_INNER,
             scratch + ROUNDED_INNER, item, items);
  }
#endif
}
