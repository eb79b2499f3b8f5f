#include "analysis/fit_common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"
#include "base/rng.h"

/* All that a line needs to know of points: sums around a common origin, so that nothing cancels. */
struct sums {
	double n, x, y, xx, xy, yy;
};

static void add(struct sums *to, const struct sums *s)
{
	to->n += s->n;
	to->x += s->x;
	to->y += s->y;
	to->xx += s->xx;
	to->xy += s->xy;
	to->yy += s->yy;
}

struct fit {
	double slope, intercept, sse;
};

/* False where the points do not determine a line. */
static bool fit_of(const struct sums *s, struct fit *f)
{
	double sxx, sxy, syy;

	if (s->n < 2)
		return false;
	sxx = s->xx - s->x * s->x / s->n;
	sxy = s->xy - s->x * s->y / s->n;
	syy = s->yy - s->y * s->y / s->n;
	if (!(sxx > 1e-12 * (s->xx + 1e-300)))
		return false;
	f->slope = sxy / sxx;
	f->intercept = (s->y - f->slope * s->x) / s->n;
	f->sse = fmax(0.0, syy - f->slope * sxy);
	return true;
}

/* The origin of x and y: their means over all points. */
struct origin {
	double x, y;
};

static struct origin origin_of(const struct ebb_common_trial *trial, int n)
{
	struct origin o = {0.0, 0.0};
	double m = 0.0;

	for (int t = 0; t < n; t++)
		for (int i = 0; i < trial[t].data.n; i++)
			if (isfinite(trial[t].data.H[i]) && isfinite(trial[t].data.R[i])) {
				m++;
				o.x += (exp(trial[t].data.H[i]) - o.x) / m;
				o.y += (trial[t].data.R[i] - o.y) / m;
			}
	return o;
}

static struct sums sums_of(const struct ebb_law_data *d, struct origin o)
{
	struct sums s = {0};

	for (int i = 0; i < d->n; i++) {
		double x = exp(d->H[i]) - o.x, y = d->R[i] - o.y;

		if (!isfinite(x) || !isfinite(y))
			continue;
		add(&s, &(struct sums){1, x, y, x * x, x * y, y * y});
	}
	return s;
}

/* Squared errors with a line for each arm, trial t counting as of arm[t]; NaN where one has none. */
static double separate(const struct sums *s, const int *arm, int n, int n_arms, struct sums *of)
{
	double sse = 0.0;
	struct fit f;

	memset(of, 0, (size_t)n_arms * sizeof *of);
	for (int t = 0; t < n; t++)
		add(&of[arm[t]], &s[t]);
	for (int a = 0; a < n_arms; a++) {
		if (!fit_of(&of[a], &f))
			return (double)NAN;
		sse += f.sse;
	}
	return sse;
}

/* Deal the labels anew among the trials of each seed. */
static void deal(const struct ebb_common_trial *trial, int n, const struct ebb_draw *d, int *arm)
{
	for (int t = 0; t < n; t++)
		arm[t] = trial[t].arm;
	for (int t = n - 1; t > 0; t--) {
		int others = 0, chosen;

		for (int u = 0; u <= t; u++)
			others += trial[u].seed == trial[t].seed;
		chosen = (int)ebb_below(d, (uint32_t)t, (uint32_t)others);
		for (int u = 0; u <= t; u++)
			if (trial[u].seed == trial[t].seed && chosen-- == 0) {
				int keep = arm[t];

				arm[t] = arm[u];
				arm[u] = keep;
				break;
			}
	}
}

static bool has_pairs(const struct ebb_common_trial *trial, int n)
{
	for (int t = 0; t < n; t++)
		for (int u = 0; u < t; u++)
			if (trial[t].seed == trial[u].seed && trial[t].arm != trial[u].arm)
				return true;
	return false;
}

/* The common law stays the same however labels are dealt, so F grows as the separate errors fall. */
static void permute(const struct ebb_common_trial *trial, const struct sums *s, int n,
		    struct ebb_common *out, struct sums *of)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_LABELS};
	int *arm = ebb_xcalloc((size_t)n, sizeof *arm), hits = 0;

	for (int r = 0; r < EBB_RESAMPLES; r++) {
		double sse;

		d.step = (uint32_t)r;
		deal(trial, n, &d, arm);
		sse = separate(s, arm, n, out->n_arms, of);
		hits += !isnan(sse) && sse <= out->sse_separate * (1.0 + 1e-12);
	}
	out->dealings = EBB_RESAMPLES;
	out->p = (1.0 + hits) / (1.0 + EBB_RESAMPLES);
	free(arm);
}

static int fit_arms(struct ebb_common *out, const struct sums *of, struct origin o,
		    struct ebb_err *err)
{
	double low = INFINITY, high = -INFINITY, ceiling;
	struct fit f;

	for (int a = 0; a < out->n_arms; a++) {
		if (!fit_of(&of[a], &f))
			return ebb_err_set(err, EBB_EINVAL,
					   "one law for all arms: the points of arm %d do not "
					   "determine a law of its own",
					   a + 1);
		out->arm_a[a] = 0.0 - f.slope;
		out->arm_b[a] = o.y + f.intercept - f.slope * o.x;
		ceiling = out->arm_b[a] - out->arm_a[a];
		low = fmin(low, ceiling);
		high = fmax(high, ceiling);
		out->sse_separate += f.sse;
	}
	out->spread = high - low;
	return 0;
}

int ebb_common_fit(const struct ebb_common_trial *trial, int n_trials, int n_arms,
		   struct ebb_common *out, struct ebb_err *err)
{
	struct sums all = {0}, *s, *of;
	struct origin o = origin_of(trial, n_trials);
	struct fit f = {0};
	double df;
	int rc;

	*out = (struct ebb_common){.n_arms = n_arms, .n_trials = n_trials, .p = (double)NAN};
	if (n_arms < 2)
		return ebb_err_set(err, EBB_EINVAL,
				   "one law for all arms needs two arms or more, there are %d",
				   n_arms);
	out->arm_a = ebb_xcalloc((size_t)n_arms, sizeof *out->arm_a);
	out->arm_b = ebb_xcalloc((size_t)n_arms, sizeof *out->arm_b);
	s = ebb_xcalloc((size_t)n_trials + 1, sizeof *s);
	of = ebb_xcalloc((size_t)n_arms, sizeof *of);
	for (int t = 0; t < n_trials; t++) {
		s[t] = sums_of(&trial[t].data, o);
		add(&all, &s[t]);
		add(&of[trial[t].arm], &s[t]);
	}
	out->n_points = (int)all.n;
	rc = fit_arms(out, of, o, err);
	if (rc == 0) {
		if (!fit_of(&all, &f))
			EBB_BUG("points that determine a law each determine none together");
		out->a = 0.0 - f.slope;
		out->b = o.y + f.intercept - f.slope * o.x;
		out->ceiling = out->b - out->a;
		out->sse_common = f.sse;
		df = all.n - 2.0 * n_arms;
		out->f = df > 0.0 && out->sse_separate > 0.0
				 ? (out->sse_common - out->sse_separate) / (2.0 * n_arms - 2.0) /
					   (out->sse_separate / df)
				 : (double)NAN;
		if (has_pairs(trial, n_trials))
			permute(trial, s, n_trials, out, of);
	}
	free(of);
	free(s);
	return rc;
}

void ebb_common_release(struct ebb_common *c)
{
	free(c->arm_a);
	free(c->arm_b);
	*c = (struct ebb_common){0};
}
