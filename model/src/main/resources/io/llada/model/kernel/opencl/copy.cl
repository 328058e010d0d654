// Copies VECTORS vectors of 16 bytes. On a processor each work-item copies a run of neighbours, on a GPU neighbours copy
// neighbours.
kernel void run(const global uchar* from, global uchar* to, int passid) {
  size_t items = get_global_size(0);
  size_t item = get_global_id(0);
  if (get_local_size(0) == 1) {
    size_t run = (VECTORS + items - 1) / items;
    size_t end = min((size_t) VECTORS, (item + 1) * run);
    for (size_t i = item * run; i < end; i++) {
      vstore16(vload16(i, from), i, to);
    }
    return;
  }
  for (size_t i = item; i < VECTORS; i += items) {
    vstore4(vload4(i, (const global int*) from), i, (global int*) to);
  }
}
