/* The stages run over a mini-batch: what depends on the mask alone in begin, then rows in any cut.
 * weigh_select.c chooses by all of a mini-batch between the two, weigh_finish.c sums up. */
#include <math.h>
#include <stdlib.h>
#include "objective/weigh.h"

static struct ebb_weigh_parts parts_of(const struct ebb_options *o)
{
	struct ebb_needs needs;

	ebb_objective_needs(o, &needs);
	return (struct ebb_weigh_parts){.tis = o->tis.kind != EBB_TIS_OFF,
					.tokens = ebb_chooses_tokens(o),
					.pool = needs.pool,
					.logit = needs.logit,
					.kept = o->token.mask != EBB_TOKEN_ALL,
					.score = o->entropy.grad != EBB_GRAD_DIRECT &&
						 ebb_weighs_entropy(o),
					.pairs = o->loss.policy == EBB_POLICY_PREFERENCE};
}

static bool needs_limit(const struct ebb_options *o)
{
	const bool norm = o->loss.aggregate == EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM_NORM ||
			  o->loss.aggregate == EBB_AGGREGATE_TOKEN_SUM_NORM;
	const bool line =
		o->gamma.kind == EBB_GAMMA_LINEAR || o->gamma.kind == EBB_GAMMA_PIECE_LINEAR;

	return (norm && o->loss.constant == 0.0) ||
	       (line && o->gamma.tmax == EBB_TMAX_LIMIT && ebb_weighs_entropy(o));
}

static int check(const struct ebb_minibatch *mb, struct ebb_err *err)
{
	const struct ebb_options *o = mb->o;
	const struct ebb_batch *b = mb->batch;
	const bool full = o->kl.place == EBB_KL_LOSS && o->kl.estimator == EBB_KL_FULL;

	if (mb->n < 0 || mb->stride < b->T)
		return ebb_err_set(
			err, EBB_EINVAL,
			"a mini-batch of %d rows has stride %d, below the batch's %d tokens", mb->n,
			mb->stride, b->T);
	for (int i = 0; i < mb->n; i++)
		if (mb->row[i] < 0 || mb->row[i] >= b->R || b->group[mb->row[i]] < 0 ||
		    b->group[mb->row[i]] >= b->n_groups)
			return ebb_err_set(
				err, EBB_EINVAL,
				"row %d of the mini-batch is row %d of a batch of %d, or "
				"of no group",
				i, mb->row[i], b->R);
	if (needs_limit(o) && mb->limit < 1)
		return ebb_err_set(
			err, EBB_EINVAL,
			"the response limit is %d, but loss.aggregate or gamma.kind divides "
			"by it; give sample.max_tokens",
			mb->limit);
	if (o->kl.place == EBB_KL_LOSS && !full && !b->ref)
		return ebb_err_set(err, EBB_EINVAL,
				   "kl.place=loss needs the reference's log-probabilities");
	if (ebb_scores_reference(o) && !b->ref)
		return ebb_err_set(err, EBB_EINVAL,
				   "loss.policy=preference needs the reference's log-probabilities "
				   "here: preference.method, c_ref or label reads them");
	if (full && (!mb->kl || !mb->w_kl))
		return ebb_err_set(
			err, EBB_EINVAL,
			"kl.estimator=full needs the exact KL and room for its coefficient");
	if (o->loss.policy == EBB_POLICY_KL_COV && o->covariance.penalty == EBB_PENALTY_FULL &&
	    (!mb->kl_old || !mb->w_kl_old))
		return ebb_err_set(
			err, EBB_EINVAL,
			"covariance.penalty=full needs the exact KL and room for its coefficient");
	if (!b->entropy &&
	    (o->token.mask == EBB_TOKEN_TOP_ENTROPY ||
	     (mb->entropy_coef > 0.0 && o->entropy.grad == EBB_GRAD_DIRECT_PLUS_SCORE)))
		return ebb_err_set(err, EBB_EINVAL,
				   "token.mask=top_entropy and entropy.grad=direct_plus_score need "
				   "the entropies of the rollout batch");
	if (mb->value && (!mb->w_value || !b->value || !b->target))
		return ebb_err_set(err, EBB_EINVAL,
				   "the value loss needs the values and returns of the batch and "
				   "room for its coefficient");
	if (mb->n_answers != 0 && (mb->n_answers != mb->n || !mb->n_gold))
		return ebb_err_set(err, EBB_EINVAL,
				   "%d answers for a mini-batch of %d rows, or of no length",
				   mb->n_answers, mb->n);
	for (int i = 0; i < mb->n_answers; i++)
		if (mb->n_gold[i] < 1 || mb->n_gold[i] > mb->stride)
			return ebb_err_set(err, EBB_EINVAL,
					   "answer %d of the mini-batch has %d tokens, the stride "
					   "is %d",
					   i, mb->n_gold[i], mb->stride);
	if (mb->entropy_coef > 0.0 && (!mb->entropy || !mb->w_entropy))
		return ebb_err_set(err, EBB_EINVAL,
				   "entropy.coef needs the entropy and room for its coefficient");
	return 0;
}

static void reserve_tokens(struct ebb_weigh_private *p, size_t rows, size_t T, bool logit)
{
	struct ebb_tokens *k = &p->tokens;
	const size_t cells = rows * T;

	if (logit)
		ebb_arena_add(&p->arena, &k->logit, cells, sizeof *k->logit);
	ebb_arena_add(&p->arena, &k->length, rows, sizeof *k->length);
	ebb_arena_add(&p->arena, &k->start, rows, sizeof *k->start);
	ebb_arena_add(&p->arena, &k->logp, cells, sizeof *k->logp);
	ebb_arena_add(&p->arena, &k->A, cells, sizeof *k->A);
	ebb_arena_add(&p->arena, &k->key, cells, sizeof *k->key);
	ebb_arena_add(&p->arena, &k->c, cells, sizeof *k->c);
	ebb_arena_add(&p->arena, &k->clipped, cells, 1);
	ebb_arena_add(&p->arena, &k->chosen, cells, 1);
}

static void reserve_pairs(struct ebb_weigh_private *p, size_t n, size_t T, size_t groups)
{
	struct ebb_pairs *q = &p->pairs;

	ebb_arena_add(&p->arena, &q->score, n, sizeof *q->score);
	ebb_arena_add(&p->arena, &q->pull, n, sizeof *q->pull);
	ebb_arena_add(&p->arena, &q->sft, n, sizeof *q->sft);
	ebb_arena_add(&p->arena, &q->mean, n, sizeof *q->mean);
	ebb_arena_add(&p->arena, &q->first, groups, sizeof *q->first);
	ebb_arena_add(&p->arena, &q->next, n, sizeof *q->next);
	ebb_arena_add(&p->arena, &q->side, n, 1);
	ebb_arena_add(&p->arena, &q->slope, n * T, sizeof *q->slope);
	ebb_arena_add(&p->arena, &q->line, 5 * T, sizeof *q->line);
}

static int reserve(struct ebb_minibatch *mb, struct ebb_err *err)
{
	struct ebb_weigh_private *p = mb->private_;
	const int n = mb->n > 0 ? mb->n : 1, T = mb->batch->T > 0 ? mb->batch->T : 1;
	const int groups = mb->batch->n_groups > 0 ? mb->batch->n_groups : 1;
	const struct ebb_weigh_parts want = parts_of(mb->o);
	const int rows = want.pool && mb->batch->R > 0 ? mb->batch->R : n;

	if (p && n <= p->n_max && T <= p->T_max && groups <= p->groups_max &&
	    p->has.tis >= want.tis && p->has.tokens >= want.tokens && p->has.pool >= want.pool &&
	    (!want.pool || mb->batch->R <= p->R_max) && p->has.logit >= want.logit &&
	    p->has.kept >= want.kept && p->has.score >= want.score && p->has.pairs >= want.pairs)
		return 0;
	ebb_weigh_release(mb);
	p = ebb_calloc(1, sizeof *p, err);
	if (!p)
		return EBB_ENOMEM;
	ebb_arena_add(&p->arena, &p->n, (size_t)n, sizeof *p->n);
	ebb_arena_add(&p->arena, &p->group, (size_t)n, sizeof *p->group);
	ebb_arena_add(&p->arena, &p->hidden, (size_t)n, sizeof *p->hidden);
	ebb_arena_add(&p->arena, &p->group_tokens, (size_t)groups, sizeof *p->group_tokens);
	ebb_arena_add(&p->arena, &p->w, (size_t)n, sizeof *p->w);
	ebb_arena_add(&p->arena, &p->w_entropy, (size_t)n, sizeof *p->w_entropy);
	ebb_arena_add(&p->arena, &p->sums, (size_t)n, sizeof *p->sums);
	ebb_arena_add(&p->arena, &p->value_sums, (size_t)n, sizeof *p->value_sums);
	ebb_arena_add(&p->arena, &p->answer, (size_t)n, sizeof *p->answer);
	if (want.tis)
		ebb_arena_add(&p->arena, &p->tis, (size_t)n * T, sizeof *p->tis);
	if (want.kept) {
		ebb_arena_add(&p->arena, &p->kept, (size_t)n * T, 1);
		ebb_arena_add(&p->arena, &p->kept_n, (size_t)n, sizeof *p->kept_n);
		ebb_arena_add(&p->arena, &p->kept_group, (size_t)groups, sizeof *p->kept_group);
		ebb_arena_add(&p->arena, &p->w_policy, (size_t)n, sizeof *p->w_policy);
	}
	if (want.score) {
		ebb_arena_add(&p->arena, &p->score, (size_t)n * T, sizeof *p->score);
		ebb_arena_add(&p->arena, &p->room.to_go, (size_t)T, sizeof *p->room.to_go);
		ebb_arena_add(&p->arena, &p->room.sum, (size_t)groups * T, sizeof *p->room.sum);
		ebb_arena_add(&p->arena, &p->room.count, (size_t)groups * T, sizeof *p->room.count);
	}
	if (want.tokens) {
		reserve_tokens(p, (size_t)rows, (size_t)T, want.logit);
		ebb_arena_add(&p->arena, &p->chosen, (size_t)n * T, 1);
	}
	if (want.pairs)
		reserve_pairs(p, (size_t)n, (size_t)T, (size_t)groups);
	p->n_max = n;
	p->T_max = T;
	p->R_max = rows;
	p->groups_max = groups;
	p->has = want;
	mb->private_ = p;
	if (ebb_arena_commit(&p->arena, err) != 0)
		ebb_weigh_release(mb);
	return mb->private_ ? 0 : EBB_ENOMEM;
}

static void count(struct ebb_weigh_private *p, const struct ebb_minibatch *mb)
{
	const struct ebb_batch *b = mb->batch;
	const double floor = p->rule.ratio.floor;
	struct ebb_counts *c = &p->counts;

	*c = (struct ebb_counts){.rows = mb->n,
				 .n = p->n,
				 .hidden = p->hidden,
				 .group = p->group,
				 .group_tokens = p->group_tokens};
	p->old_floored = 0.0;
	for (int g = 0; g < b->n_groups; g++)
		p->group_tokens[g] = 0;
	for (int i = 0; i < mb->n; i++) {
		const size_t at = (size_t)mb->row[i] * b->T;

		p->n[i] = 0;
		p->hidden[i] = ebb_tree_hidden(b, mb->row[i]);
		p->group[i] = b->group[mb->row[i]];
		for (int t = 0; t < b->T; t++) {
			int old_bad, roll_bad = 0;

			if (!b->mask[at + t])
				continue;
			p->n[i]++;
			ebb_logp_frozen(b->old[at + t], floor, &old_bad);
			if (b->roll)
				ebb_logp_frozen(b->roll[at + t], floor, &roll_bad);
			p->old_floored += old_bad || roll_bad;
		}
		c->tokens += p->n[i];
		c->nonempty += p->n[i] > 0;
		if (p->n[i] > 0 && p->group_tokens[p->group[i]] == 0)
			c->live_groups++;
		p->group_tokens[p->group[i]] += p->n[i];
	}
}

/* The same of the tokens that the mask keeps; after count. */
static void count_kept(struct ebb_weigh_private *p, const struct ebb_minibatch *mb)
{
	struct ebb_counts *c = &p->kept_counts;
	const int T = mb->batch->T;

	*c = (struct ebb_counts){
		.rows = mb->n, .n = p->kept_n, .group = p->group, .group_tokens = p->kept_group};
	for (int g = 0; g < mb->batch->n_groups; g++)
		p->kept_group[g] = 0;
	for (int i = 0; i < mb->n; i++) {
		p->kept_n[i] = 0;
		for (int t = 0; t < T; t++)
			p->kept_n[i] += p->kept[(size_t)i * T + t];
		c->tokens += p->kept_n[i];
		c->nonempty += p->kept_n[i] > 0;
		if (p->kept_n[i] > 0 && p->kept_group[p->group[i]] == 0)
			c->live_groups++;
		p->kept_group[p->group[i]] += p->kept_n[i];
	}
}

int ebb_weigh_begin(struct ebb_minibatch *mb, struct ebb_err *err)
{
	struct ebb_weigh_private *p;
	int rc = check(mb, err);

	if (rc == 0)
		rc = reserve(mb, err);
	if (rc != 0)
		return rc;
	p = mb->private_;
	ebb_ratio_rule_init(&p->rule.ratio, mb->o);
	ebb_clip_rule_init(&p->rule.clip, mb->o);
	ebb_tis_rule_init(&p->rule.tis, mb->o);
	ebb_entropy_rule_init(&p->rule.entropy, mb->o, mb->entropy_coef, mb->limit);
	ebb_kl_rule_init(&p->rule.kl, mb->o, mb->kl_coef);
	p->on = parts_of(mb->o);
	ebb_value_rule_init(&p->value, mb->o);
	count(p, mb);
	p->S = ebb_aggregate_rows(mb->o, &p->counts);
	if (p->on.kept) {
		ebb_mask_fill(mb->o, mb->batch, mb->row, mb->n, p->kept);
		count_kept(p, mb);
	}
	for (int i = 0; i < mb->n; i++) {
		p->w[i] = ebb_aggregate_weight(mb->o, &p->counts, mb->limit, i);
		p->w_entropy[i] =
			ebb_entropy_weight(mb->o, &p->rule.entropy, &p->counts, p->S, p->w[i], i);
		if (p->on.kept)
			p->w_policy[i] = mb->o->token.denominator == EBB_TOKEN_DEN_ALL
						 ? p->w[i]
						 : ebb_aggregate_weight(mb->o, &p->kept_counts,
									mb->limit, i);
	}
	if (p->on.score)
		ebb_score_fill(&p->rule.entropy, mb->batch, mb->row, mb->n, p->rule.ratio.floor,
			       &p->room, p->on.kept ? p->w_policy : p->w, p->w_entropy, p->score);
	if (mb->o->tis.kind != EBB_TIS_OFF)
		ebb_tis_fill(&p->rule.tis, mb->batch, mb->row, &p->counts, p->rule.ratio.floor,
			     p->tis);
	return 0;
}

static void check_rows(const struct ebb_minibatch *mb, int first, int count, int n)
{
	if (!mb->private_ || first < 0 || count < 0 || first > n - count)
		EBB_BUG("rows %d..%d of a mini-batch of %d", first, first + count, n);
}

void ebb_weigh_values(void *minibatch, int first, int count)
{
	const struct ebb_minibatch *mb = minibatch;
	const struct ebb_batch *b = mb->batch;
	struct ebb_weigh_private *p = mb->private_;

	check_rows(mb, first, count, mb->n);
	for (int i = first; i < first + count; i++) {
		const size_t frozen = (size_t)mb->row[i] * b->T, now = (size_t)i * mb->stride;

		p->value_sums[i] = (struct ebb_value_sums){0};
		ebb_value_response(&p->value, b->T, b->mask + frozen, mb->value + now,
				   b->value + frozen, b->target + frozen, p->w[i],
				   mb->w_value + now, &p->value_sums[i]);
		for (int t = b->T; t < mb->stride; t++)
			mb->w_value[now + t] = 0.0;
	}
}

/*
 * J += beta mean_b rho_b, so w_logp = -beta/B drho/dlogp on the answer's tokens (EI 4.6 direct). B
 * counts the responses in the loss; an answer whose response left it leaves with it.
 */
static void weigh_answer(const struct ebb_minibatch *mb, int i)
{
	struct ebb_weigh_private *p = mb->private_;
	const size_t at = (size_t)i * mb->stride;
	const int of = i - mb->n, n = p->n[of] > 0 ? mb->n_gold[of] : 0;
	double *w = mb->w_logp + at;

	p->answer[of] = 0.0;
	if (n > 0)
		p->answer[of] = ebb_info_slope(mb->o, mb->logp + at, n, w);
	for (int t = 0; t < mb->stride; t++) {
		w[t] = t < n ? 0.0 - mb->o->info.coef / p->counts.nonempty * w[t] : 0.0;
		if (mb->w_entropy)
			mb->w_entropy[at + t] = 0.0;
		if (mb->w_kl)
			mb->w_kl[at + t] = 0.0;
	}
}

void ebb_weigh_rows(void *minibatch, int first, int count)
{
	const struct ebb_minibatch *mb = minibatch;
	const struct ebb_batch *b = mb->batch;
	struct ebb_weigh_private *p = mb->private_;

	check_rows(mb, first, count, mb->n + mb->n_answers);
	if (mb->value)
		ebb_weigh_values(minibatch, first, count);
	for (int i = first > mb->n ? first : mb->n; i < first + count; i++)
		weigh_answer(mb, i);
	for (int i = first; i < first + count && i < mb->n; i++) {
		const size_t frozen = (size_t)mb->row[i] * b->T, now = (size_t)i * mb->stride;
		const struct ebb_response in = {
			.T = b->T,
			.n = p->n[i],
			.hidden = p->hidden[i],
			.mask = b->mask + frozen,
			.logp = mb->logp + now,
			.old = b->old + frozen,
			.ref = b->ref ? b->ref + frozen : NULL,
			.advantage = b->advantage + frozen,
			.tis = mb->o->tis.kind != EBB_TIS_OFF ? p->tis + (size_t)i * b->T : NULL,
			.chosen = p->on.tokens ? p->chosen + (size_t)i * b->T : NULL,
			.kept = p->on.kept ? p->kept + (size_t)i * b->T : NULL,
			.score = p->on.score ? p->score + (size_t)i * b->T : NULL,
			.pair = p->on.pairs ? p->pairs.slope + (size_t)i * b->T : NULL,
			.entropy = mb->entropy ? mb->entropy + now : NULL,
			.kl = mb->kl ? mb->kl + now : NULL,
			.kl_old = mb->kl_old ? mb->kl_old + now : NULL,
			.w = p->w[i],
			.w_policy = p->on.kept ? p->w_policy[i] : p->w[i],
			.w_entropy = p->w_entropy[i],
		};
		const struct ebb_coefficients out = {
			.logp = mb->w_logp + now,
			.entropy = mb->w_entropy ? mb->w_entropy + now : NULL,
			.kl = mb->w_kl ? mb->w_kl + now : NULL,
			.kl_old = mb->w_kl_old ? mb->w_kl_old + now : NULL,
			.mark = mb->mark ? mb->mark + now : NULL,
		};

		p->sums[i] = (struct ebb_row_sums){0};
		ebb_weigh_response(&p->rule, &in, &out, &p->sums[i]);
		for (int t = b->T; t < mb->stride; t++) {
			out.logp[t] = 0.0;
			if (out.entropy)
				out.entropy[t] = 0.0;
			if (out.kl)
				out.kl[t] = 0.0;
			if (out.kl_old)
				out.kl_old[t] = 0.0;
			if (out.mark)
				out.mark[t] = EBB_CLIP_NONE;
		}
	}
}

void ebb_weigh_release(struct ebb_minibatch *mb)
{
	if (!mb->private_)
		return;
	ebb_arena_release(&mb->private_->arena);
	free(mb->private_);
	mb->private_ = NULL;
}

int64_t ebb_weigh_tokens(const struct ebb_minibatch *mb)
{
	int64_t n = 0;

	for (int i = 0; i < mb->n; i++)
		for (int t = 0; t < mb->batch->T; t++)
			n += mb->batch->mask[(size_t)mb->row[i] * mb->batch->T + t] != 0;
	return n;
}
