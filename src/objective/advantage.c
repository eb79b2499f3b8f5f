/* Shaped rewards -> advantages of one rollout batch, in the order of PG 1: KL in the reward, centre
 * and scale, return-to-go or, with a critic, generalised advantages, whitening, overlong filter,
 * statistics. */
#include <math.h>
#include <stdlib.h>
#include "objective/covariance.h"
#include "objective/stages.h"

struct work {
	bool *filtered, *counted; /* rows leaving the loss; rows in the statistics (R) */
	bool *differs;            /* verifier's shaped rewards differ          (n_groups) */
	bool *info_differs;       /* information rewards differ                (n_groups) */
	double *known;            /* group baselines of a sum of rewards       (n_groups) */
	double *k;                /* KL in the reward, null: none              (R,T) */
	double *k_row;            /* its sum over a row                        (R) */
	double *local;            /* A_IB of EI 5.5, null: none                (R,T) */
	struct ebb_component ext, info;
	struct ebb_info_plan plan;
};

static double *reals(size_t n)
{
	return ebb_xcalloc(n > 0 ? n : 1, sizeof(double));
}

static bool *flags(size_t n)
{
	return ebb_xcalloc(n > 0 ? n : 1, sizeof(bool));
}

static void component_init(struct ebb_component *c, int R)
{
	c->value = reals((size_t)R);
	c->baseline = reals((size_t)R);
	c->divisor = reals((size_t)R);
}

static void component_release(struct ebb_component *c)
{
	free(c->spread);
	free(c->value);
	free(c->baseline);
	free(c->divisor);
}

static void work_init(struct work *w, const struct ebb_options *o, const struct ebb_batch *b)
{
	const bool filter = o->overlong.mode == EBB_OVERLONG_FILTER && b->truncated;

	*w = (struct work){0};
	w->filtered = flags((size_t)b->R);
	w->counted = flags((size_t)b->R);
	w->differs = flags((size_t)b->n_groups);
	w->info_differs = flags((size_t)b->n_groups);
	w->known = reals((size_t)b->n_groups);
	w->k_row = reals((size_t)b->R);
	component_init(&w->ext, b->R);
	component_init(&w->info, b->R);
	ebb_info_plan_init(&w->plan, o, b);
	for (int i = 0; i < b->R; i++) {
		w->filtered[i] = filter && b->truncated[i];
		w->counted[i] = (!w->filtered[i] || o->overlong.in_baseline) &&
				!(b->left_out && b->left_out[b->group[i]]);
	}
	ebb_group_differs(b, b->shaped, w->differs);
	if (w->plan.coef > 0.0)
		ebb_group_differs(b, b->info, w->info_differs);
	if (o->kl.place == EBB_KL_REWARD) {
		w->k = reals((size_t)b->R * b->T);
		ebb_kl_reward(o, b, w->k);
		for (int i = 0; i < b->R; i++)
			for (int t = 0; t < b->T; t++)
				w->k_row[i] += w->k[(size_t)i * b->T + t];
	}
}

static void work_release(struct work *w)
{
	component_release(&w->info);
	component_release(&w->ext);
	free(w->local);
	free(w->k_row);
	free(w->k);
	free(w->known);
	free(w->info_differs);
	free(w->differs);
	free(w->counted);
	free(w->filtered);
}

/* The static or greedy baseline of w_ext R + beta rho: that of R is known, rho has its group mean. */
static void known_of_sum(struct work *w, const struct ebb_batch *b)
{
	for (int g = 0; g < b->n_groups; g++) {
		double sum = 0.0;
		int n = 0;

		w->known[g] = w->plan.external * b->baseline[g];
		if (w->plan.coef == 0.0)
			continue;
		for (int i = 0; i < b->R; i++) {
			if (b->group[i] != g || !w->counted[i])
				continue;
			sum += b->info[i];
			n++;
		}
		if (n > 0)
			w->known[g] += w->plan.coef * sum / n;
	}
}

/* Fill the components: one of the sum of both rewards, or one each. */
static void join_rewards(struct work *w, const struct ebb_options *o, const struct ebb_batch *b,
			 double kl_coef)
{
	const bool inside = o->kl.place == EBB_KL_REWARD && o->kl.reward_group == EBB_KL_INSIDE;
	const bool known = o->advantage.center == EBB_CENTER_STATIC ||
			   o->advantage.center == EBB_CENTER_GREEDY;
	const struct ebb_info_plan *p = &w->plan;

	if (known && !b->baseline)
		EBB_BUG("advantage.center=static or greedy needs the batch's baseline");
	for (int i = 0; i < b->R; i++) {
		double r = b->shaped[i];

		if (inside)
			r -= kl_coef * w->k_row[i];
		if (p->before) {
			r *= p->external;
			if (p->coef > 0.0)
				r += p->coef * b->info[i];
		}
		w->ext.value[i] = r;
		w->info.value[i] = p->coef > 0.0 ? b->info[i] : 0.0;
	}
	if (known && p->before)
		known_of_sum(w, b);
	ebb_component_fill(o, b, w->counted,
			   !known      ? NULL
			   : p->before ? w->known
				       : b->baseline,
			   &w->ext);
	if (!p->before && p->coef > 0.0)
		ebb_component_fill(o, b, w->counted, NULL, &w->info);
}

/* center=tree: every token has its step's mean value, and the step's own advantage beside it. */
static void spread_rewards(struct work *w, const struct ebb_options *o, const struct ebb_batch *b)
{
	const size_t cells = (size_t)b->R * (size_t)b->T;

	if (!b->paths)
		EBB_BUG("advantage.center=tree needs the batch's paths");
	w->ext.spread = reals(cells);
	ebb_tree_spread(o, b, w->counted, w->ext.value, w->ext.spread);
	if (!w->plan.before && w->plan.coef > 0.0) {
		w->info.spread = reals(cells);
		ebb_tree_spread(o, b, w->counted, w->info.value, w->info.spread);
	}
	if (ebb_local_advantage(o)) {
		w->local = reals(cells);
		ebb_tree_local(o, b, w->counted, w->local);
	}
}

static double part(const struct ebb_component *c, int i, size_t at, double discount)
{
	if (c->divisor[i] == 0.0)
		return 0.0;
	return (discount * (c->spread ? c->spread[at] : c->value[i]) - c->baseline[i]) /
	       c->divisor[i];
}

/* Backwards over the tokens, since a return is a sum over what follows. */
static void fill_row(const struct work *w, const struct ebb_options *o, struct ebb_batch *b,
		     double kl_coef, int i)
{
	const bool outside = o->kl.place == EBB_KL_REWARD && o->kl.reward_group == EBB_KL_OUTSIDE;
	const bool info =
		!w->plan.before && w->plan.coef > 0.0 && ebb_info_used(o, w->differs[b->group[i]]);
	const size_t at = (size_t)i * b->T;
	double discount = 1.0, penalty = 0.0;

	for (int t = b->T - 1; t >= 0; t--) {
		double A = 0.0;

		if (!b->mask[at + t] || !w->counted[i]) {
			b->advantage[at + t] = 0.0;
			continue;
		}
		A = part(&w->ext, i, at + t, discount);
		if (!w->plan.before)
			A *= w->plan.external;
		if (info)
			A += w->plan.coef * part(&w->info, i, at + t, discount);
		if (w->local && w->ext.divisor[i] != 0.0) /* a tree of equal rewards is dropped */
			A += o->ib.lambda * w->local[at + t];
		if (outside) {
			penalty = w->k[at + t] + o->advantage.discount * penalty;
			A -= kl_coef * penalty;
		}
		b->advantage[at + t] = A;
		discount *= o->advantage.discount;
	}
}

/* Both rewards at the last token, less the KL penalty at every token: what a critic sees. PG 3.2,
 * 4.2. There is no group to normalise by, so that the rewards are added as they are. */
static void token_rewards(const struct work *w, const struct ebb_options *o,
			  const struct ebb_batch *b, double kl_coef, double *reward)
{
	for (int i = 0; i < b->R; i++) {
		const size_t at = (size_t)i * b->T;
		bool last = true;
		double r = w->plan.external * b->shaped[i];

		if (w->plan.coef > 0.0 && ebb_info_used(o, w->differs[b->group[i]]))
			r += w->plan.coef * b->info[i];
		for (int t = b->T - 1; t >= 0; t--) {
			if (!b->mask[at + t])
				continue;
			reward[at + t] = last ? r : 0.0;
			if (w->k)
				reward[at + t] -= kl_coef * w->k[at + t];
			last = false;
		}
	}
}

static void fill_values(const struct work *w, const struct ebb_options *o, struct ebb_batch *b,
			double kl_coef)
{
	double *reward = reals((size_t)b->R * b->T), *A = reals((size_t)b->R * b->T);

	token_rewards(w, o, b, kl_coef, reward);
	ebb_gae(o, b, reward, A);
	for (int i = 0; o->advantage.center == EBB_CENTER_CRITIC && i < b->R; i++)
		for (int t = 0; t < b->T; t++)
			b->advantage[(size_t)i * b->T + t] =
				w->counted[i] ? A[(size_t)i * b->T + t] : 0.0;
	free(A);
	free(reward);
}

/* Over the tokens that whitening is about to see. */
static double spread_raw(const struct work *w, const struct ebb_batch *b)
{
	double sum = 0.0, square = 0.0;
	int64_t n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < b->R; i++)
			for (int t = 0; w->counted[i] && t < b->T; t++) {
				const size_t at = (size_t)i * b->T + t;
				const double mean = n > 0 ? sum / (double)n : 0.0;

				if (!b->mask[at])
					continue;
				if (pass == 0) {
					sum += b->advantage[at];
					n++;
				} else {
					square += (b->advantage[at] - mean) *
						  (b->advantage[at] - mean);
				}
			}
	return sqrt(square / (double)n);
}

void ebb_whiten(double *A, const unsigned char *mask, const bool *counted, int R, int T, int ddof)
{
	double sum = 0.0, square = 0.0, mean, factor;
	int64_t n = 0;

	for (int i = 0; i < R; i++)
		for (int t = 0; counted[i] && t < T; t++)
			if (mask[(size_t)i * T + t]) {
				sum += A[(size_t)i * T + t];
				n++;
			}
	if (n == 0)
		return;
	mean = sum / (double)n;
	for (int i = 0; i < R; i++)
		for (int t = 0; counted[i] && t < T; t++)
			if (mask[(size_t)i * T + t]) {
				const double d = A[(size_t)i * T + t] - mean;

				square += d * d;
			}
	square = n > ddof ? square / (double)(n - ddof) : 0.0;
	/* The two published forms (PG 3.3): 1e-8 added to the sample variance, or as the lower limit
	 * of the population variance. */
	factor = 1.0 / sqrt(ddof == 1 ? square + 1e-8 : ebb_max(square, 1e-8));
	for (int i = 0; i < R; i++)
		for (int t = 0; counted[i] && t < T; t++)
			if (mask[(size_t)i * T + t])
				A[(size_t)i * T + t] = (A[(size_t)i * T + t] - mean) * factor;
}

double ebb_degenerate_probability(double p, int G)
{
	return ebb_power(p, G) + ebb_power(1.0 - p, G);
}

static void group_stats(const struct work *w, const struct ebb_options *o,
			const struct ebb_batch *b, struct ebb_prepare_stats *s)
{
	int live = 0;

	for (int g = 0; g < b->n_groups; g++) {
		double sum = 0.0;
		bool right = true, wrong = true;
		int n = 0;

		for (int i = 0; i < b->R; i++) {
			if (b->group[i] != g)
				continue;
			n++;
			sum += b->reward[i];
			right = right && b->reward[i] >= 1.0;
			wrong = wrong && b->reward[i] <= 0.0;
		}
		if (n == 0)
			continue;
		live++;
		s->degenerate_frac += !w->differs[g];
		s->degenerate_pred += ebb_degenerate_probability(sum / n, n);
		s->all_correct_frac += right;
		s->all_wrong_frac += wrong;
		s->info_only_frac +=
			!w->differs[g] && w->info_differs[g] && ebb_info_used(o, false);
	}
	s->degenerate_frac /= live;
	s->degenerate_pred /= live;
	s->all_correct_frac /= live;
	s->all_wrong_frac /= live;
	s->info_only_frac /= live;
}

static void row_stats(const struct work *w, const struct ebb_options *o, const struct ebb_batch *b,
		      double kl_coef, struct ebb_prepare_stats *s)
{
	double square = 0.0;

	for (int i = 0; i < b->R; i++) {
		s->shaped_mean += b->shaped[i];
		if (o->kl.place == EBB_KL_REWARD)
			s->shaped_mean -= kl_coef * w->k_row[i];
		s->info_mean += b->info ? b->info[i] : 0.0;
	}
	s->shaped_mean /= b->R;
	s->info_mean /= b->R;
	for (int i = 0; i < b->R && b->info; i++)
		square += (b->info[i] - s->info_mean) * (b->info[i] - s->info_mean);
	s->info_std = sqrt(square / b->R);
	if (o->info.coef == 0.0 || !b->info)
		s->info_mean = s->info_std = NAN;
	if (w->plan.coef == 0.0)
		s->info_only_frac = NAN;
}

/* Does a response have one advantage before discounts, or has every token its own? */
static bool of_responses(const struct ebb_options *o)
{
	return o->advantage.center != EBB_CENTER_CRITIC && o->advantage.center != EBB_CENTER_TREE;
}

/*
 * What the information reward brings to the advantages: both are linear in the rewards once the
 * divisors stand, so A = A_external + A_info, and the covariances of the parts with A add up to its
 * variance. The last token's advantage stands for a response: it is not discounted. EI 4.8.
 */
static double info_share(const struct work *w, const struct ebb_options *o,
			 const struct ebb_batch *b)
{
	double *A = reals((size_t)b->R), *info = reals((size_t)b->R);
	double mean = 0.0, mean_info = 0.0, variance = 0.0, both = 0.0;
	struct ebb_component c = {0};
	int n = 0;

	component_init(&c, b->R);
	for (int i = 0; i < b->R; i++)
		c.value[i] = w->info.value[i];
	ebb_component_fill(o, b, w->counted, NULL, &c);
	for (int i = 0; i < b->R; i++) {
		const bool used = ebb_info_used(o, w->differs[b->group[i]]);

		if (!w->counted[i])
			continue;
		if (w->plan.before) {
			A[n] = part(&w->ext, i, 0, 1.0);
			info[n] = w->ext.divisor[i] == 0.0
					  ? 0.0
					  : w->plan.coef * (c.value[i] - c.baseline[i]) /
						    w->ext.divisor[i];
		} else {
			info[n] = used ? w->plan.coef * part(&w->info, i, 0, 1.0) : 0.0;
			A[n] = w->plan.external * part(&w->ext, i, 0, 1.0) + info[n];
		}
		mean += A[n];
		mean_info += info[n++];
	}
	mean /= n;
	mean_info /= n;
	for (int i = 0; i < n; i++) {
		variance += (A[i] - mean) * (A[i] - mean);
		both += (A[i] - mean) * (info[i] - mean_info);
	}
	component_release(&c);
	free(info);
	free(A);
	return variance > 0.0 ? both / variance : (double)NAN;
}

/* Where the covariance of log-probability and advantage sits. EI 2.4, 2.6. */
static void covariance_stats(const struct ebb_options *o, const struct ebb_batch *b, int64_t n,
			     struct ebb_prepare_stats *s)
{
	static const double share[] = {0.0002, 0.002, 0.02, 0.2, 0.5};
	double *c = reals((size_t)n), *logp = reals((size_t)n), *A = reals((size_t)n);
	double *row_logp = reals((size_t)b->R), *row_A = reals((size_t)b->R);
	int64_t at = 0;
	int bad, groups = 0;

	for (size_t i = 0; i < (size_t)b->R * b->T; i++)
		if (b->mask[i]) {
			logp[at] = ebb_logp_frozen(b->old[i], o->ratio.logp_floor, &bad);
			A[at++] = b->advantage[i];
		}
	ebb_covariance_batch(logp, A, n, c);
	for (int64_t i = 0; i < n; i++)
		s->cov_positive += c[i] > 0.0;
	s->cov_positive /= (double)n;
	ebb_covariance_sort(c, n);
	for (int i = 0; i < 5; i++)
		s->cov_top[i] = ebb_covariance_top(c, n, share[i]);
	if (share[0] * (double)n < 1.0)
		s->cov_top[0] = (double)NAN;
	for (int g = 0; g < b->n_groups; g++) {
		int G = 0;

		for (int i = 0; i < b->R; i++) {
			double sum = 0.0, a = 0.0;
			int tokens = 0;

			for (int t = 0; b->group[i] == g && t < b->T; t++)
				if (b->mask[(size_t)i * b->T + t]) {
					sum += ebb_logp_frozen(b->old[(size_t)i * b->T + t],
							       o->ratio.logp_floor, &bad);
					a += b->advantage[(size_t)i * b->T + t];
					tokens++;
				}
			if (tokens > 0) {
				row_logp[G] = sum / tokens;
				row_A[G++] = a / tokens;
			}
		}
		if (G > 0) {
			s->cov_group += ebb_covariance_group(row_logp, row_A, G, false);
			s->cov_group_pg += ebb_covariance_group(row_logp, row_A, G, true);
			groups++;
		}
	}
	s->cov_group /= groups;
	s->cov_group_pg /= groups;
	free(row_A);
	free(row_logp);
	free(A);
	free(logp);
	free(c);
}

static void token_stats(const struct ebb_options *o, const struct ebb_batch *b,
			struct ebb_prepare_stats *s)
{
	const double floor = o->ratio.logp_floor;
	const size_t all = (size_t)b->R * b->T;
	double logp = 0.0, square = 0.0;
	int64_t n = 0;
	int bad;

	for (size_t at = 0; at < all; at++) {
		if (!b->mask[at])
			continue;
		if (n == 0 || b->advantage[at] < s->adv_min)
			s->adv_min = b->advantage[at];
		if (n == 0 || b->advantage[at] > s->adv_max)
			s->adv_max = b->advantage[at];
		n++;
		s->adv_mean += b->advantage[at];
		s->adv_zero_frac += b->advantage[at] == 0.0;
		logp += ebb_logp_frozen(b->old[at], floor, &bad);
	}
	if (n == 0)
		s->adv_min = s->adv_max = (double)NAN;
	s->adv_mean /= (double)n;
	s->adv_zero_frac /= (double)n;
	logp /= (double)n;
	for (size_t at = 0; at < all; at++) {
		const double d = b->mask[at] ? b->advantage[at] - s->adv_mean : 0.0;

		square += d * d;
		if (b->mask[at])
			s->cov_mean += (ebb_logp_frozen(b->old[at], floor, &bad) - logp) * d;
	}
	s->adv_std = sqrt(square / (double)n);
	s->cov_mean /= (double)n;
	if (n > 0)
		covariance_stats(o, b, n, s);
}

/* Over the mask as drawn: the filter must not hide a broken sampler. */
double ebb_objective_floored(const struct ebb_options *o, const struct ebb_batch *b)
{
	int64_t n = 0, floored = 0;

	for (size_t at = 0; at < (size_t)b->R * b->T; at++) {
		int old_bad, roll_bad = 0;

		if (!b->mask[at])
			continue;
		n++;
		ebb_logp_frozen(b->old[at], o->ratio.logp_floor, &old_bad);
		if (b->roll)
			ebb_logp_frozen(b->roll[at], o->ratio.logp_floor, &roll_bad);
		floored += old_bad || roll_bad;
	}
	return n > 0 ? (double)floored / (double)n : 0.0;
}

void ebb_objective_prepare(const struct ebb_options *o, struct ebb_batch *b, double kl_coef,
			   struct ebb_prepare_stats *stats)
{
	const bool critic = o->critic.model != EBB_CRITIC_NONE;
	double std_raw = NAN;
	struct work w;

	work_init(&w, o, b);
	join_rewards(&w, o, b, kl_coef);
	if (o->advantage.center == EBB_CENTER_TREE)
		spread_rewards(&w, o, b);
	for (int i = 0; i < b->R && o->advantage.center != EBB_CENTER_CRITIC; i++)
		fill_row(&w, o, b, kl_coef, i);
	if (critic)
		fill_values(&w, o, b, kl_coef);
	if (o->advantage.scale == EBB_SCALE_WHITEN)
		std_raw = spread_raw(&w, b);
	if (o->advantage.scale == EBB_SCALE_WHITEN)
		ebb_whiten(b->advantage, b->mask, w.counted, b->R, b->T,
			   (int)o->advantage.std_ddof);
	if (stats)
		*stats = (struct ebb_prepare_stats){.adv_std_raw = std_raw,
						    .value_mean = NAN,
						    .return_mean = NAN,
						    .explained_variance = NAN};
	for (int i = 0; i < b->R; i++)
		for (int t = 0; w.filtered[i] && t < b->T; t++) {
			b->mask[(size_t)i * b->T + t] = 0;
			b->advantage[(size_t)i * b->T + t] = 0.0;
		}
	if (b->paths && o->ib.shared == EBB_IB_SHARED_ONCE)
		ebb_tree_once(o, b);
	if (stats) {
		group_stats(&w, o, b, stats);
		row_stats(&w, o, b, kl_coef, stats);
		stats->info_share =
			w.plan.coef > 0.0 && of_responses(o) ? info_share(&w, o, b) : (double)NAN;
		token_stats(o, b, stats);
		if (critic)
			ebb_value_stats(b, stats);
	}
	work_release(&w);
}
