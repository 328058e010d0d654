// Copies BLOCKS cache lines from OFFSET on. On a processor each work-item copies a run of neighbours, on a GPU neighbours
// copy neighbours.
kernel void run(const global uchar* source, global uchar* target, int passid) {
  const global uint* from = (const global uint*) (source + OFFSET);
  global uint* to = (global uint*) (target + OFFSET);
  size_t items = get_global_size(0);
  size_t item = get_global_id(0);
  if (get_local_size(0) == 1) {
    size_t run = (BLOCKS + items - 1) / items;
    size_t end = min((size_t) BLOCKS, (item + 1) * run);
    for (size_t i = item * run; i < end; i++) {
      vstore16(vload16(i, from), i, to);
    }
    return;
  }
  for (size_t i = item; i < (size_t) BLOCKS * 4; i += items) {
    vstore4(vload4(i, from), i, to);
  }
}
