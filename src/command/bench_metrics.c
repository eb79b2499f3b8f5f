#include "command/bench_metrics.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "task/task.h"
#include "train/bench.h"

struct bench {
	struct ebb_options o;
	struct ebb_bench on;
	struct ebb_trial *trial;
	struct ebb_writer *writer;
	struct ebb_fields fields;
	char dir[32], id[EBB_ID_MAX];
	double *bare, *step; /* seconds (steps)                                             */
	int n_bare, n_step, n_probe;
	double probe_s; /* sum                                                              */
};

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *x, int n)
{
	if (n == 0)
		return NAN;
	qsort(x, (size_t)n, sizeof *x, ascending);
	return x[n / 2];
}

static int start(struct bench *b, int threads, const char *isa, int steps, struct ebb_err *err)
{
	struct ebb_trial_head head = {.label = "bench", .options = &b->o, .attempt = 1};
	char *settings = ebb_xprintf("pretrain.steps=200 train.steps=%d run.threads=%d run.isa=%s",
				     steps, threads, isa);
	int rc;

	ebb_options_init(&b->o, ebb_task_catalog());
	rc = ebb_options_apply(&b->o, ebb_task_catalog(), settings, err);
	free(settings);
	snprintf(b->dir, sizeof b->dir, "/tmp/ebb-bench-XXXXXX");
	if (rc == 0 && !mkdtemp(b->dir)) {
		b->dir[0] = 0;
		rc = ebb_err_set(err, EBB_EIO, "cannot make a folder in /tmp");
	}
	if (rc == 0)
		rc = ebb_lab_open(&b->on.lab, &b->o, err);
	if (rc == 0)
		rc = ebb_trial_open(&b->trial, &b->on.lab, NULL, err);
	if (rc == 0)
		rc = ebb_bench_fill(&b->on, ebb_trial_policies(b->trial), b->dir, NULL, err);
	if (rc < 0)
		return rc;
	ebb_fields_init(&b->fields, b->on.lab.task, &b->o,
			(int)(b->o.train.prompts * b->o.train.group), b->on.lab.max_prompt,
			b->on.lab.max_tokens);
	ebb_options_id(&b->o, ebb_task_catalog(), b->id);
	head.id = b->id;
	head.catalog = ebb_task_catalog();
	return ebb_writer_open(&b->writer, b->dir, &head, b->fields.field, b->fields.n, NULL, err);
}

static int unlink_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void release(struct bench *b)
{
	if (b->writer)
		ebb_writer_abandon(b->writer);
	ebb_trial_close(b->trial);
	ebb_fields_release(&b->fields);
	ebb_bench_release(&b->on);
	if (b->dir[0])
		nftw(b->dir, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b->bare);
	free(b->step);
}

/* Is it the evaluation itself? Its samples are no probe. */
static bool evaluates(const struct bench *b, const struct ebb_request *r)
{
	const int64_t questions = b->o.eval.questions;

	return r->kind == EBB_REQUEST_DECODE &&
	       (r->decode.n == questions || r->decode.n == questions * b->o.eval.samples);
}

/* From one rest to the next is a step. Every second one is recorded; steps that evaluate always are,
 * and the first of all warms up. */
static int run(struct bench *b, struct ebb_err *err)
{
	double began = ebb_clock(), left_out = 0;
	bool recorded = true;
	const char *cause;
	int64_t step = 0;

	ebb_trial_record(b->trial, b->writer, &b->fields);
	for (;;) {
		struct ebb_request *r;
		int rc = ebb_trial_next(b->trial, &r, err);

		if (rc < 0 || r->kind == EBB_REQUEST_DONE)
			return rc;
		rc = ebb_bench_serve(&b->on, r, err);
		if (rc < 0)
			return rc;
		if (evaluates(b, r))
			left_out += r->seconds;
		if (r->kind != EBB_REQUEST_REST)
			continue;
		const double now = ebb_clock(), seconds = now - began - left_out;
		const int64_t done = step; /* the step this rest ends began with so many done */

		ebb_trial_status(b->trial, &step, &cause);
		if (step > 1 && done % b->o.eval.cadence == 0) {
			b->probe_s += seconds;
			b->n_probe++;
		} else if (step > 1) {
			*(recorded ? &b->step[b->n_step++] : &b->bare[b->n_bare++]) = seconds;
		}
		recorded = step % 2 == 0 || step % b->o.eval.cadence == 0;
		ebb_trial_record(b->trial, recorded ? b->writer : NULL, &b->fields);
		began = ebb_clock();
		left_out = 0;
	}
}

int ebb_bench_metrics(int threads, const char *isa, int steps, struct ebb_metrics_cost *cost,
		      struct ebb_err *err)
{
	struct bench b = {0};
	int rc;

	b.bare = ebb_xcalloc((size_t)steps + 1, sizeof *b.bare);
	b.step = ebb_xcalloc((size_t)steps + 1, sizeof *b.step);
	rc = start(&b, threads, isa, steps, err);
	if (rc == 0)
		rc = run(&b, err);
	if (rc == 0) {
		*cost = (struct ebb_metrics_cost){.bare_s = median(b.bare, b.n_bare),
						  .step_s = median(b.step, b.n_step),
						  .cadence = (double)b.o.eval.cadence};
		cost->probe_s = b.n_probe > 0 ? b.probe_s / b.n_probe - cost->step_s : NAN;
		cost->share = 1 - cost->bare_s / (cost->step_s + cost->probe_s / cost->cadence);
	}
	release(&b);
	return rc;
}
