/* The score of a response and the loss of a pair. preference */
#include "objective/preference.h"

#include <math.h>

void ebb_preference_rule_init(struct ebb_preference_rule *r, const struct ebb_options *o)
{
	const enum ebb_preference_method method = o->preference.method;

	*r = (struct ebb_preference_rule){
		.scale = o->preference.alpha,
		.c_ref = o->preference.c_ref,
		.lambda = o->preference.lambda,
		.smoothing = o->preference.smoothing,
		.sft = o->preference.sft,
		.suffix = method == EBB_PREFERENCE_PPL || method == EBB_PREFERENCE_REPO,
		.current = o->preference.suffix == EBB_SUFFIX_INCLUDE_CURRENT,
		.discount = o->preference.discount,
		.label = o->preference.label,
	};
	r->mean = r->suffix && o->preference.norm == EBB_NORM_SUFFIX_MEAN;
	if (method == EBB_PREFERENCE_DPO) {
		r->scale = o->preference.beta;
		r->c_ref = 1.0;
	} else if (method == EBB_PREFERENCE_CPL) {
		r->c_ref = 0.0;
	}
}

static double label_of(const struct ebb_preference_rule *r, const double *ref, const double *label,
		       int t)
{
	switch (r->label) {
	case EBB_LABEL_DIRAC: /* all mass on the token that was drawn */
		return 0.0;
	case EBB_LABEL_REF:
		return ref[t];
	case EBB_LABEL_STORED:
		return label[t];
	}
	EBB_BUG("preference.label is %d", (int)r->label);
}

double ebb_preference_score(const struct ebb_preference_rule *r, int n, const double *logp,
			    const double *ref, const double *label, double *kappa)
{
	const double W = r->mean ? 1.0 / (double)n : 1.0, g = r->discount;
	double S = 0.0, distance = 0.0, weight = 0.0, k = 0.0;

	for (int t = n - 1; t >= 0; t--) {
		/* sums over the suffix behind t, v > t, then with t itself */
		const double behind = g * distance, behind_weight = g * weight;
		double suffix, D;

		S += logp[t];
		if (r->c_ref > 0.0)
			S -= r->c_ref * ref[t];
		if (!r->suffix)
			continue;
		distance = label_of(r, ref, label, t) - logp[t] + behind;
		weight = 1.0 + behind_weight;
		suffix = r->current ? distance : behind;
		D = r->current ? weight : behind_weight;
		if (r->mean)
			suffix = D > 0.0 ? suffix / D : 0.0;
		S -= suffix;
		/* what l_v of this suffix is multiplied by, before g^(v-t) */
		kappa[t] = !r->mean ? 1.0 : D > 0.0 ? 1.0 / D : 0.0;
	}
	for (int u = 0; u < n; u++) {
		const double own = r->suffix ? kappa[u] : 0.0;

		if (r->current)
			k = g * k + own; /* sum over t <= u of g^(u-t) / D_t */
		kappa[u] = r->scale * W * (1.0 + k);
		if (!r->current)
			k = g * (k + own); /* over t < u + 1, for the next token */
	}
	return r->scale * W * S;
}

/* -log sigmoid(x) = log1p(exp(-|x|)) + max(-x, 0), EI 8.1; log1p by Kahan's identity. */
static double neg_log_sigmoid(double x)
{
	const double y = ebb_exp(x < 0.0 ? x : -x), u = 1.0 + y;
	const double log1p_y = u == 1.0 ? y : ebb_log(u) * y / (u - 1.0);

	return log1p_y + (x < 0.0 ? -x : 0.0);
}

/* sigmoid without overflow. */
static double sigmoid(double x)
{
	const double y = ebb_exp(x < 0.0 ? x : -x);

	return (x < 0.0 ? y : 1.0) / (1.0 + y);
}

struct ebb_term ebb_preference_loss(const struct ebb_preference_rule *r, double x)
{
	const double eps = r->smoothing;
	struct ebb_term l;

	l.value = (1.0 - eps) * neg_log_sigmoid(x);
	l.slope = 0.0 - (1.0 - eps) * sigmoid(-x);
	if (eps > 0.0) {
		l.value += eps * neg_log_sigmoid(-x);
		l.slope += eps * sigmoid(x);
	}
	return l;
}
