// BF16: a word holds rows r (lower half) and r + 16 of a column.
#define PANEL_BYTES(columns) ((size_t) (columns) * PANEL_ROWS * 2)

inline void readColumn(const global uchar* panel, int column, Floats* lower, Floats* upper) {
  Words word = LOAD((const global uint*) panel + (size_t) column * 16 + LANE);
  *lower = AS_FLOATS(word << 16);
  *upper = AS_FLOATS(word & 0xffff0000u);
}

