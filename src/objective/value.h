/*
 * The value loss of one response, in the common subset of C and CUDA C++ like token.h: values and
 * returns in, dL/dV and row sums out. PG n = policy-gradient specification, section n.
 */
#ifndef EBB_OBJECTIVE_VALUE_H
#define EBB_OBJECTIVE_VALUE_H

#include "objective/token.h"

struct ebb_value_rule {
	double coef; /* of the whole loss */
	double clip; /* cv; 0: none */
};

/*
 * 0.5 max((V - G)^2, (V' - G)^2) with V' = W + clip(V - W, -cv, cv), W the value before the updates
 * and G what it is fitted to; slope by V. The slope is 0 where V has already gone towards G by more
 * than cv; far moves away from G keep it. PG 4.2.
 */
EBB_HD struct ebb_term ebb_value_term(const struct ebb_value_rule *r, double V, double W, double G,
				      int *clipped)
{
	const double d = V - G, moved = V - W;
	struct ebb_term l;

	l.value = 0.5 * d * d;
	l.slope = d;
	*clipped = 0;
	if (r->clip > 0.0 && (moved > r->clip || moved < -r->clip)) {
		const double e = W + ebb_clamp(moved, -r->clip, r->clip) - G;

		if (e * e > d * d) {
			l.value = 0.5 * e * e;
			l.slope = 0.0;
			*clipped = 1;
		}
	}
	return l;
}

/* Sums over one response, tokens in ascending order: the weighted loss; tokens clipped. */
struct ebb_value_sums {
	double loss, clipped;
};

/* w: weight of a token in the loss; w_value (T) is 0 outside the mask. */
EBB_HD void ebb_value_response(const struct ebb_value_rule *r, int T, const unsigned char *mask,
			       const double *V, const double *W, const double *G, double w,
			       double *w_value, struct ebb_value_sums *sums)
{
	for (int t = 0; t < T; t++) {
		struct ebb_term l;
		int clipped;

		w_value[t] = 0.0;
		if (!mask[t])
			continue;
		l = ebb_value_term(r, V[t], W[t], G[t], &clipped);
		sums->loss += w * l.value;
		sums->clipped += clipped;
		w_value[t] = r->coef * w * l.slope;
	}
}

#endif
