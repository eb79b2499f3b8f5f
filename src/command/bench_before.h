/* Earlier results of `ebb bench --json`, to compare with. */
#ifndef EBB_COMMAND_BENCH_BEFORE_H
#define EBB_COMMAND_BENCH_BEFORE_H

#include "base/err.h"
#include "command/bench_job.h"

struct ebb_bench_past;

/* NaN where the file has no such row. peak_share tells machines apart: tokens/s over what the peak
 * allows. */
struct ebb_bench_rate {
	double tokens_per_s, peak_share;
};

/* Refused where the file is not such a result (EBB_EINVAL) or cannot be read (EBB_EIO). */
int ebb_bench_past_open(struct ebb_bench_past **past, const char *path, struct ebb_err *err);
void ebb_bench_past_close(struct ebb_bench_past *past);

/* The file's best row of the same mode, shape and instruction set; past may be null. */
struct ebb_bench_rate ebb_bench_before(const struct ebb_bench_past *past, const char *mode,
				       const struct ebb_bench_shape *s, const char *isa);

#endif
