/*
 * The judging of claims on made-up results whose truth is known: how often it says "reproduced" where
 * nothing is, how often it is right where something is, and how often its intervals hold a planted
 * number. Rates are printed as tables on stderr and held against bounds.
 *
 *   nothing   no effect; of "~=": a difference as large as the margin. Bound: false "reproduced" (or
 *             "equivalent") in at most 5 % of the runs, a claim at a time (the rule's own rate is
 *             2.5 %: the interval is two-sided, the claim one-sided). Judged alone, without Holm.
 *   effect    twice what N can see: the mean of the judged number is twice the half width of its 95 %
 *             interval, 2 t sd / sqrt(N) (t: the quantile for N - 1 degrees of freedom; sd: of that
 *             number over seeds). No more is needed: there a t test has a power above 0.9 for every
 *             N >= 3. For ranks, which are bounded, the planted slope or correlation is found by
 *             bisection on the effects and intervals that the judging itself reports (the root mean
 *             square of half widths, which is t sd / sqrt(N)). Of share(): the condition holds in 99 of
 *             100 seeds. Of "~=": no difference, and a margin of that size.
 *             Bound: the right verdict in at least 90 %; 85 % of spearman() over two arms, which is
 *             judged by jackknife pseudo-values, and those are far from normal at few seeds. Pseudo-values of
 *             atanh(rho) are no way out: turned back by the delta method they are right in 87 to 95 %
 *             and false in 7 % at 3 seeds, on the scale of atanh itself right in 75 to 98 %.
 *   planted   a, b and the ceiling b - a of R = b - a exp(H) along each trial, with seeds that differ in
 *             both and rows whose errors are correlated. Bound: inside the interval in 92 to 98 %.
 *
 * Noise over seeds has mean 0 and variance 1: normal; t with 3 degrees of freedom (wild seeds); two
 * modes of equal weight, 1.9 apart, 0.3 wide (half-collapsed arms); and one seed in eight far below
 * the others. Rates in brackets have no bound: one seed in eight where a number is claimed of one arm
 * (a test that has not seen the rare seed cannot know of it); two modes against a number at 3 seeds,
 * which all fall on one side once in four times; shares of fewer than 5 seeds, which are never decided;
 * and coefficients of the law where H itself is measured with an error, which pulls a and b towards 0
 * (regression dilution), ever more visibly the narrower the interval.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_curve.h"
#include "analysis/rank.h"
#include "analysis/stat.h"
#include "analysis/verdict.h"
#include "base/buf.h"
#include "base/rng.h"
#include "task/task.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

enum {
	ARMS = 5,
	SEEDS = 16,
	ROWS = 40,
	RUNS = 1000,
	CALIBRATION_SEEDS = 2000,
	PLANTED_RUNS = 1500
};

#define FALSE_MOST 5.0 /* percent */

static const int seeds_of[] = {3, 5, 8, 16};
#define N_SIZES COUNT(seeds_of)

enum law { NORMAL, HEAVY, MODES, RARE, N_LAWS };
static const char *const law_name[] = {"normal", "t, 3 df", "two modes", "one in eight"};

/* ---- made-up results ---- */

/* What is planted; all 0: nothing. */
struct truth {
	enum law law;
	double shift;    /* of the last arm against the first, in the noise's sd  */
	double level;    /* of the noise of one arm against its number            */
	double slope;    /* from arm to arm                                        */
	double together; /* correlation of two curves along a trial               */
	double common;   /* what two metrics of an arm share                       */
};

struct results {
	int n_arms, n_seeds;
	bool curves;                  /* x and y are wanted */
	double pairwise[ARMS][SEEDS]; /* logits/skewness: noise and a level that the arms share */
	double alone[ARMS][SEEDS];    /* logits/kurtosis: noise                                 */
	double positive[ARMS][SEEDS]; /* response_length/mean: exp of the first                 */
	double x[SEEDS][ROWS];        /* logits/variance, along a trial                         */
	double y[SEEDS][ROWS];        /* covariance/mean                                        */
	double h[SEEDS][ROWS];        /* actor/entropy_seq                                      */
	double r[SEEDS][ROWS];        /* eval/accuracy                                          */
};

static double noise(enum law law, struct ebb_draw *d, uint32_t at)
{
	double z = ebb_normal(d, 8 * at), a, b, c;

	switch (law) {
	case HEAVY: /* variance of t(3): 3 */
		a = ebb_normal(d, 8 * at + 1);
		b = ebb_normal(d, 8 * at + 2);
		c = ebb_normal(d, 8 * at + 3);
		return z / sqrt((a * a + b * b + c * c) / 3) / sqrt(3);
	case MODES:
		return (ebb_uniform(d, 8 * at + 4) < 0.5 ? 1 : -1) * sqrt(1 - 0.09) + 0.3 * z;
	case RARE: /* -c with 1/8, variance c^2 7/64 */
		return sqrt(1 - 0.01) * sqrt(64.0 / 7) *
			       (0.125 - (ebb_uniform(d, 8 * at + 4) < 0.125)) +
		       0.1 * z;
	default:
		return z;
	}
}

static struct ebb_draw draw_of(uint32_t run, int what)
{
	return (struct ebb_draw){
		.seed = 1905, .stream = EBB_STREAM_TEST, .step = run, .round = (uint32_t)what};
}

/* The finals of one seed. */
static void make_finals(struct results *r, const struct truth *t, uint32_t run, int seed)
{
	struct ebb_draw d = draw_of(run, 1);
	double level, common;
	uint32_t at;

	d.slot = (uint32_t)seed;
	level = 2.0 * ebb_normal(&d, 0);
	for (int a = 0; a < r->n_arms; a++) {
		at = 1 + 3 * (uint32_t)a;
		common = t->common != 0 ? t->common * ebb_normal(&d, 8 * (at + 2)) : 0;
		r->pairwise[a][seed] = level + noise(t->law, &d, at) + t->slope * a + common +
				       (a == r->n_arms - 1 ? t->shift : 0);
		r->alone[a][seed] =
			noise(t->law, &d, at + 1) + t->slope * a + common + (a == 0 ? t->level : 0);
		r->positive[a][seed] = exp(0.1 * r->pairwise[a][seed]);
	}
}

/* Two curves of one seed: AR(1), 0.8, with this correlation. */
static void make_curves(struct results *r, const struct truth *t, uint32_t run, int seed)
{
	struct ebb_draw d = draw_of(run, 2);
	double e, u;

	d.slot = (uint32_t)seed;
	for (int i = 0; i < ROWS; i++) {
		u = ebb_normal(&d, 2 * (uint32_t)i);
		e = t->together * u +
		    sqrt(1 - t->together * t->together) * ebb_normal(&d, 2 * (uint32_t)i + 1);
		r->x[seed][i] = i > 0 ? 0.8 * r->x[seed][i - 1] + 0.6 * u : u;
		r->y[seed][i] = i > 0 ? 0.8 * r->y[seed][i - 1] + 0.6 * e : e;
	}
}

static void make_results(struct results *r, const struct truth *t, int n_arms, int n_seeds,
			 uint32_t run)
{
	r->n_arms = n_arms;
	r->n_seeds = n_seeds;
	for (int s = 0; s < n_seeds; s++) {
		make_finals(r, t, run, s);
		if (r->curves)
			make_curves(r, t, run, s);
	}
}

/* A trial's last row is what final() takes of fewer than 20 rows. */
static int give(double *y, const double *from, int n, struct ebb_curve *out)
{
	*out = (struct ebb_curve){.n = n,
				  .x = malloc((size_t)n * sizeof(double)),
				  .y = malloc((size_t)n * sizeof(double))};
	for (int i = 0; i < n; i++) {
		out->x[i] = i;
		out->y[i] = from != NULL ? from[i] : i + 1 < n ? 0.0 : *y;
	}
	return 0;
}

static int curve(void *ctx, int arm, int seed, const char *metric, enum ebb_scale scale,
		 struct ebb_curve *out, struct ebb_err *err)
{
	struct results *r = ctx;

	*out = (struct ebb_curve){0};
	if (strcmp(metric, "logits/skewness") == 0)
		return give(&r->pairwise[arm][seed], NULL, 3, out);
	if (strcmp(metric, "logits/kurtosis") == 0)
		return give(&r->alone[arm][seed], NULL, 3, out);
	if (strcmp(metric, "response_length/mean") == 0)
		return give(&r->positive[arm][seed], NULL, 3, out);
	if (strcmp(metric, "logits/variance") == 0)
		return give(NULL, r->x[seed], ROWS, out);
	if (strcmp(metric, "covariance/mean") == 0)
		return give(NULL, r->y[seed], ROWS, out);
	if (strcmp(metric, "actor/entropy_seq") == 0)
		return give(NULL, r->h[seed], ROWS, out);
	if (strcmp(metric, "eval/accuracy") == 0)
		return give(NULL, r->r[seed], ROWS, out);
	return 0; /* nothing else was measured */
}

/* ---- a run that has these results ---- */

struct bench {
	struct ebb_definition def;
	struct ebb_claim_scope scope;
	struct ebb_claim_data data;
	struct results results;
};

static struct bench *bench_make(int n_arms, int n_seeds)
{
	struct bench *b = calloc(1, sizeof *b);
	const char *override[] = {"algorithm=grpo",
				  n_arms == 2 ? "alpha=0,0.3" : "alpha=0,0.01,0.03,0.1,0.3", NULL};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char seeds[32];

	snprintf(seeds, sizeof seeds, "seeds=%d", n_seeds);
	override[2] = seeds;
	cr_assert_eq(
		ebb_definition_read(&b->def, ebb_task_catalog(), NULL, 0, override, 3, &diag, &err),
		0, "%s %s", err.text, diag.n ? diag.entry[0].text : "");
	cr_assert(b->def.n_arms == n_arms && b->def.n_seeds == n_seeds);
	ebb_diag_release(&diag);
	b->scope = (struct ebb_claim_scope){.def = &b->def, .catalog = ebb_task_catalog()};
	b->data = (struct ebb_claim_data){.def = &b->def, .ctx = &b->results, .curve = curve};
	return b;
}

static void bench_release(struct bench *b)
{
	ebb_definition_release(&b->def);
	free(b);
}

static struct ebb_claim read_claim(struct bench *b, const char *text)
{
	static const struct ebb_mark here = {"simulation", 1, 1};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim_reason why = {0};
	struct ebb_claim c;

	cr_assert(ebb_claim_parse(&c, text, here, true, &diag), "%s: %s", text, diag.entry[0].text);
	cr_assert_eq(ebb_claim_check(&c, &b->scope, &diag, &why), EBB_CLAIM_SOUND, "%s: %s %s",
		     text, diag.n ? diag.entry[0].text : "", why.text);
	ebb_diag_release(&diag);
	return c;
}

static struct ebb_judgements judge(struct bench *b, const struct ebb_claim *claim, int n)
{
	struct ebb_claim_reason why[16] = {0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_judgements j;

	cr_assert_eq(ebb_judge(&j, claim, why, n, &b->scope, &b->data, &err), 0, "%s", err.text);
	for (int i = 0; i < n; i++)
		cr_assert_neq(j.claim[i].verdict, EBB_NOT_APPLICABLE, "%s: %s", claim[i].text,
			      j.claim[i].note);
	return j;
}

/* ---- claims, what is planted, what would be right ---- */

enum probe {
	FINALS,
	NUMBER,
	RATIO,
	EQUIVALENT,
	SHARE,
	PAGE,
	SPEARMAN,
	ALONG_CURVE,
	SMOOTHED,
	TWO_ARMS,
	N_PROBES
};

/* clang-format off */
static const struct {
	const char *name, *text; /* one %g: the margin of "~="                        */
	int arms;
	int least;    /* fewest seeds that can decide it                               */
	int laws;     /* 1: normal noise alone (ratios are differences of logarithms)  */
	double power; /* right verdicts asked for, percent                             */
} probe[N_PROBES] = {
	[FINALS] = {"final > final", "final(skew, alpha=0.3) > final(skew, alpha=0)",
		    5, 2, N_LAWS, 90},
	[NUMBER] = {"final > number", "final(kurtosis, alpha=0) > 0", 5, 2, N_LAWS, 90},
	[RATIO] = {"ratio > 1", "ratio(final(length, alpha=0.3), final(length, alpha=0)) > 1",
		   5, 2, 1, 90},
	[EQUIVALENT] = {"final ~= final",
			"final(skew, alpha=0.3) ~= final(skew, alpha=0) within %.12g",
			5, 2, N_LAWS, 90},
	[SHARE] = {"share >= 7/8", "share(final(skew, alpha=0.3) > final(skew, alpha=0)) >= 7/8",
		   5, 5, N_LAWS, 90},
	[PAGE] = {"trend > 0", "trend(final(skew), alpha) > 0", 5, 2, N_LAWS, 90},
	[SPEARMAN] = {"spearman, 5 arms", "spearman(final(skew), final(kurtosis)) > 0",
		      5, 2, N_LAWS, 90},
	[ALONG_CURVE] = {"spearman, curves", "spearman(logit_variance, cov, alpha=0) > 0",
			 5, 2, 1, 90},
	[SMOOTHED] = {"spearman, smooth",
		      "spearman(logit_variance, cov, alpha=0, smooth=5) > 0",
		      5, 2, 1, 90},
	[TWO_ARMS] = {"spearman, 2 arms", "spearman(final(skew), final(kurtosis)) > 0",
		      2, 2, N_LAWS, 85},
};
/* clang-format on */

/* A run with nothing in it but the claim of a probe. */
static struct bench *bench_of(enum probe p, int n, double margin, struct ebb_claim *claim)
{
	struct bench *b = bench_make(probe[p].arms, n);
	char text[256];

	snprintf(text, sizeof text, probe[p].text, margin);
	*claim = read_claim(b, text);
	b->results.curves = p == ALONG_CURVE || p == SMOOTHED;
	return b;
}

/* The mean effect that the judging reports, in half widths of its interval. */
static double distance(struct bench *b, const struct ebb_claim *claim, const struct truth *t)
{
	double effect = 0, square = 0, half;
	int runs = CALIBRATION_SEEDS / b->def.n_seeds;

	for (int run = 0; run < runs; run++) {
		struct ebb_judgements j;

		make_results(&b->results, t, b->def.n_arms, b->def.n_seeds,
			     500000u + (uint32_t)run);
		j = judge(b, claim, 1);
		effect += j.claim[0].effect;
		half = 0.5 * (j.claim[0].high - j.claim[0].low);
		square += half * half;
		ebb_judgements_release(&j);
	}
	return effect / runs / sqrt(square / runs);
}

/* The value of *knob, a member of *t, at which the distance is 2. */
static void calibrate(enum probe p, int n, struct truth *t, double *knob, double most)
{
	struct ebb_claim claim;
	struct bench *b = bench_of(p, n, 0, &claim);
	double low = 0, high = most;

	for (int i = 0; i < 10; i++) {
		*knob = 0.5 * (low + high);
		if (distance(b, &claim, t) < 2)
			low = *knob;
		else
			high = *knob;
	}
	*knob = high;
	ebb_claim_release(&claim);
	bench_release(b);
}

/* The truth of a probe, and the margin of "~=". */
static struct truth truth_of(enum probe p, enum law law, int n, bool effect, double *margin)
{
	struct truth t = {.law = law};
	struct ebb_err err = EBB_ERR_INIT;
	double quantile, seen;

	cr_assert_eq(ebb_t_quantile(EBB_LEVEL, n - 1, &quantile, &err), 0);
	seen = 2 * quantile / sqrt(n); /* of a number with sd 1 */
	*margin = sqrt(2.0) * seen;
	if (p == EQUIVALENT)
		t.shift = effect ? 0 : *margin;
	if (!effect)
		return t;
	switch (p) {
	case FINALS:
	case RATIO: /* log of the ratio is 0.1 times the difference */
		t.shift = sqrt(2.0) * seen;
		break;
	case NUMBER:
		t.level = seen;
		break;
	case SHARE: /* the difference of two normals is above 0 in 99 of 100 */
		t.shift = sqrt(2.0) * 2.326348;
		break;
	case PAGE:
	case SPEARMAN:
		calibrate(p, n, &t, &t.slope, 4);
		break;
	case ALONG_CURVE:
	case SMOOTHED:
		calibrate(p, n, &t, &t.together, 0.999);
		break;
	case TWO_ARMS:
		calibrate(p, n, &t, &t.common, 16);
		break;
	default:
		break;
	}
	return t;
}

/* Share of the runs in which what is claimed was shown, in percent. */
static double rate_of(enum probe p, enum law law, int n, bool effect)
{
	struct ebb_judgements j;
	struct ebb_claim claim;
	struct bench *b;
	double margin;
	struct truth t = truth_of(p, law, n, effect, &margin);
	int shown = 0;

	b = bench_of(p, n, margin, &claim);
	for (int run = 0; run < RUNS; run++) {
		make_results(&b->results, &t, probe[p].arms, n,
			     (uint32_t)run + (effect ? 100000u : 0));
		j = judge(b, &claim, 1);
		shown += j.claim[0].holds;
		ebb_judgements_release(&j);
	}
	ebb_claim_release(&claim);
	bench_release(b);
	return 100.0 * shown / RUNS;
}

/* Rates without a bound: see above. */
static bool is_bound(enum probe p, enum law law, int n)
{
	if (law == RARE)
		return p != NUMBER;
	return !(law == MODES && p == NUMBER && n < 5);
}

static void rates(bool effect)
{
	struct ebb_buf table = EBB_BUF_INIT; /* printed whole: tests run side by side */
	int outside = 0;

	ebb_buf_printf(&table, "\n%-18s %-13s", effect ? "right verdict, %" : "false verdict, %",
		       "noise");
	for (int i = 0; i < N_SIZES; i++)
		ebb_buf_printf(&table, "    N=%-2d", seeds_of[i]);
	ebb_buf_printf(&table, "      bound (%d runs each)\n", RUNS);
	for (int p = 0; p < N_PROBES; p++)
		for (int law = 0; law < probe[p].laws; law++) {
			ebb_buf_printf(&table, "%-18s %-13s", probe[p].name,
				       p == ALONG_CURVE || p == SMOOTHED ? "AR(1) rows"
									 : law_name[law]);
			for (int i = 0; i < N_SIZES; i++) {
				int n = seeds_of[i];
				bool bounded = is_bound(p, law, n) && n >= probe[p].least, out;
				double rate = rate_of(p, law, n, effect);

				out = bounded &&
				      (effect ? rate < probe[p].power : rate > FALSE_MOST);
				outside += out;
				ebb_buf_printf(&table, bounded ? " %6.1f%c" : " (%5.1f)%c", rate,
					       out ? '!' : ' ');
			}
			ebb_buf_printf(&table, "   %s %g\n",
				       effect ? ">=" : "<=", effect ? probe[p].power : FALSE_MOST);
		}
	fputs(table.data, stderr);
	ebb_buf_release(&table);
	cr_assert_eq(outside, 0, "%d rates are outside of their bound: marked '!'", outside);
}

Test(sim_verdicts, nothing_there, .timeout = 280)
{
	rates(false);
}

Test(sim_verdicts, twice_what_can_be_seen, .timeout = 280)
{
	rates(true);
}

/* All claims of a run together, as a definition lists them: with Holm, one or more false ones in at most
 * 5 % of the runs; and with all effects there, each is still found. */
Test(sim_verdicts, family, .timeout = 120)
{
	static const enum probe member[] = {FINALS, NUMBER, RATIO, SHARE, PAGE, SPEARMAN};
	struct bench *b = bench_make(5, 8);
	struct ebb_claim claim[COUNT(member)];
	struct truth nothing = {.law = NORMAL}, all = {.law = NORMAL};
	struct ebb_judgements j;
	int any, false_runs = 0, right[COUNT(member)] = {0};
	struct ebb_buf table = EBB_BUF_INIT;
	double margin, rate;

	for (int i = 0; i < COUNT(member); i++)
		claim[i] = read_claim(b, probe[member[i]].text);
	all.shift = truth_of(FINALS, NORMAL, 8, true, &margin).shift;
	all.level = truth_of(NUMBER, NORMAL, 8, true, &margin).level;
	all.slope = truth_of(SPEARMAN, NORMAL, 8, true, &margin).slope;
	for (int run = 0; run < RUNS; run++) {
		make_results(&b->results, &nothing, 5, 8, (uint32_t)run);
		j = judge(b, claim, COUNT(member));
		any = 0;
		for (int i = 0; i < COUNT(member); i++)
			any += j.claim[i].holds;
		false_runs += any > 0;
		ebb_judgements_release(&j);
		make_results(&b->results, &all, 5, 8, (uint32_t)run);
		j = judge(b, claim, COUNT(member));
		for (int i = 0; i < COUNT(member); i++)
			right[i] += j.claim[i].holds;
		ebb_judgements_release(&j);
	}
	rate = 100.0 * false_runs / RUNS;
	ebb_buf_printf(
		&table,
		"\n%d claims together, N = 8, with Holm: one or more false in %.1f %% of %d runs\n",
		COUNT(member), rate, RUNS);
	for (int i = 0; i < COUNT(member); i++) {
		ebb_buf_printf(&table, "  %-18s right in %.1f %%\n", probe[member[i]].name,
			       100.0 * right[i] / RUNS);
		ebb_claim_release(&claim[i]);
	}
	bench_release(b);
	fputs(table.data, stderr);
	ebb_buf_release(&table);
	cr_assert(rate <= FALSE_MOST);
}

/* ---- the law R = b - a exp(H) ---- */

/* Entropy falls from 0.45 to 0.05 nats at a rate of its own in each seed, R follows the seed's law; the
 * rows' errors are AR(1), 0.5, with standard deviation 0.02. Errors of H, where `blurred`: 0.02. */
static void make_law(struct results *r, double a, double b, bool blurred, int n_seeds, uint32_t run)
{
	struct ebb_draw d = draw_of(run, 3);
	double of_a, of_b, rate, e, h;

	for (int s = 0; s < n_seeds; s++) {
		d.slot = (uint32_t)s;
		of_a = a + 0.03 * ebb_normal(&d, 0);
		of_b = b + 0.04 * ebb_normal(&d, 1);
		rate = 3.0 * exp(0.3 * ebb_normal(&d, 2));
		e = ebb_normal(&d, 3);
		for (int i = 0; i < ROWS; i++) {
			e = 0.5 * e + sqrt(0.75) * ebb_normal(&d, 4 + 2 * (uint32_t)i);
			h = 0.05 + 0.40 * exp(-rate * i / ROWS);
			r->r[s][i] = of_b - of_a * exp(h) + 0.02 * e;
			r->h[s][i] = h + (blurred ? 0.02 * ebb_normal(&d, 5 + 2 * (uint32_t)i) : 0);
		}
	}
}

Test(sim_verdicts, planted_law, .timeout = 120)
{
	static const char *const text[] = {"fit(accuracy ~ exp(entropy_seq), alpha=0).a > 0",
					   "fit(accuracy ~ exp(entropy_seq), alpha=0).b > 0",
					   "fit(accuracy ~ exp(entropy_seq), alpha=0).b - "
					   "fit(accuracy ~ exp(entropy_seq), alpha=0).a > 0"};
	static const char *const name[] = {"a", "b", "ceiling b - a"};
	const double a = 1.1, b = 2.0, truth[] = {a, b, b - a};
	struct bench *bench;
	struct ebb_claim claim[3];
	struct ebb_judgements j;
	double rate[3][2 * N_SIZES];
	struct ebb_buf table = EBB_BUF_INIT;
	int outside = 0;

	for (int i = 0; i < 2 * N_SIZES; i++) {
		bool blurred = i >= N_SIZES;
		int n = seeds_of[i % N_SIZES], inside[3] = {0};

		bench = bench_make(2, n);
		for (int k = 0; k < 3; k++)
			claim[k] = read_claim(bench, text[k]);
		for (int run = 0; run < PLANTED_RUNS; run++) {
			make_law(&bench->results, a, b, blurred, n, (uint32_t)run);
			j = judge(bench, claim, 3);
			for (int k = 0; k < 3; k++)
				inside[k] +=
					j.claim[k].low <= truth[k] && truth[k] <= j.claim[k].high;
			ebb_judgements_release(&j);
		}
		for (int k = 0; k < 3; k++) {
			rate[k][i] = 100.0 * inside[k] / PLANTED_RUNS;
			outside += !blurred && (rate[k][i] < 92 || rate[k][i] > 98);
			ebb_claim_release(&claim[k]);
		}
		bench_release(bench);
	}
	ebb_buf_printf(&table, "\n%-32s", "inside the 95 % interval, %");
	for (int i = 0; i < N_SIZES; i++)
		ebb_buf_printf(&table, "    N=%-2d", seeds_of[i]);
	ebb_buf_printf(&table, "   (%d runs each, bound 92 to 98)\n", PLANTED_RUNS);
	for (int k = 0; k < 6; k++) {
		ebb_buf_printf(&table, "%-14s %-17s", name[k % 3],
			       k < 3 ? "H is exact" : "H is off by 0.02");
		for (int i = 0; i < N_SIZES; i++)
			ebb_buf_printf(&table, k < 3 ? " %6.1f " : " (%5.1f)",
				       rate[k % 3][i + (k < 3 ? 0 : N_SIZES)]);
		ebb_buf_printf(&table, "\n");
	}
	fputs(table.data, stderr);
	ebb_buf_release(&table);
	cr_assert_eq(outside, 0, "%d rates of coverage are outside of 92 to 98 %%", outside);
}

/* ---- .low and .high of a correlation along one trial ---- */

/* Two curves of 200 rows that know nothing of each other, AR(1) with 0.8, as moving means of 20: how often
 * the interval of blocks of 20 leaves 0 out. One trial's interval is no test of a claim, and this is why:
 * printed, and bound only to what docs/claims.md says of it. */
Test(sim_verdicts, interval_along_one_trial, .timeout = 280)
{
	enum { STEPS = 200, SMOOTH = 20, TRIALS = 400 };
	static double x[STEPS], y[STEPS];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman rank;
	int outside = 0, above = 0, n;
	double rate;

	for (uint32_t run = 0; run < TRIALS; run++) {
		struct ebb_draw d = draw_of(run, 4);

		for (int i = 0; i < STEPS; i++) {
			double u = ebb_normal(&d, 2 * (uint32_t)i);
			double v = ebb_normal(&d, 2 * (uint32_t)i + 1);

			x[i] = i > 0 ? 0.8 * x[i - 1] + 0.6 * u : u;
			y[i] = i > 0 ? 0.8 * y[i - 1] + 0.6 * v : v;
		}
		ebb_measured_smooth(x, STEPS, SMOOTH);
		n = ebb_measured_smooth(y, STEPS, SMOOTH);
		cr_assert_eq(ebb_spearman_blocks(x, y, n, SMOOTH, &rank, &err), 0, "%s", err.text);
		above += rank.low > 0;
		outside += rank.low > 0 || rank.high < 0;
	}
	rate = 100.0 * outside / TRIALS;
	fprintf(stderr,
		"\n.low and .high along one trial, nothing there: 0 is left out in %.1f %% of %d "
		"trials "
		"(%.1f %% on the side claimed)\n",
		rate, TRIALS, 100.0 * above / TRIALS);
	cr_assert_leq(rate, 30);
}
