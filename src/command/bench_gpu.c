#include "command/bench_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "command/bench_state.h"
#include "model/population.h"
#include "rollout/population_sampler.h"

#define WARM_UP       3    /* eager, recorded, replayed */
#define POSITIONS_MAX 4096 /* of a gradient series in one go */
#define ROWS_MAX      65536 /* positions of all members in one go, roughly: activations stay in memory */

struct crowd {
	struct ebb_gpu *gpu;
	struct ebb_population *pop;
	struct ebb_bench_state *member; /* (P) */
	int P;
	struct ebb_drawn *drawn;              /* (P) */
	struct ebb_decode *decode;            /* (P) */
	struct ebb_work *work;                /* (P) */
	struct ebb_pass *pass;                /* (P) */
	struct ebb_population_update *update; /* (P) */
};

static void crowd_close(struct crowd *c)
{
	for (int p = 0; p < c->P; p++)
		ebb_bench_end(&c->member[p]);
	ebb_population_close(c->pop);
	free(c->member);
	free(c->drawn);
	free(c->decode);
	free(c->work);
	free(c->pass);
	free(c->update);
}

/* Series long enough for the batch, unless that is much. */
static struct ebb_population_size size_of(const struct ebb_bench_shape *s, int T, int members,
					  enum ebb_gpu_precision precision, bool recompute)
{
	const int64_t rows = (s->batch + EBB_LANES - 1) / EBB_LANES;
	int64_t positions = rows * (T - 1);
	const int64_t room = ROWS_MAX / EBB_LANES / members;

	if (positions > POSITIONS_MAX)
		positions = POSITIONS_MAX;
	if (positions > room)
		positions = room;
	if (positions < T - 1)
		positions = T - 1;
	return (struct ebb_population_size){.members = members,
					    .policies = 1,
					    .optimizers = 1,
					    .positions = (int)positions,
					    .samples = (int)s->batch,
					    .recompute = recompute,
					    .precision = precision};
}

static int crowd_open(struct crowd *c, const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
		      enum ebb_gpu_precision precision, bool recompute, struct ebb_err *err)
{
	struct ebb_population_size size;
	struct ebb_optim zero = {0};
	int rc = 0;

	c->member = ebb_xcalloc((size_t)c->P, sizeof *c->member);
	c->drawn = ebb_xcalloc((size_t)c->P, sizeof *c->drawn);
	c->decode = ebb_xcalloc((size_t)c->P, sizeof *c->decode);
	c->work = ebb_xcalloc((size_t)c->P, sizeof *c->work);
	c->pass = ebb_xcalloc((size_t)c->P, sizeof *c->pass);
	c->update = ebb_xcalloc((size_t)c->P, sizeof *c->update);
	for (int p = 0; p < c->P && rc == 0; p++)
		rc = ebb_bench_begin(&c->member[p], s, mode, err);
	if (rc < 0)
		return rc;
	size = size_of(s, c->member[0].layout.model.T, c->P, precision, recompute);
	rc = ebb_population_open(&c->pop, c->gpu, &c->member[0].layout, c->member[0].ops, &size,
				 err);
	if (rc == 0)
		rc = ebb_optim_init(&zero, &c->member[0].layout, err);
	for (int p = 0; p < c->P && rc == 0; p++) {
		rc = ebb_population_put(c->pop, p, 0, c->member[p].w.flat, err);
		if (rc == 0)
			rc = ebb_population_put_optim(c->pop, p, 0, &zero, err);
	}
	ebb_optim_release(&zero);
	return rc;
}

static int sample(struct crowd *c, int iteration, struct ebb_err *err)
{
	int rc;

	for (int p = 0; p < c->P; p++) {
		c->decode[p] = ebb_bench_decode(&c->member[p], iteration);
		c->drawn[p] = (struct ebb_drawn){.member = p, .decode = &c->decode[p]};
	}
	rc = ebb_population_decode(c->pop, 0, c->drawn, c->P, err);
	for (int p = 0; p < c->P && rc == 0; p++)
		ebb_bench_decoded(&c->member[p]);
	return rc;
}

static void weigh_all(void *ctx, struct ebb_work *work, int n)
{
	(void)ctx;
	for (int i = 0; i < n; i++)
		for (int r = 0; r < work[i].n_ranges; r++)
			if (work[i].pass->weigh)
				work[i].pass->weigh(work[i].pass->ctx, work[i].range[r].first,
						    work[i].range[r].count);
}

static int learn(struct crowd *c, struct ebb_err *err)
{
	int rc = 0;

	for (int p = 0; p < c->P && rc == 0; p++) {
		rc = ebb_bench_prepare(&c->member[p], &c->pass[p], err);
		c->work[p] = (struct ebb_work){.member = p, .slot = 1, .pass = &c->pass[p]};
		c->update[p] = (struct ebb_population_update){.member = p, .rule = ebb_bench_rule};
	}
	if (rc == 0)
		rc = ebb_population_pass(c->pop, 0, -1, c->work, c->P, weigh_all, NULL, err);
	if (rc == 0)
		rc = ebb_population_step(c->pop, 0, 0, c->update, c->P, err);
	for (int p = 0; p < c->P && rc == 0; p++) {
		ebb_bench_learnt(&c->member[p]);
		rc = ebb_bench_check(&c->member[p], c->update[p].norm, err);
	}
	return rc;
}

/* Weights once a token drawn, and everybody's keys and values. */
static double decode_bytes(const struct crowd *c, const struct ebb_bench_result *r)
{
	const struct ebb_bench_state *b = &c->member[0];

	return r->cache_bytes +
	       (double)c->P * b->response * (double)b->layout.n_parameters * sizeof(float);
}

static int measure(struct crowd *c, enum ebb_bench_mode mode, int iters,
		   struct ebb_bench_gpu_result *out, struct ebb_err *err)
{
	double *seconds = ebb_xcalloc((size_t)iters, sizeof *seconds);
	struct ebb_bench_result *r = &out->r;
	int64_t launched = 0;
	int rc = 0;

	for (int i = 0; i < WARM_UP + iters && rc == 0; i++) {
		double start, middle, end;

		for (int p = 0; p < c->P; p++)
			ebb_bench_prompts(&c->member[p], i);
		if (i == WARM_UP)
			launched = c->gpu->op.launches(c->gpu->device);
		start = ebb_bench_clock();
		if (mode != EBB_BENCH_TRAIN)
			rc = sample(c, i, err);
		middle = ebb_bench_clock();
		if (mode != EBB_BENCH_SAMPLE && rc == 0)
			rc = learn(c, err);
		end = ebb_bench_clock();
		if (i < WARM_UP)
			continue;
		seconds[i - WARM_UP] = end - start;
		if (end - start < r->best_s) {
			r->best_s = end - start;
			r->sample_s = mode == EBB_BENCH_TRAIN ? NAN : middle - start;
			r->update_s = mode == EBB_BENCH_SAMPLE ? NAN : end - middle;
		}
	}
	out->launches = (double)(c->gpu->op.launches(c->gpu->device) - launched) / iters;
	r->median_s = ebb_bench_median(seconds, iters);
	free(seconds);
	return rc;
}

double ebb_bench_gpu_peak(struct ebb_gpu *gpu, enum ebb_gpu_precision precision)
{
	const struct ebb_gpu_info *info = &gpu->info;
	const double clocks = (double)info->n_processors * 1e3 * info->clock_khz;
	/* operations a clock and multiprocessor, dense, from the makers' papers on the chips */
	const double bf16 = info->major == 8   ? (info->minor == 0 ? 2048 : 1024)
			    : info->major == 9 ? 4096
					       : 0;
	double best = 0;

	if (precision == EBB_GPU_BF16)
		return bf16 * clocks;
	if (precision == EBB_GPU_TF32)
		return bf16 / 2 * clocks;
	for (int i = 0; i < 4; i++) {
		double flops, ms;

		gpu->op.timer_start(gpu->device);
		flops = gpu->op.fma_loop(gpu->device, i == 0 ? 64 : 4096);
		ms = gpu->op.timer_stop(gpu->device);
		if (i > 0 && flops / ms * 1e3 > best)
			best = flops / ms * 1e3;
	}
	return best;
}

int ebb_bench_gpu(struct ebb_gpu *gpu, const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
		  int members, enum ebb_gpu_precision precision, bool recompute,
		  struct ebb_bench_gpu_result *out, struct ebb_err *err)
{
	struct crowd c = {.gpu = gpu, .P = members};
	int rc = crowd_open(&c, s, mode, precision, recompute, err);
	struct ebb_bench_result *r = &out->r;

	*out = (struct ebb_bench_gpu_result){.members = members, .memory_bytes_per_s = NAN};
	if (rc == 0) {
		ebb_bench_count(&c.member[0], r);
		r->tokens *= members;
		r->flops *= members;
		r->cache_bytes *= members;
		r->peak_flops = ebb_bench_gpu_peak(gpu, precision);
		r->ceiling_flops = NAN;
		r->bytes = ebb_population_device_bytes(c.pop);
		rc = measure(&c, mode, (int)s->iters, out, err);
	}
	if (rc == 0 && mode != EBB_BENCH_TRAIN)
		out->memory_bytes_per_s = decode_bytes(&c, r) / r->sample_s;
	crowd_close(&c);
	return rc;
}
