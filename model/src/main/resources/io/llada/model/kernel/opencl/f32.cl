// F32: the 32 rows of a column side by side.
#define PANEL_BYTES(columns) ((size_t) (columns) * PANEL_ROWS * 4)

inline void readColumn(const global uchar* panel, int column, Floats* lower, Floats* upper) {
  const global float* weights = (const global float*) panel + (size_t) column * PANEL_ROWS + LANE;
  *lower = LOAD(weights);
  *upper = LOAD(weights + 16);
}

