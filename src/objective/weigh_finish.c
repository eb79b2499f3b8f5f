/* Statistics of a weighed mini-batch: sums in row order, whatever order the rows came in. */
#include <math.h>
#include "objective/weigh.h"

/* Sums that must stay 0, not 0/0, where there is no token. */
static double share(double sum, double n)
{
	return n > 0.0 ? sum / n : 0.0;
}

static void add(struct ebb_weigh_stats *s, const struct ebb_row_sums *r, bool first)
{
	s->pg_loss += r->pg;
	s->kl_loss += r->kl;
	s->kl_old_loss += r->kl_old;
	s->entropy_loss += r->entropy;
	s->clip_low += r->low;
	s->clip_high += r->high;
	s->clip_dual += r->dual;
	s->clip_sequence += r->low > 0.0 || r->high > 0.0 || r->dual > 0.0;
	s->clip_high_prob += r->high_prob;
	s->ratio_mean += r->ratio;
	if (first || r->ratio_max > s->ratio_max)
		s->ratio_max = r->ratio_max;
	if (first || r->ratio_min < s->ratio_min)
		s->ratio_min = r->ratio_min;
	if (first || r->log_ratio_max > s->log_ratio_abs_max)
		s->log_ratio_abs_max = r->log_ratio_max;
	s->log_ratio_clamped += r->clamped;
	s->logp_floored += r->floored;
	s->ref_floored += r->ref_floored;
	s->kl_log_clamped += r->kl_clamped;
	s->ppo_kl += r->drift_k1;
	s->ppo_kl_k3 += r->drift_k3;
	s->drift_abs += r->drift_abs;
	s->kl_ref_k1 += r->ref_k1;
	s->kl_ref_k2 += r->ref_k2;
	s->kl_ref_k3 += r->ref_k3;
	s->entropy_mean += r->entropy_plain;
	s->neg_logp_mean += r->neg_logp;
	s->adv_zero_frac += r->adv_zero;
	s->tis_mean += r->tis;
	s->tis_ess += r->tis_square;
	if (r->tis_max > s->tis_max)
		s->tis_max = r->tis_max;
}

/* What the selection did: among all it could choose from, and to the tokens of this mini-batch. */
static void selection_stats(const struct ebb_minibatch *mb, struct ebb_weigh_stats *s)
{
	const struct ebb_weigh_private *p = mb->private_;
	const struct ebb_tokens *k = &p->tokens;
	const struct ebb_batch *b = mb->batch;
	double n = 0.0, drift = 0.0, positive = 0.0, prob = 0.0;
	int bad;

	s->cov_candidates = s->cov_chosen_frac = s->cov_drift = s->cov_positive = s->cov_prob =
		(double)NAN;
	if (!p->on.tokens)
		return;
	for (int i = 0; i < mb->n; i++) {
		int64_t at = k->start[p->on.pool ? mb->row[i] : i];

		for (int t = 0; t < b->T; t++) {
			const size_t frozen = (size_t)mb->row[i] * b->T + t;
			double x;

			if (!ebb_weigh_sees(p, b, frozen, (size_t)i * b->T + t))
				continue;
			if (k->chosen[at]) {
				x = k->logp[at] -
				    ebb_logp_frozen(b->old[frozen], p->rule.ratio.floor, &bad);
				drift += x < 0.0 ? -x : x;
				positive += k->A[at] > 0.0;
				prob += ebb_exp(k->logp[at]);
				n++;
			}
			at++;
		}
	}
	s->cov_candidates = (double)k->candidates;
	s->cov_chosen_frac = share((double)k->chosen_n, (double)k->n);
	if (n > 0.0) {
		s->cov_drift = drift / n;
		s->cov_positive = positive / n;
		s->cov_prob = prob / n;
	}
}

void ebb_weigh_values_finish(struct ebb_minibatch *mb, double *loss, double *clip)
{
	const struct ebb_weigh_private *p = mb->private_;
	double clipped = 0.0;

	*loss = 0.0;
	for (int i = 0; i < mb->n; i++) {
		*loss += p->value_sums[i].loss;
		clipped += p->value_sums[i].clipped;
	}
	*clip = share(clipped, (double)p->counts.tokens);
}

static double ratio_injected(const struct ebb_minibatch *mb)
{
	const struct ebb_weigh_private *p = mb->private_;
	double sum = 0.0, n = 0.0;

	for (int i = 0; i < mb->n && mb->batch->injected; i++)
		if (mb->batch->injected[mb->row[i]] && p->n[i] > 0) {
			sum += p->sums[i].ratio;
			n += p->n[i];
		}
	return sum / n; /* 0/0: not-a-number where there is none */
}

void ebb_weigh_finish(struct ebb_minibatch *mb, struct ebb_weigh_stats *s)
{
	const struct ebb_weigh_private *p = mb->private_;
	const double N = (double)p->counts.tokens, nan = (double)NAN;
	bool first = true;
	double n_high;

	*s = (struct ebb_weigh_stats){0};
	for (int i = 0; i < mb->n; i++) {
		if (p->n[i] == 0)
			continue;
		add(s, &p->sums[i], first);
		first = false;
	}
	n_high = s->clip_high;
	s->pair = p->on.pairs
			  ? p->pairs.stats
			  : (struct ebb_pair_stats){nan,        nan,        nan,        nan,
						    {nan, nan}, {nan, nan}, {nan, nan}, {nan, nan},
						    nan,        nan,        nan};
	if (p->on.pairs)
		s->pg_loss = s->pair.loss + p->pairs.rule.sft * s->pair.sft;
	s->entropy_loss = 0.0 - p->rule.entropy.coef * s->entropy_loss;
	s->loss = s->pg_loss + p->rule.kl.coef * s->kl_loss + p->rule.kl.old_coef * s->kl_old_loss +
		  s->entropy_loss;
	s->value_loss = s->value_clip = nan;
	if (mb->value) {
		ebb_weigh_values_finish(mb, &s->value_loss, &s->value_clip);
		s->loss += p->value.coef * s->value_loss;
	}
	s->ratio_injected = ratio_injected(mb);
	s->info_loss = mb->n_answers > 0 ? 0.0 : nan;
	for (int i = 0; i < mb->n_answers; i++)
		s->info_loss -= mb->o->info.coef / p->counts.nonempty * p->answer[i];
	if (mb->n_answers > 0)
		s->loss += s->info_loss;
	s->n_tokens = N;
	s->n_rows = p->S;
	s->old_floored = p->old_floored;
	s->clip_low = share(s->clip_low, N);
	s->clip_high = share(s->clip_high, N);
	s->clip_dual = share(s->clip_dual, N);
	s->clip_sequence = share(s->clip_sequence, p->counts.nonempty);
	s->clip_high_prob = n_high > 0.0 ? s->clip_high_prob / n_high : nan;
	s->adv_zero_frac = share(s->adv_zero_frac, N);
	/* Means of what there is none of are not-a-number: 0/0. */
	s->ratio_mean /= N;
	s->ppo_kl /= N;
	s->ppo_kl_k3 /= N;
	s->drift_abs /= N;
	s->neg_logp_mean /= N;
	s->kl_ref_k1 = mb->batch->ref ? s->kl_ref_k1 / N : nan;
	s->kl_ref_k2 = mb->batch->ref ? s->kl_ref_k2 / N : nan;
	s->kl_ref_k3 = mb->batch->ref ? s->kl_ref_k3 / N : nan;
	s->entropy_mean = mb->entropy ? s->entropy_mean / N : nan;
	if (first)
		s->ratio_max = s->ratio_min = s->log_ratio_abs_max = nan;
	selection_stats(mb, s);
	s->token_kept = p->on.kept ? (double)p->kept_counts.tokens / N : nan;
	if (mb->o->tis.kind == EBB_TIS_OFF) {
		s->tis_mean = s->tis_max = s->tis_ess = nan;
	} else {
		s->tis_ess = s->tis_mean * s->tis_mean / (N * s->tis_ess);
		s->tis_mean /= N;
	}
}
