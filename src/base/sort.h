/* Sorting of many numbers, without a comparison in sight. */
#ifndef EBB_BASE_SORT_H
#define EBB_BASE_SORT_H

#include <stdint.h>

/* Ascending by value, -0 before 0, not-a-number at the ends by its sign. */
void ebb_sort(double *x, int64_t n);

#endif
