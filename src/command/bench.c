/*
 * ebb bench: how fast this machine runs the work of training, next to what the processor can do
 * (bench_job.h), on a GPU for populations (bench_gpu.h), what measuring costs (bench_metrics.h), and
 * how that compares with an earlier result (bench_before.h).
 *
 * Tokens a second are trained (train) or generated (sample, rl) tokens over the fastest of --iters
 * iterations after a warm-up; the median stands beside it.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "command/bench_before.h"
#include "command/bench_gpu.h"
#include "command/bench_job.h"
#include "command/bench_metrics.h"
#include "command/command.h"

enum { METRICS = EBB_BENCH_JOBS, N_MODES };
static const char *const mode_name[N_MODES] = {"train", "sample", "rl", "metrics"};

/* ---- printing ---- */

static void print_field(struct ebb_buf *out, const char *name, double value, const char *format)
{
	if (isnan(value))
		return;
	ebb_buf_printf(out, ", \"%s\": ", name);
	ebb_buf_printf(out, format, value);
}

struct row {
	const struct ebb_bench_shape *s;
	enum ebb_bench_mode mode;
	struct ebb_bench_result r;
	struct ebb_bench_rate before; /* NaN where there is none */
};

static double share_of(const struct row *row)
{
	return row->r.flops / row->r.best_s / row->r.peak_flops;
}

/* Seconds in which the cache was read. */
static double cache_s(const struct ebb_bench_result *r)
{
	return isnan(r->sample_s) ? r->best_s : r->sample_s;
}

static double ceiling_share_of(const struct row *row)
{
	return row->r.ceiling_flops / row->r.best_s / row->r.peak_flops;
}

static void print_json(struct ebb_buf *out, const struct row *row)
{
	const struct ebb_bench_shape *s = row->s;
	const struct ebb_bench_result *r = &row->r;
	const struct ebb_model *m = &r->model;
	const double rate = r->tokens / r->best_s;

	ebb_buf_printf(out,
		       "%s{\"mode\": \"%s\", \"width\": %d, \"layers\": %d, \"heads\": %d, "
		       "\"ffn\": %d, \"vocab\": %d, \"threads\": %d, \"batch\": %d, \"seq\": %d, "
		       "\"prompt\": %d, \"group\": %d, \"iters\": %d, \"isa\": \"%s\", "
		       "\"parameters\": %zu",
		       out->len ? ",\n " : "", mode_name[row->mode], m->C, m->L, m->NH, m->F, m->V,
		       (int)s->threads, (int)s->batch, (int)s->seq, (int)s->prompt,
		       row->mode == EBB_BENCH_RL ? (int)s->group : 1, (int)s->iters, r->isa,
		       r->n_parameters);
	print_field(out, "tokens_per_s", rate, "%.1f");
	print_field(out, "tokens_per_s_median", r->tokens / r->median_s, "%.1f");
	print_field(out, "ms_best", 1e3 * r->best_s, "%.3f");
	print_field(out, "ms_median", 1e3 * r->median_s, "%.3f");
	print_field(out, "ms_sample", 1e3 * r->sample_s, "%.3f");
	print_field(out, "ms_update", 1e3 * r->update_s, "%.3f");
	print_field(out, "reward", r->reward, "%.4f");
	print_field(out, "gflops", 1e-9 * r->flops / r->best_s, "%.2f");
	print_field(out, "peak_gflops", 1e-9 * r->peak_flops, "%.2f");
	print_field(out, "peak_share", share_of(row), "%.4f");
	print_field(out, "ceiling_share", ceiling_share_of(row), "%.4f");
	print_field(out, "cache_gbytes_per_s",
		    r->cache_bytes > 0 ? 1e-9 * r->cache_bytes / cache_s(r) : NAN, "%.2f");
	print_field(out, "memory_bytes", (double)r->bytes, "%.0f");
	print_field(out, "ratio", rate / row->before.tokens_per_s, "%.4f");
	print_field(out, "ratio_of_shares", share_of(row) / row->before.peak_share, "%.4f");
	ebb_buf_puts(out, "}");
}

static void print_ratio(double ratio)
{
	if (isnan(ratio))
		printf(" %8s", "-");
	else
		printf(" %7.2fx", ratio);
}

static void print_line(const struct row *row, bool first, bool compares)
{
	const struct ebb_bench_result *r = &row->r;
	const double rate = r->tokens / r->best_s;

	if (first) {
		printf("%-6s %5s %6s %7s %9s %9s %9s %7s %6s %6s %8s %6s %10s", "mode", "width",
		       "layers", "threads", "tokens/s", "median", "ms", "GFLOP/s", "peak", "share",
		       "ceiling", "GB/s", "memory");
		printf(compares ? " %8s %8s\n" : "\n", "before", "by share");
	}
	printf("%-6s %5d %6d %7d %9.0f %9.0f %9.2f %7.1f %6.1f %4.0f %% %6.0f %%",
	       mode_name[row->mode], r->model.C, r->model.L, (int)row->s->threads, rate,
	       r->tokens / r->median_s, 1e3 * r->best_s, 1e-9 * r->flops / r->best_s,
	       1e-9 * r->peak_flops, 100 * share_of(row), 100 * ceiling_share_of(row));
	if (r->cache_bytes > 0)
		printf(" %6.1f", 1e-9 * r->cache_bytes / cache_s(r));
	else
		printf(" %6s", "-");
	printf(" %6.1f MiB", (double)r->bytes / 1048576.0);
	if (compares) {
		print_ratio(rate / row->before.tokens_per_s);
		print_ratio(share_of(row) / row->before.peak_share);
	}
	printf("\n");
	fflush(stdout);
}

/* ---- populations ---- */

static const char *const precision_name[] = {"fp32", "tf32", "bf16"};
enum { N_PRECISIONS = sizeof precision_name / sizeof *precision_name };

static void print_gpu_json(struct ebb_buf *out, const struct ebb_gpu *gpu,
			   const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
			   enum ebb_gpu_precision precision, const struct ebb_bench_gpu_result *g)
{
	const struct ebb_bench_result *r = &g->r;
	const struct ebb_model *m = &r->model;

	ebb_buf_printf(out,
		       "%s{\"mode\": \"%s\", \"device\": \"%s\", \"precision\": \"%s\", "
		       "\"members\": %d, \"width\": %d, \"layers\": %d, \"heads\": %d, "
		       "\"ffn\": %d, \"vocab\": %d, \"batch\": %d, \"seq\": %d, \"prompt\": %d, "
		       "\"group\": %d, \"iters\": %d, \"parameters\": %zu",
		       out->len ? ",\n " : "", mode_name[mode], gpu->info.name,
		       precision_name[precision], g->members, m->C, m->L, m->NH, m->F, m->V,
		       (int)s->batch, (int)s->seq, (int)s->prompt,
		       mode == EBB_BENCH_RL ? (int)s->group : 1, (int)s->iters, r->n_parameters);
	print_field(out, "tokens_per_s", r->tokens / r->best_s, "%.1f");
	print_field(out, "tokens_per_s_median", r->tokens / r->median_s, "%.1f");
	print_field(out, "ms_best", 1e3 * r->best_s, "%.3f");
	print_field(out, "ms_median", 1e3 * r->median_s, "%.3f");
	print_field(out, "ms_sample", 1e3 * r->sample_s, "%.3f");
	print_field(out, "ms_update", 1e3 * r->update_s, "%.3f");
	print_field(out, "gflops", 1e-9 * r->flops / r->best_s, "%.2f");
	print_field(out, "peak_gflops", 1e-9 * r->peak_flops, "%.2f");
	print_field(out, "peak_share", r->flops / r->best_s / r->peak_flops, "%.4f");
	print_field(out, "decode_gbytes_per_s", 1e-9 * g->memory_bytes_per_s, "%.2f");
	print_field(out, "launches", g->launches, "%.1f");
	print_field(out, "device_bytes", (double)r->bytes, "%.0f");
	ebb_buf_puts(out, "}");
}

static void print_gpu_line(const struct ebb_gpu *gpu, enum ebb_bench_mode mode,
			   enum ebb_gpu_precision precision, const struct ebb_bench_gpu_result *g,
			   double one_member_s, bool first)
{
	const struct ebb_bench_result *r = &g->r;

	if (first)
		printf("%s\n%-6s %-9s %7s %5s %6s %11s %9s %8s %8s %6s %7s %8s %10s\n",
		       gpu->info.name, "mode", "precision", "members", "width", "layers", "tokens/s",
		       "ms", "x one", "TFLOP/s", "share", "GB/s", "launches", "memory");
	printf("%-6s %-9s %7d %5d %6d %11.0f %9.2f", mode_name[mode], precision_name[precision],
	       g->members, r->model.C, r->model.L, r->tokens / r->best_s, 1e3 * r->best_s);
	if (isnan(one_member_s))
		printf(" %8s", "-");
	else
		printf(" %7.2fx", r->best_s / one_member_s);
	printf(" %8.2f", 1e-12 * r->flops / r->best_s);
	if (r->peak_flops > 0)
		printf(" %4.0f %%", 100 * r->flops / r->best_s / r->peak_flops);
	else
		printf(" %6s", "-");
	if (isnan(g->memory_bytes_per_s))
		printf(" %7s", "-");
	else
		printf(" %7.0f", 1e-9 * g->memory_bytes_per_s);
	printf(" %8.0f %6.1f MiB\n", g->launches, (double)r->bytes / 1048576.0);
	fflush(stdout);
}

/* ---- the command line ---- */

static const char help[] =
	"  --mode NAME     train, sample, rl or metrics; without it all of them, the first three\n"
	"                  at widths 64, 128, 256 and 512\n"
	"  --width N       width of the model (64); heads of 32, at least two; SwiGLU of 4 N\n"
	"  --layers N      transformer blocks (2)\n"
	"  --threads N     threads (1)\n"
	"  --batch N       sequences (256)\n"
	"  --seq N         tokens of a sequence, prompt included (64)\n"
	"  --prompt N      tokens of a prompt (8)\n"
	"  --vocab N       vocabulary (64)\n"
	"  --group N       responses a prompt in mode rl (8)\n"
	"  --iters N       timed iterations after one of warm-up (5)\n"
	"  --isa NAME      auto, avx512, avx2 or scalar (auto)\n"
	"  --device NAME   cpu or cuda (cpu); cuda: populations, train, sample and rl\n"
	"  --members N     cuda: policies served together; without it 1, 4, 16, 64 and 256\n"
	"  --precision N   cuda: fp32 (the CPU's bits), tf32 or bf16 (fp32)\n"
	"  --recompute     cuda: keep the layers' inputs alone, compute the rest again\n"
	"  --compare FILE  an earlier result (--json); beside each row of its kind: tokens/s over\n"
	"                  those of FILE, and share of the peak over that of FILE\n"
	"  --json          {\"results\": [...]} on standard output\n"
	"\n"
	"tokens/s counts trained tokens (train) or generated ones (sample, rl) over the fastest\n"
	"iteration; the median stands beside it. GFLOP/s counts a multiply-add as two:\n"
	"  forward = 2 L (C (Q + 2 KV) + Q C + 3 C F) a position, + 2 V C a predicting one,\n"
	"            + 4 L Q a (query, key) pair; a gradient costs three forwards\n"
	"peak is the rate of independent fused multiply-adds in registers, measured here on one\n"
	"thread, times the threads; share is of it. ceiling is the share of what the best kernels\n"
	"would reach: products at 85 % of the peak, an exponential (gates, attention, softmax) as\n"
	"47 operations. GB/s: keys and values that decoding reads. metrics trains the built-in\n"
	"task and algorithm, records every second step and tells what that costs; of the flags it\n"
	"reads threads and isa.\n"
	"\n"
	"On a GPU tokens/s and TFLOP/s are those of all members, x one is the time over that of a\n"
	"single member, share is of measured fused multiply-adds (fp32) or of what the maker "
	"states\n"
	"for the tensor cores (tf32, bf16), GB/s counts weights, keys and values read by "
	"decoding.\n";

struct number {
	const char *name;
	int64_t *value, low, high;
};

static int parse_number(const struct number *n, const char *text)
{
	char *end;
	long long x = strtoll(text, &end, 10);

	if (end == text || *end || x < n->low || x > n->high)
		return ebb_command_usage("bench", "--%s is '%s', not a whole number in [%d,%d]",
					 n->name, text, (int)n->low, (int)n->high);
	*n->value = x;
	return 0;
}

static int check_shape(const struct ebb_bench_shape *s)
{
	const int heads = ebb_bench_heads(s);

	if (s->width % (2 * heads) != 0)
		return ebb_command_usage(
			"bench", "--width %d does not make %d heads of even width; take %d",
			(int)s->width, heads, (int)(s->width / (2 * heads) * (2 * heads)));
	if (s->prompt >= s->seq)
		return ebb_command_usage("bench",
					 "--prompt %d leaves no response in --seq %d; lower it",
					 (int)s->prompt, (int)s->seq);
	if (s->batch % s->group != 0)
		return ebb_command_usage("bench", "--batch %d is no multiple of --group %d",
					 (int)s->batch, (int)s->group);
	return 0;
}

/* What the flags ask for. */
struct wish {
	struct ebb_bench_shape s;
	int mode; /* N_MODES: all */
	bool one_width;
	struct ebb_bench_past *past; /* null: nothing to compare with */
	struct ebb_buf *json;        /* null: lines                   */
	bool first;
	/* on a GPU */
	bool cuda, recompute;
	int64_t members; /* 0: several */
	enum ebb_gpu_precision precision;
};

static int bench_one(struct wish *w, enum ebb_bench_mode mode)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct row row = {.s = &w->s, .mode = mode};
	int rc = ebb_bench_job(&w->s, mode, &row.r, &err);

	if (rc == 0) {
		row.before = ebb_bench_before(w->past, mode_name[mode], &w->s, row.r.isa);
		if (w->json)
			print_json(w->json, &row);
		else
			print_line(&row, w->first, w->past != NULL);
		w->first = false;
	}
	if (rc == EBB_ENUMERIC) {
		ebb_command_fail("bench", &err);
		return EBB_EXIT_FAILED;
	}
	return rc == 0 ? EBB_EXIT_OK : ebb_command_fail("bench", &err);
}

#define METRICS_STEPS 400

static int bench_metrics(const struct ebb_bench_shape *s, struct ebb_buf *json)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_metrics_cost cost;

	if (ebb_bench_metrics((int)s->threads, s->isa, METRICS_STEPS, &cost, &err) < 0)
		return ebb_command_fail("bench", &err);
	if (json) {
		ebb_buf_printf(json, "%s{\"mode\": \"metrics\", \"threads\": %d",
			       json->len ? ",\n " : "", (int)s->threads);
		print_field(json, "ms_step", 1e3 * cost.step_s, "%.4f");
		print_field(json, "ms_bare", 1e3 * cost.bare_s, "%.4f");
		print_field(json, "ms_probe", 1e3 * cost.probe_s, "%.4f");
		print_field(json, "cadence", cost.cadence, "%.0f");
		print_field(json, "metrics_share", cost.share, "%.4f");
		ebb_buf_puts(json, "}");
		return EBB_EXIT_OK;
	}
	printf("metrics: a step takes %.2f ms, without them %.2f ms; probes %.2f ms more every "
	       "%.0f steps: %.1f %% of a step\n",
	       1e3 * cost.step_s, 1e3 * cost.bare_s, 1e3 * cost.probe_s, cost.cadence,
	       100 * cost.share);
	return EBB_EXIT_OK;
}

static int bench_all(struct wish *w)
{
	static const int64_t standard_width[] = {64, 128, 256, 512};
	const int n_widths = w->one_width ? 1 : sizeof standard_width / sizeof *standard_width;
	int status = EBB_EXIT_OK;

	for (int k = 0; k < n_widths && status == EBB_EXIT_OK; k++) {
		if (!w->one_width)
			w->s.width = standard_width[k];
		for (int m = 0; m < EBB_BENCH_JOBS && status == EBB_EXIT_OK; m++)
			if (w->mode == N_MODES || w->mode == m)
				status = bench_one(w, (enum ebb_bench_mode)m);
	}
	if (status == EBB_EXIT_OK && (w->mode == METRICS || (w->mode == N_MODES && !w->one_width)))
		status = bench_metrics(&w->s, w->json);
	return status;
}

/* One job for ever more members, until there is no room for them. */
static int bench_members(struct wish *w, struct ebb_gpu *gpu, enum ebb_bench_mode mode)
{
	static const int standard[] = {1, 4, 16, 64, 256};
	const int n = w->members > 0 ? 1 : (int)(sizeof standard / sizeof *standard);
	double one_member_s = NAN;

	for (int k = 0; k < n; k++) {
		const int members = w->members > 0 ? (int)w->members : standard[k];
		struct ebb_err err = EBB_ERR_INIT;
		struct ebb_bench_gpu_result g;
		int rc = ebb_bench_gpu(gpu, &w->s, mode, members, w->precision, w->recompute, &g,
				       &err);

		if (rc == EBB_ENOMEM && k > 0) {
			fprintf(stderr, "ebb bench: %s\n", err.text);
			return EBB_EXIT_OK;
		}
		if (rc < 0) {
			ebb_command_fail("bench", &err);
			return rc == EBB_ENUMERIC ? EBB_EXIT_FAILED : EBB_EXIT_USAGE;
		}
		if (members == 1)
			one_member_s = g.r.best_s;
		if (w->json)
			print_gpu_json(w->json, gpu, &w->s, mode, w->precision, &g);
		else
			print_gpu_line(gpu, mode, w->precision, &g, one_member_s, w->first);
		w->first = false;
	}
	return EBB_EXIT_OK;
}

static int bench_cuda(struct wish *w)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_gpu *gpu = ebb_gpu_open(NULL, &err);
	int status = EBB_EXIT_OK;

	if (!gpu)
		return ebb_command_fail("bench", &err);
	for (int m = 0; m < EBB_BENCH_JOBS && status == EBB_EXIT_OK; m++)
		if (w->mode == N_MODES || w->mode == m)
			status = bench_members(w, gpu, (enum ebb_bench_mode)m);
	ebb_gpu_close(gpu);
	return status;
}

static int parse_device(struct wish *w, const char *text)
{
	w->cuda = strcmp(text, "cuda") == 0;
	return w->cuda || strcmp(text, "cpu") == 0
		       ? 0
		       : ebb_command_usage("bench", "--device is '%s', not cpu or cuda", text);
}

static int parse_precision(struct wish *w, const char *text)
{
	for (int i = 0; i < N_PRECISIONS; i++)
		if (strcmp(text, precision_name[i]) == 0) {
			w->precision = (enum ebb_gpu_precision)i;
			return 0;
		}
	return ebb_command_usage("bench", "--precision is '%s', not fp32, tf32 or bf16", text);
}

/* Flags that need another. */
static int check_device(const struct wish *w, const char *past)
{
	if (!w->cuda && (w->members > 0 || w->recompute || w->precision != EBB_GPU_FP32))
		return ebb_command_usage("bench",
					 "--members, --precision and --recompute are about "
					 "a GPU: add --device cuda");
	if (w->cuda && w->mode == METRICS)
		return ebb_command_usage("bench", "--mode metrics is about the CPU: leave --device "
						  "cuda out");
	if (w->cuda && past)
		return ebb_command_usage("bench", "--compare is about the CPU: leave --device cuda "
						  "out");
	return 0;
}

int ebb_command_bench(int argc, char **argv)
{
	struct wish w = {
		.s = {.width = 64,
		      .layers = 2,
		      .threads = 1,
		      .batch = 256,
		      .seq = 64,
		      .prompt = 8,
		      .vocab = 64,
		      .group = 8,
		      .iters = 5,
		      .isa = "auto"},
		.mode = N_MODES,
		.first = true,
	};
	const struct number number[] = {
		{"width", &w.s.width, 4, 8192},     {"layers", &w.s.layers, 1, 128},
		{"threads", &w.s.threads, 1, 1024}, {"batch", &w.s.batch, 1, 65536},
		{"seq", &w.s.seq, 2, 65536},        {"prompt", &w.s.prompt, 1, 65535},
		{"vocab", &w.s.vocab, 2, 262144},   {"group", &w.s.group, 1, 4096},
		{"iters", &w.s.iters, 1, 10000},    {"members", &w.members, 1, 4096},
	};
	enum {
		N_NUMBERS = sizeof number / sizeof *number,
		MODE = 'm',
		ISA,
		DEVICE,
		PRECISION,
		RECOMPUTE,
		COMPARE,
		JSON,
		HELP
	};
	struct option flag[N_NUMBERS + 9] = {
		[N_NUMBERS] = {"mode", required_argument, NULL, MODE},
		{"isa", required_argument, NULL, ISA},
		{"device", required_argument, NULL, DEVICE},
		{"precision", required_argument, NULL, PRECISION},
		{"recompute", no_argument, NULL, RECOMPUTE},
		{"compare", required_argument, NULL, COMPARE},
		{"json", no_argument, NULL, JSON},
		{"help", no_argument, NULL, HELP},
	};
	struct ebb_buf out = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	const char *past = NULL;
	int c, status;

	for (int i = 0; i < N_NUMBERS; i++)
		flag[i] = (struct option){number[i].name, required_argument, NULL, i};
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", flag, NULL)) != -1) {
		if (c < N_NUMBERS) {
			if (parse_number(&number[c], optarg) != 0)
				return EBB_EXIT_USAGE;
			w.one_width |= number[c].value == &w.s.width;
		} else if (c == MODE) {
			for (w.mode = 0; w.mode < N_MODES; w.mode++)
				if (strcmp(optarg, mode_name[w.mode]) == 0)
					break;
			if (w.mode == N_MODES)
				return ebb_command_usage(
					"bench", "--mode is '%s', not train, sample, rl or metrics",
					optarg);
		} else if (c == ISA) {
			w.s.isa = optarg;
		} else if (c == DEVICE) {
			if (parse_device(&w, optarg) != 0)
				return EBB_EXIT_USAGE;
		} else if (c == PRECISION) {
			if (parse_precision(&w, optarg) != 0)
				return EBB_EXIT_USAGE;
		} else if (c == RECOMPUTE) {
			w.recompute = true;
		} else if (c == COMPARE) {
			past = optarg;
		} else if (c == JSON) {
			w.json = &out;
		} else if (c == HELP) {
			return ebb_command_help("bench", help);
		} else {
			return ebb_command_usage(
				"bench", c == ':' ? "'%s' needs a value" : "unknown argument '%s'",
				argv[optind - 1]);
		}
	}
	if (optind < argc)
		return ebb_command_usage("bench", "unknown argument '%s'", argv[optind]);
	if (check_shape(&w.s) != 0 || check_device(&w, past) != 0)
		return EBB_EXIT_USAGE;
	if (past && ebb_bench_past_open(&w.past, past, &err) < 0)
		return ebb_command_fail("bench", &err);

	w.one_width |= w.mode != N_MODES;
	status = w.cuda ? bench_cuda(&w) : bench_all(&w);
	if (w.json && status == EBB_EXIT_OK)
		printf("{\"results\": [%s]}\n", out.data);
	ebb_buf_release(&out);
	ebb_bench_past_close(w.past);
	if (status == EBB_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		ebb_err_set(&err, EBB_EIO, "cannot write the results to standard output");
		status = ebb_command_fail("bench", &err);
	}
	return status;
}
