/*
 * The arithmetic of row-scope weighing, one response at a time: log-probabilities, advantages and
 * weights in, coefficients and row sums out. Static inline functions over plain arrays of double in
 * the common subset of C and CUDA C++, so that host and device run the same text. Nothing here
 * reads an option: the stages (stages.h) turn options into the rules below.
 *
 * PG n = policy-gradient specification, section n; EI n = entropy and information. Not-a-number is
 * never tested away: every branch is written so that it falls through into the result.
 */
#ifndef EBB_OBJECTIVE_TOKEN_H
#define EBB_OBJECTIVE_TOKEN_H

#include "base/real.h"
#include "options/choices.def"

/* The choices branched on, numbered as options.h numbers them because the lists are the same;
 * options.h itself is no C++. */
#define EBB_RULE_CHOICE(name, text) EBB_RULE_##name,
enum ebb_rule_policy { EBB_CHOICES_loss_policy(EBB_RULE_CHOICE) };
enum ebb_rule_penalty { EBB_CHOICES_covariance_penalty(EBB_RULE_CHOICE) };
enum ebb_rule_form { EBB_CHOICES_entropy_form(EBB_RULE_CHOICE) };
enum ebb_rule_level { EBB_CHOICES_ratio_level(EBB_RULE_CHOICE) };
enum ebb_rule_estimator { EBB_CHOICES_kl_estimator(EBB_RULE_CHOICE) };
enum ebb_rule_old_estimator { EBB_CHOICES_kl_old_estimator(EBB_RULE_CHOICE) };
enum ebb_rule_tis { EBB_CHOICES_tis_kind(EBB_RULE_CHOICE) };
enum ebb_rule_gamma { EBB_CHOICES_gamma_kind(EBB_RULE_CHOICE) };
#undef EBB_RULE_CHOICE

/* ---- rules: what the stages hand over ---- */

struct ebb_ratio_rule {
	int level;          /* enum ebb_rule_level */
	double log_clamp;   /* of the level's own log ratio */
	double token_clamp; /* of the token ratio used beside it: k3_is, KL to old, drift */
	double floor;       /* stands for log 0 */
};

struct ebb_clip_rule {
	int policy;       /* enum ebb_rule_policy */
	double low, high; /* limits of the ratio itself: 1 - eps_low, 1 + eps_high */
	double dual;      /* 0: off */
	int penalty;      /* enum ebb_rule_penalty, on chosen tokens */
	double penalty_coef;
};

struct ebb_kl_rule {
	int in_loss;   /* the penalty is a term of the loss */
	int estimator; /* enum ebb_rule_estimator */
	double coef;
	double log_clamp; /* of -D inside exp */
	int old_estimator;
	double old_coef;
};

struct ebb_tis_rule {
	int kind; /* enum ebb_rule_tis */
	double min, max;
	int normalise;
};

struct ebb_gamma_rule {
	int kind;       /* enum ebb_rule_gamma */
	int own_length; /* Tmax is the response's length, not tmax */
	int tmax, k, origin;
	double base;
};

struct ebb_entropy_rule {
	double coef;
	int form;   /* enum ebb_rule_form */
	int direct; /* its entropies have a gradient; else sampled -log p stand for them */
	struct ebb_gamma_rule gamma;
};

struct ebb_weigh_rule {
	struct ebb_ratio_rule ratio;
	struct ebb_clip_rule clip;
	struct ebb_tis_rule tis;
	struct ebb_entropy_rule entropy;
	struct ebb_kl_rule kl;
};

/* A term of the loss at one token: its value and its derivative by log p. */
struct ebb_term {
	double value, slope;
};

/* ---- log-probabilities ---- */

/* log p under the current policy or the reference: below the floor it is the floor and counts;
 * plus infinity is no log-probability and becomes not-a-number, which stays. PG 7. */
EBB_HD double ebb_logp_floor(double x, double floor, int *floored)
{
	*floored = x < floor;
	if (*floored)
		return floor;
	return x > 1.7976931348623157e308 ? (double)NAN : x;
}

/* log p frozen with the batch (old, roll): not-a-number is floored and counted, too, because the
 * trainer judges the share of such tokens once for the whole batch. PG 7. */
EBB_HD double ebb_logp_frozen(double x, double floor, int *bad)
{
	*bad = !(x >= floor && x <= 1.7976931348623157e308);
	return *bad ? floor : x;
}

/* exp of a log ratio clamped to +-clamp; *stopped where the clamp acts, which ends the gradient. */
EBB_HD double ebb_ratio(double x, double clamp, int *stopped)
{
	*stopped = x > clamp || x < -clamp;
	return ebb_exp(ebb_clamp(x, -clamp, clamp));
}

/* ---- policy term, PG 2 ---- */

#define EBB_MARK_LOW  1u
#define EBB_MARK_HIGH 2u
#define EBB_MARK_DUAL 4u

/* The same of one token in one byte, as records keep it. */
EBB_HD unsigned char ebb_mark_byte(unsigned mark)
{
	return mark & EBB_MARK_LOW ? 1 : mark & EBB_MARK_HIGH ? 2 : mark & EBB_MARK_DUAL ? 3 : 0;
}

/* -min(rho A, clip(rho, low, high) A), for A < 0 also at most -dual A. Slope by log rho. On a limit
 * itself the gradient passes. */
EBB_HD struct ebb_term ebb_surrogate(const struct ebb_clip_rule *r, double rho, double A,
				     unsigned *mark)
{
	struct ebb_term l;
	double v = rho;

	*mark = 0;
	if (A > 0.0 && rho > r->high) {
		v = r->high;
		*mark |= EBB_MARK_HIGH;
	}
	if (A < 0.0) {
		if (v < r->low) {
			v = r->low;
			*mark |= EBB_MARK_LOW;
		}
		if (r->dual > 0.0 && v > r->dual) {
			v = r->dual;
			*mark |= EBB_MARK_DUAL;
		}
	}
	l.value = 0.0 - A * v; /* 0 - x: an advantage of 0 gives +0 */
	l.slope = *mark ? 0.0 : l.value;
	return l;
}

/*
 * -sg[clip(rho, low, high)] A log p, CISPO, arXiv:2506.13585, equation 4: the clipped ratio is a
 * weight without a gradient, so that no token loses its own. Slope by log p. A limit acts whatever
 * the sign of A.
 */
EBB_HD struct ebb_term ebb_capped(const struct ebb_clip_rule *r, double rho, double A, double logp,
				  unsigned *mark)
{
	struct ebb_term l;

	*mark = rho > r->high ? EBB_MARK_HIGH : rho < r->low ? EBB_MARK_LOW : 0u;
	l.slope = 0.0 - A * ebb_clamp(rho, r->low, r->high);
	l.value = l.slope * logp;
	return l;
}

/* KL-Cov's penalty on a chosen token, x = log p - log old; sign(0) = 0. EI 2.8. xc: x inside the
 * clamp of the ratio. */
EBB_HD struct ebb_term ebb_cov_penalty(int penalty, double x, double xc, int stopped)
{
	struct ebb_term k;

	switch (penalty) {
	case EBB_RULE_PENALTY_K1:
		k.value = 0.0 - x;
		k.slope = -1.0;
		break;
	case EBB_RULE_PENALTY_K2:
		k.value = 0.5 * x * x;
		k.slope = x;
		break;
	case EBB_RULE_PENALTY_K3:
		k.slope = ebb_expm1(xc);
		k.value = k.slope - x;
		if (stopped)
			k.slope = -1.0;
		break;
	default: /* abs */
		k.value = x < 0.0 ? -x : x;
		k.slope = x < 0.0 ? -1.0 : x > 0.0 ? 1.0 : x;
		break;
	}
	return k;
}

/* What the entropy of a token with advantage A counts for: a bonus, IBRO's A H (EI 4.7), or the
 * entropy to be minimised (EI 7.1). */
EBB_HD double ebb_entropy_sign(int form, double A)
{
	return form == EBB_RULE_FORM_BONUS ? 1.0 : form == EBB_RULE_FORM_TIMES_ADVANTAGE ? A : -1.0;
}

/* ---- KL to the reference, PG 3.4 ---- */

/* D = log p - log ref; rho, rho_stopped: the token ratio, used by k3_is alone. */
EBB_HD struct ebb_term ebb_kl_term(int estimator, double D, double clamp, double rho,
				   int rho_stopped)
{
	const double u = -D, uc = ebb_clamp(u, -clamp, clamp), e = ebb_expm1(uc);
	const int stopped = u > clamp || u < -clamp;
	struct ebb_term k;

	k.value = e - uc; /* k3 */
	k.slope = stopped ? 0.0 : -e;
	switch (estimator) {
	case EBB_RULE_KL_K1:
		k.value = D;
		k.slope = 1.0;
		break;
	case EBB_RULE_KL_K2:
		k.value = 0.5 * D * D;
		k.slope = D;
		break;
	case EBB_RULE_KL_ABS:
		k.value = D < 0.0 ? -D : D;
		k.slope = D < 0.0 ? -1.0 : D > 0.0 ? 1.0 : D;
		break;
	case EBB_RULE_KL_K1_PLUS:
		k.value = D;
		k.slope = D;
		break;
	case EBB_RULE_KL_K3_PLUS:
		k.slope = D;
		break;
	case EBB_RULE_KL_K3_IS:
		/* d(rho k3) = rho (k3 + 1 - exp(-D)) = rho D; a clamped factor is constant. */
		if (!stopped && !rho_stopped)
			k.slope = rho * D;
		else
			k.slope = (rho_stopped ? 0.0 : rho * k.value) + rho * k.slope;
		k.value *= rho;
		break;
	default: /* k3 */
		break;
	}
	return k;
}

/* Penalty on KL(old || new), x = log p - log old; xc: x inside the clamp of the ratio. The clamp
 * holds exp alone, as in the value. */
EBB_HD struct ebb_term ebb_kl_old_term(int estimator, double x, double xc, int stopped)
{
	struct ebb_term k;

	if (estimator == EBB_RULE_KL_OLD_K1) {
		k.value = 0.0 - x;
		k.slope = -1.0;
	} else {
		const double e = ebb_expm1(xc);

		k.value = e - x;
		k.slope = stopped ? -1.0 : e;
	}
	return k;
}

/* ---- truncated importance sampling, PG 3.6 ---- */

EBB_HD double ebb_tis_weight(const struct ebb_tis_rule *r, double y)
{
	const double v = ebb_exp(ebb_clamp(y, -20.0, 20.0));

	if (r->kind == EBB_RULE_TIS_TOKEN_MASK || r->kind == EBB_RULE_TIS_SEQ_MASK)
		return v < r->min || v > r->max ? 0.0 : v;
	return ebb_min(ebb_max(v, r->min), r->max);
}

/* ---- gamma(t), EI 4.4 ---- */

/* base^n by squaring: exact for n <= 1 and the same on every machine. */
EBB_HD double ebb_power(double base, int n)
{
	double x = 1.0;

	for (; n > 0; n >>= 1) {
		if (n & 1)
			x *= base;
		base *= base;
	}
	return x;
}

/* 1 - t/tmax, not below 0; a schedule without length is 1 at its start and 0 after. */
EBB_HD double ebb_gamma_line(int t, int tmax)
{
	if (t <= 0)
		return 1.0;
	return t >= tmax ? 0.0 : 1.0 - (double)t / (double)tmax;
}

/* ordinal: 1, 2, ... among the response tokens; length: of this response. */
EBB_HD double ebb_gamma_at(const struct ebb_gamma_rule *r, int ordinal, int length)
{
	const int tmax = r->own_length ? length : r->tmax;
	const int t = ordinal - 1 + r->origin;

	switch (r->kind) {
	case EBB_RULE_GAMMA_LINEAR:
		return ebb_gamma_line(t, tmax);
	case EBB_RULE_GAMMA_EXP:
		return ebb_power(r->base, t);
	case EBB_RULE_GAMMA_PIECE_LINEAR:
		return ordinal <= r->k ? 1.0 : ebb_gamma_line(ordinal - r->k, tmax - r->k);
	case EBB_RULE_GAMMA_PIECE_EXP:
		return ordinal <= r->k ? 1.0 : ebb_power(r->base, ordinal - r->k);
	default: /* none */
		return 1.0;
	}
}

/* ---- one response ---- */

struct ebb_response {
	int T, n;                      /* columns; response tokens among them */
	int hidden;                    /* response tokens before them that another response has */
	const unsigned char *mask;     /*                                              (T) */
	const double *logp, *old;      /* log p of current and old policy              (T) */
	const double *ref;             /* of the reference; may be null                (T) */
	const double *advantage;       /*                                              (T) */
	const double *score;           /* the policy term's advantage has this more; null: 0 (T) */
	const unsigned char *kept;     /* tokens of the policy term; null: all         (T) */
	const unsigned char *chosen;   /* tokens selected by covariance; null: none   (T) */
	const double *pair;            /* dL/dlogp of the pairs' loss; null: none      (T) */
	const double *tis;             /* weight of the policy term; null: 1           (T) */
	const double *entropy;         /* exact; may be null                           (T) */
	const double *kl;              /* exact; may be null                           (T) */
	const double *kl_old;          /* exact KL(old || new), for penalty=full       (T) */
	double w, w_policy, w_entropy; /* weight of a token in the loss, the policy and the entropy
					* term */
};

/* Where the coefficients go, and what the clip did (enum ebb_clip_mark of objective.h); all but logp
 * may be null. (T) each. */
struct ebb_coefficients {
	double *logp, *entropy, *kl, *kl_old;
	unsigned char *mark;
};

/* Sums over one response, tokens in ascending order. */
struct ebb_row_sums {
	double pg, kl, kl_old, entropy;    /* weighted */
	double low, high, dual, high_prob; /* counts; sum of p */
	double ratio, ratio_max, ratio_min, log_ratio_max;
	double clamped, floored, ref_floored, kl_clamped; /* counts */
	double drift_k1, drift_k3, drift_abs, ref_k1, ref_k2, ref_k3;
	double entropy_plain, neg_logp, adv_zero;
	double tis, tis_square, tis_max;
};

EBB_HD void ebb_sums_ratio(struct ebb_row_sums *s, int first, double rho, double x)
{
	const double a = x < 0.0 ? -x : x;

	s->ratio += rho;
	if (first || rho > s->ratio_max)
		s->ratio_max = rho;
	if (first || rho < s->ratio_min)
		s->ratio_min = rho;
	if (first || a > s->log_ratio_max)
		s->log_ratio_max = a;
}

/*
 * Coefficients of one response. Where the ratio belongs to the sequence, a pass before the main one
 * sums its log, and a pass after it hands the one derivative to every token.
 */
EBB_HD void ebb_weigh_response(const struct ebb_weigh_rule *rule, const struct ebb_response *in,
			       const struct ebb_coefficients *out, struct ebb_row_sums *sums)
{
	const struct ebb_ratio_rule *rr = &rule->ratio;
	const int level = rr->level, policy = rule->clip.policy;
	/* the policy term's derivative is by the token's own log p, not by the ratio */
	const int own = policy == EBB_RULE_POLICY_REINFORCE || policy == EBB_RULE_POLICY_CISPO;
	const int whole = level == EBB_RULE_RATIO_SEQUENCE || level == EBB_RULE_RATIO_SEQUENCE_SUM;
	double s = 1.0, chain = 0.0, share = 0.0;
	int s_stopped = 0, ordinal = in->hidden, floored, bad, t;

	if (level != EBB_RULE_RATIO_TOKEN && in->n > 0) {
		double x = 0.0;

		for (t = 0; t < in->T; t++)
			if (in->mask[t])
				x += ebb_logp_floor(in->logp[t], rr->floor, &floored) -
				     ebb_logp_frozen(in->old[t], rr->floor, &bad);
		share = level == EBB_RULE_RATIO_SEQUENCE_SUM ? 1.0 : 1.0 / (double)in->n;
		if (level != EBB_RULE_RATIO_SEQUENCE_SUM)
			x /= (double)in->n;
		s = ebb_ratio(x, rr->log_clamp, &s_stopped);
		sums->clamped += s_stopped;
	}
	for (t = 0; t < in->T; t++) {
		double logp, old, x, xc, rho_token, rho, A, A_policy, w_policy, g;
		int stopped_token, stopped;
		const int kept = !in->kept || in->kept[t];
		unsigned mark = 0;
		struct ebb_term l, k;

		out->logp[t] = 0.0;
		if (out->entropy)
			out->entropy[t] = 0.0;
		if (out->kl)
			out->kl[t] = 0.0;
		if (out->kl_old)
			out->kl_old[t] = 0.0;
		if (out->mark)
			out->mark[t] = 255;
		if (!in->mask[t])
			continue;
		ordinal++;

		logp = ebb_logp_floor(in->logp[t], rr->floor, &floored);
		old = ebb_logp_frozen(in->old[t], rr->floor, &bad);
		x = logp - old;
		xc = ebb_clamp(x, -rr->token_clamp, rr->token_clamp);
		rho_token = ebb_ratio(x, rr->token_clamp, &stopped_token);
		rho = level == EBB_RULE_RATIO_TOKEN ? rho_token : s;
		stopped = level == EBB_RULE_RATIO_TOKEN ? stopped_token : s_stopped;
		A = in->advantage[t];
		sums->floored += floored;
		sums->clamped += level == EBB_RULE_RATIO_TOKEN && stopped;
		sums->neg_logp -= logp;
		sums->adv_zero += A == 0.0;
		sums->drift_k1 -= x;
		sums->drift_k3 += ebb_expm1(xc) - x;
		sums->drift_abs += x < 0.0 ? -x : x;
		ebb_sums_ratio(sums, ordinal == in->hidden + 1, rho, x);

		/* policy term; A_policy: with what joins the advantage there alone */
		A_policy = in->score ? A + in->score[t] : A;
		if (!kept || policy == EBB_RULE_POLICY_NONE ||
		    policy == EBB_RULE_POLICY_PREFERENCE) {
			l.value = l.slope = 0.0; /* pairs come below */
		} else if (policy == EBB_RULE_POLICY_REINFORCE) {
			l.value = 0.0 - A_policy * logp;
			l.slope = 0.0 - A_policy;
		} else if (policy == EBB_RULE_POLICY_CISPO) {
			l = ebb_capped(&rule->clip, rho, A_policy, logp, &mark);
		} else if (policy == EBB_RULE_POLICY_KL_COV) {
			l.value = 0.0 - A_policy * rho; /* no clip: EI 2.8 */
			l.slope = stopped ? 0.0 : l.value;
		} else {
			l = ebb_surrogate(&rule->clip, rho, A_policy, &mark);
			if (stopped)
				l.slope = 0.0;
			if (in->chosen && in->chosen[t] && policy == EBB_RULE_POLICY_CLIP_COV)
				l.value = l.slope =
					0.0; /* it still counts in the mean: EI 2.7, 5 */
		}
		w_policy = in->w_policy;
		if (in->tis) {
			const double v = in->tis[t];

			w_policy *= v;
			sums->tis += v;
			sums->tis_square += v * v;
			if (v > sums->tis_max)
				sums->tis_max = v;
		}
		sums->pg += w_policy * l.value;
		if (whole && !own) {
			chain += w_policy * l.slope;
			g = 0.0;
		} else {
			g = w_policy * l.slope;
		}
		if (in->chosen && in->chosen[t] && policy == EBB_RULE_POLICY_KL_COV) {
			if (rule->clip.penalty == EBB_RULE_PENALTY_FULL) {
				k.value = in->kl_old[t];
				k.slope = 0.0; /* it goes through the whole distribution */
				out->kl_old[t] = in->w_policy * rule->clip.penalty_coef;
			} else {
				k = ebb_cov_penalty(rule->clip.penalty, x, xc, stopped_token);
			}
			sums->pg += in->w_policy * rule->clip.penalty_coef * k.value;
			g += in->w_policy * rule->clip.penalty_coef * k.slope;
		}
		if (in->pair)
			g += in->pair[t];
		if (out->mark)
			out->mark[t] = kept ? ebb_mark_byte(mark) : 255;
		sums->low += (mark & EBB_MARK_LOW) != 0;
		sums->dual += (mark & EBB_MARK_DUAL) != 0;
		if (mark & EBB_MARK_HIGH) {
			sums->high += 1.0;
			sums->high_prob += ebb_exp(logp);
		}

		/* KL to the reference and to the old policy */
		if (in->ref) {
			const double D = logp - ebb_logp_floor(in->ref[t], rr->floor, &bad);
			const double clamp = rule->kl.log_clamp;

			sums->ref_floored += bad;
			sums->kl_clamped += D > clamp || D < -clamp;
			sums->ref_k1 += D;
			sums->ref_k2 += 0.5 * D * D;
			sums->ref_k3 += ebb_kl_term(EBB_RULE_KL_K3, D, clamp, 1.0, 0).value;
			if (rule->kl.in_loss && rule->kl.estimator != EBB_RULE_KL_FULL) {
				k = ebb_kl_term(rule->kl.estimator, D, clamp, rho_token,
						stopped_token);
				sums->kl += in->w * k.value;
				g += rule->kl.coef * in->w * k.slope;
			}
		}
		if (rule->kl.in_loss && rule->kl.estimator == EBB_RULE_KL_FULL) {
			sums->kl += in->w * in->kl[t];
			if (out->kl)
				out->kl[t] = rule->kl.coef * in->w;
		}
		if (rule->kl.old_coef > 0.0) {
			k = ebb_kl_old_term(rule->kl.old_estimator, x, xc, stopped_token);
			sums->kl_old += in->w * k.value;
			g += rule->kl.old_coef * in->w * k.slope;
		}
		out->logp[t] = floored ? 0.0 : g; /* the floor is a constant */

		/* entropy term */
		if (in->entropy)
			sums->entropy_plain += in->entropy[t];
		if (rule->entropy.coef > 0.0 && rule->entropy.direct) {
			const double w = in->w_entropy *
					 ebb_gamma_at(&rule->entropy.gamma, ordinal,
						      in->n + in->hidden) *
					 ebb_entropy_sign(rule->entropy.form, A);

			sums->entropy += w * in->entropy[t];
			if (out->entropy)
				out->entropy[t] = 0.0 - rule->entropy.coef * w;
		}
	}
	if (!whole || own)
		return;
	for (t = 0; t < in->T; t++)
		if (in->mask[t] && !(in->logp[t] < rr->floor))
			out->logp[t] += share * chain;
}

#endif
