/* The state machine: which stage comes next, and what the stages share. */
#include "train/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

static void set(struct ebb_trial *t, int field, const void *data)
{
	ebb_writer_set(t->writer, field, data);
}

void ebb_trial_set(struct ebb_trial *t, enum ebb_array_field f, const void *data)
{
	if (t->writer && t->fields->place[f] >= 0)
		set(t, t->fields->first_array + t->fields->place[f], data);
}

/* Every metric of the axis, then the row. */
int ebb_trial_row(struct ebb_trial *t, enum ebb_axis axis, const struct ebb_reading *r,
		  struct ebb_err *err)
{
	if (!t->writer)
		return 0;
	for (int i = 0; i < t->fields->n_metrics; i++)
		if (t->fields->field[i].axis == axis)
			set(t, i, &r->metric[i]);
	for (int i = 0; axis == EBB_AXIS_STEP && i < t->lab->task->n_curves; i++)
		set(t, t->fields->first_curve + i, &r->curve[i]);
	return ebb_writer_row(t->writer, axis, err);
}

void ebb_trial_diverge(struct ebb_trial *t, const char *cause)
{
	t->status = EBB_STATUS_DIVERGED;
	snprintf(t->cause, sizeof t->cause, "%s", cause);
	t->stage = STAGE_DONE;
}

/* ---- requests ---- */

/* Decode G samples of each of the store's first n questions into the store's arrays. */
int ebb_trial_decode(struct ebb_trial *t, struct ebb_store *s, enum ebb_policy policy,
		     struct ebb_draw draw, bool greedy)
{
	const struct ebb_options *o = t->o;
	bool training = draw.stream == EBB_STREAM_DECODE && !greedy;
	bool limited = training ||
		       draw.stream == EBB_STREAM_REFERENCE || /* the same rule of drawing */
		       draw.stream == EBB_STREAM_CANDIDATE_DECODE;

	for (int i = 0; i < s->n; i++) {
		t->prompt[i] = (struct ebb_prompt){s->question[i].prompt, s->question[i].n_prompt};
		for (int g = 0; g < s->G; g++) {
			draw.slot = (uint32_t)i;
			draw.sample = (uint32_t)g;
			t->sample[i * s->G + g] = (struct ebb_sample){.prompt = i, .draw = draw};
		}
	}
	t->request = (struct ebb_request){.kind = EBB_REQUEST_DECODE,
					  .policy = policy,
					  .against = -1,
					  .decode = {.prompt = t->prompt,
						     .n_prompts = s->n,
						     .sample = t->sample,
						     .n = s->n * s->G,
						     .stride = s->T,
						     .max_tokens = s->T,
						     .eos = t->lab->task->eos,
						     .tau = o->sample.temperature,
						     .top_p = 1,
						     .greedy = greedy,
						     .token = s->response,
						     .length = s->length,
						     .truncated = s->truncated,
						     .logp = s->logp,
						     .sampler_logp = s->sampler_logp,
						     .entropy = s->entropy}};
	if (limited) {
		t->request.decode.top_p = o->sample.top_p;
		t->request.decode.top_k = (int)o->sample.top_k;
	}
	if (training && o->sample.mismatch == EBB_MISMATCH_NOISE)
		t->request.decode.noise = o->sample.noise;
	return WORK;
}

struct ebb_draw ebb_trial_draw(const struct ebb_trial *t, enum ebb_stream stream)
{
	return (struct ebb_draw){.seed = t->o->seed,
				 .stream = stream,
				 .step = (uint32_t)t->step,
				 .round = (uint32_t)t->round};
}

void ebb_trial_charge(struct ebb_trial *t, const struct ebb_store *s)
{
	for (int i = 0; i < s->n * s->G; i++)
		t->tokens += s->length[i] - s->paths.shared[i];
	t->rollouts += s->n * s->G;
}

/* A scoring request over all rows of a store; results are the caller's to name. */
int ebb_trial_score(struct ebb_trial *t, struct ebb_store *s, enum ebb_policy policy, int against)
{
	int rows = s->n * s->G;

	for (int i = 0; i < rows; i++) {
		int n_prompt = s->question[i / s->G].n_prompt;

		t->row[i] = (struct ebb_row){s->token + (size_t)i * (size_t)(s->P + s->T), n_prompt,
					     n_prompt + s->length[i]};
	}
	t->request = (struct ebb_request){.kind = EBB_REQUEST_SCORE,
					  .policy = policy,
					  .against = against,
					  .pass = {.row = t->row,
						   .n = rows,
						   .stride = s->T,
						   .tau = t->o->sample.temperature,
						   .logp = t->logp,
						   .entropy = t->entropy}};
	return WORK;
}

/* The policy that drew this step's responses. */
enum ebb_policy ebb_trial_sampler(const struct ebb_trial *t)
{
	if (t->o->sample.mismatch != EBB_MISMATCH_STALE)
		return EBB_POLICY_CURRENT;
	return EBB_POLICY_RING + (int)(t->step % t->o->sample.stale);
}

/* Copies that draw: of the ring, or of preferences; an options check lets only one of them be. */
static int others(const struct ebb_trial *t)
{
	return t->o->sample.mismatch == EBB_MISMATCH_STALE ? (int)t->o->sample.stale
							   : ebb_trial_behaviours(t);
}

static bool refreshes(const struct ebb_trial *t)
{
	return t->needs.reference_samples > 0 && t->o->advantage.refresh > 0;
}

enum ebb_policy ebb_trial_static(const struct ebb_trial *t)
{
	return refreshes(t) ? EBB_POLICY_RING + others(t) : EBB_POLICY_BASE;
}

enum ebb_policy ebb_trial_critic(const struct ebb_trial *t)
{
	return ebb_critic_separate(t) ? EBB_POLICY_RING + others(t) + refreshes(t)
				      : EBB_POLICY_CURRENT;
}

bool ebb_trial_probes(const struct ebb_trial *t)
{
	const int64_t cadence = t->o->probe.cadence;

	return t->writer && ebb_trial_evaluates(t) &&
	       (cadence > 0 ? t->step % cadence == 0 || t->step == t->o->train.steps
			    : t->step == 0);
}

bool ebb_trial_measures(const struct ebb_trial *t)
{
	return t->writer || t->watch || t->o->entropy.guard == EBB_GUARD_STOP ||
	       t->o->entropy.control == EBB_CONTROL_BANG_BANG ||
	       t->o->entropy.control == EBB_CONTROL_DUAL;
}

bool ebb_trial_evaluates(const struct ebb_trial *t)
{
	int64_t cadence = t->o->eval.cadence;

	return t->step == 0 || t->step == t->o->train.steps || ebb_trial_stops(t) ||
	       (cadence > 0 && t->step % cadence == 0);
}

double ebb_trial_lr(const struct ebb_trial *t)
{
	const struct ebb_options *o = t->o;

	if (t->step < o->train.warmup)
		return o->train.lr * (double)(t->step + 1) / (double)o->train.warmup;
	return o->train.lr;
}

struct ebb_optim_rule ebb_trial_rule(const struct ebb_trial *t, double lr)
{
	return (struct ebb_optim_rule){.lr = lr,
				       .beta1 = t->o->train.beta1,
				       .beta2 = t->o->train.beta2,
				       .eps = 1e-8,
				       .weight_decay = t->o->train.weight_decay,
				       .grad_clip = t->o->train.grad_clip};
}

struct ebb_batch ebb_trial_view(struct ebb_trial *t)
{
	struct ebb_batch view = ebb_store_batch(&t->batch, &t->needs);

	if (t->needs.critic) {
		view.value = t->value_drawn;
		view.value_end = t->value_end;
		view.target = t->target;
	}
	/* the probe of round 0 has the reference's log-probabilities where nobody asked for them */
	if (t->needs.ref_logp || (t->probe && t->round == 1 && t->carried == 0))
		view.start = t->batch.ref;
	return view;
}

/* ---- the machine ---- */

static int stage_rest(struct ebb_trial *t, struct ebb_err *err)
{
	t->request = (struct ebb_request){.kind = EBB_REQUEST_REST, .against = -1};
	t->stage = STAGE_EVAL;
	return WORK;
}

static int stage_done(struct ebb_trial *t, struct ebb_err *err)
{
	t->request = (struct ebb_request){.kind = EBB_REQUEST_DONE, .against = -1};
	return WORK;
}

static int (*const stage_of[N_STAGES])(struct ebb_trial *, struct ebb_err *) = {
	[STAGE_REST] = stage_rest,
	[STAGE_EVAL] = ebb_stage_eval,
	[STAGE_EVAL_GREEDY] = ebb_stage_eval_greedy,
	[STAGE_TREES] = ebb_stage_trees,
	[STAGE_TREES_DRAWN] = ebb_stage_trees_drawn,
	[STAGE_EVAL_DONE] = ebb_stage_eval_done,
	[STAGE_HEAT] = ebb_stage_heat,
	[STAGE_HEATED] = ebb_stage_heated,
	[STAGE_CHAINS] = ebb_stage_chains,
	[STAGE_CHAINS_ASK] = ebb_stage_chains_ask,
	[STAGE_CHAINS_HEARD] = ebb_stage_chains_heard,
	[STAGE_EVAL_CLOSE] = ebb_stage_eval_close,
	[STAGE_RENEW] = ebb_stage_renew,
	[STAGE_CHOOSE] = ebb_stage_choose,
	[STAGE_CHOSEN] = ebb_stage_chosen,
	[STAGE_COPY] = ebb_stage_copy,
	[STAGE_REFRESH] = ebb_stage_refresh,
	[STAGE_DRAW] = ebb_stage_draw,
	[STAGE_DEAL] = ebb_stage_deal,
	[STAGE_DRAWN] = ebb_stage_drawn,
	[STAGE_JUDGED] = ebb_stage_judged,
	[STAGE_STATIC_DONE] = ebb_stage_static_done,
	[STAGE_GREEDY] = ebb_stage_greedy,
	[STAGE_GREEDY_DONE] = ebb_stage_greedy_done,
	[STAGE_PROBE] = ebb_stage_probe,
	[STAGE_PROBE_DONE] = ebb_stage_probe_done,
	[STAGE_INJECT] = ebb_stage_inject,
	[STAGE_INJECT_DONE] = ebb_stage_inject_done,
	[STAGE_ANSWER] = ebb_stage_answer,
	[STAGE_PRIOR] = ebb_stage_prior,
	[STAGE_INFO] = ebb_stage_info,
	[STAGE_KEEP] = ebb_stage_keep,
	[STAGE_STALE] = ebb_stage_stale,
	[STAGE_START] = ebb_stage_start,
	[STAGE_OLD] = ebb_stage_old,
	[STAGE_OLD_DONE] = ebb_stage_old_done,
	[STAGE_REF] = ebb_stage_ref,
	[STAGE_REF_DONE] = ebb_stage_ref_done,
	[STAGE_VALUES] = ebb_stage_values,
	[STAGE_VALUES_DONE] = ebb_stage_values_done,
	[STAGE_PREPARE] = ebb_stage_prepare,
	[STAGE_SHIFT] = ebb_stage_shift,
	[STAGE_SHIFT_DRAWN] = ebb_stage_shift_drawn,
	[STAGE_SHIFT_READY] = ebb_stage_shift_ready,
	[STAGE_CRITIC] = ebb_stage_critic,
	[STAGE_CRITIC_DONE] = ebb_stage_critic_done,
	[STAGE_UPDATE] = ebb_stage_update,
	[STAGE_SELECT] = ebb_stage_select,
	[STAGE_UPDATED] = ebb_stage_updated,
	[STAGE_SHIFT_AFTER] = ebb_stage_shift_after,
	[STAGE_SHIFT_DONE] = ebb_stage_shift_done,
	[STAGE_CLOSE] = ebb_stage_close,
	[STAGE_DONE] = stage_done,
};

/* ---- life cycle ---- */

int ebb_trial_next(struct ebb_trial *t, struct ebb_request **request, struct ebb_err *err)
{
	int rc;

	do {
		rc = stage_of[t->stage](t, err);
	} while (rc == NEXT);
	*request = &t->request;
	return rc < 0 ? rc : 0;
}

enum ebb_status ebb_trial_status(const struct ebb_trial *t, int64_t *step, const char **cause)
{
	*step = t->step;
	*cause = t->cause;
	return t->status;
}

bool ebb_trial_policy_moves(const struct ebb_trial *t, int policy)
{
	return policy == EBB_POLICY_CURRENT || policy >= EBB_POLICY_RING + ebb_data_count(t->o) ||
	       (policy == EBB_POLICY_REFERENCE && t->o->ref.every > 0) ||
	       (policy == EBB_POLICY_START && t->needs.old_kl);
}

int ebb_trial_policies(const struct ebb_trial *t)
{
	return EBB_POLICY_RING + others(t) + refreshes(t) + ebb_critic_separate(t);
}

/* The stores and arrays of what is switched on by options of its own. */
static void register_probes(struct ebb_trial *t, int P, int T)
{
	const struct ebb_options *o = t->o;
	struct ebb_arena *a = &t->arena;
	const int chains = (int)o->eval.chains;
	const int candidates = o->em.select == EBB_EM_NONE ? 0 : (int)o->em.candidates;

	ebb_store_register(&t->candidates, a, candidates, (int)o->em.samples, P, T);
	ebb_store_register(&t->chains, a, chains, 1, P, T);
	t->candidates.n = candidates;
	t->chains.n = chains;
	t->n_temperatures = ebb_temperatures(o, t->temperature, NULL);
	ebb_arena_add(a, &t->successes, (size_t)candidates, sizeof *t->successes);
	ebb_arena_add(a, &t->accuracy_at, (size_t)t->n_temperatures, sizeof *t->accuracy_at);
	ebb_arena_add(a, &t->chain_token, (size_t)(chains * (P + T)), sizeof *t->chain_token);
	ebb_arena_add(a, &t->chain_logp, (size_t)(chains * chains), sizeof *t->chain_logp);
	ebb_arena_add(a, &t->chain_pass, (size_t)(chains * T), sizeof *t->chain_pass);
	ebb_arena_add(a, &t->chain_entropy, (size_t)(chains * T), sizeof *t->chain_entropy);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void register_scratch(struct ebb_trial *t, int groups, int G, int P, int T)
{
	const struct ebb_options *o = t->o;
	struct ebb_arena *a = &t->arena;
	const size_t R = (size_t)groups * (size_t)G, cells = R * (size_t)T;
	const size_t rows = t->needs.answer_rows ? 2 * R : R, pass = rows * (size_t)t->stride;
	const size_t V = (size_t)t->lab->task->vocabulary, chains = (size_t)o->eval.chains;
	size_t eval = (size_t)(o->eval.questions * o->eval.samples);
	const size_t shift = (size_t)ebb_trial_shift_rows(o, T);
	size_t largest = larger(R, eval),
	       prompts = larger((size_t)groups, (size_t)o->eval.questions);

	largest = larger(largest, (size_t)groups * (size_t)t->needs.reference_samples);
	largest = larger(largest, (size_t)(t->candidates.n * t->candidates.G));
	largest = larger(largest, (size_t)(ebb_lab_probe(o) * ebb_tree_group(o)));
	largest = larger(largest, larger(chains, shift));
	prompts = larger(prompts, larger((size_t)t->candidates.n, larger(chains, shift)));
	ebb_arena_add(a, &t->shift_before, shift * (size_t)T * V, sizeof *t->shift_before);
	ebb_arena_add(a, &t->shift_after, shift * (size_t)T * V, sizeof *t->shift_after);
	ebb_arena_add(a, &t->shift_scratch, 2 * V, sizeof *t->shift_scratch);
	ebb_arena_add(a, &t->kl_old, t->needs.old_kl ? cells : 0, sizeof *t->kl_old);
	ebb_arena_add(a, &t->w_kl_old, t->needs.old_kl ? cells : 0, sizeof *t->w_kl_old);
	ebb_arena_add(a, &t->pool_logp, t->needs.pool ? cells : 0, sizeof *t->pool_logp);
	ebb_arena_add(a, &t->pool_logit, t->needs.pool && t->needs.logit ? cells : 0,
		      sizeof *t->pool_logit);
	ebb_arena_add(a, &t->logit, t->needs.logit ? pass : 0, sizeof *t->logit);
	ebb_arena_add(a, &t->decile_entropy, EBB_DECILES, sizeof *t->decile_entropy);
	ebb_arena_add(a, &t->decile_depth, t->needs.trees ? EBB_DECILES : 0,
		      sizeof *t->decile_depth);
	ebb_arena_add(a, &t->position_entropy, (size_t)T, sizeof *t->position_entropy);
	ebb_arena_add(a, &t->position_count, (size_t)T, sizeof *t->position_count);
	ebb_arena_add(a, &t->keep, (size_t)groups, sizeof *t->keep);
	ebb_arena_add(a, &t->order, (size_t)groups, sizeof *t->order);
	ebb_arena_add(a, &t->member, R, sizeof *t->member);
	ebb_arena_add(a, &t->n_gold, R, sizeof *t->n_gold);
	ebb_arena_add(a, &t->logp, pass, sizeof *t->logp);
	ebb_arena_add(a, &t->entropy, pass, sizeof *t->entropy);
	ebb_arena_add(a, &t->kl, pass, sizeof *t->kl);
	ebb_arena_add(a, &t->moment, 4 * pass, sizeof *t->moment);
	ebb_arena_add(a, &t->w_logp, pass, sizeof *t->w_logp);
	ebb_arena_add(a, &t->w_entropy, pass, sizeof *t->w_entropy);
	ebb_arena_add(a, &t->w_kl, pass, sizeof *t->w_kl);
	ebb_arena_add(a, &t->prompt, prompts, sizeof *t->prompt);
	ebb_arena_add(a, &t->sample, largest, sizeof *t->sample);
	ebb_arena_add(a, &t->sample_row, largest, sizeof *t->sample_row);
	ebb_arena_add(a, &t->row, larger(rows, larger(chains, shift)), sizeof *t->row);
	ebb_arena_add(a, &t->answer_token, R * (size_t)(P + T + t->lab->task->n_cue + EBB_GOLD_MAX),
		      sizeof *t->answer_token);
	ebb_arena_add(a, &t->answer_logp, R * EBB_GOLD_MAX, sizeof *t->answer_logp);
	ebb_arena_add(a, &t->prior_logp, R * EBB_GOLD_MAX, sizeof *t->prior_logp);
	ebb_arena_add(a, &t->answer_entropy, R * EBB_GOLD_MAX, sizeof *t->answer_entropy);
	ebb_arena_add(a, &t->logits, cells * V, sizeof *t->logits);
	ebb_arena_add(a, &t->logits_work, V, sizeof *t->logits_work);
	ebb_arena_add(a, &t->outcome, eval, sizeof *t->outcome);
	ebb_arena_add(a, &t->greedy_outcome, (size_t)o->eval.questions, sizeof *t->greedy_outcome);
	ebb_arena_add(a, &t->snap_token, R * (size_t)(P + T), sizeof *t->snap_token);
	ebb_arena_add(a, &t->snap_start, R, sizeof *t->snap_start);
	ebb_arena_add(a, &t->snap, cells, sizeof *t->snap);
	ebb_arena_add(a, &t->snap_clip, cells, sizeof *t->snap_clip);
	ebb_arena_add(a, &t->snap_logits, EBB_LOGIT_BINS, sizeof *t->snap_logits);
	ebb_arena_add(a, &t->mark, R * (size_t)t->stride, sizeof *t->mark);
	ebb_arena_add(a, &t->histogram, rows * EBB_LOGIT_BINS, sizeof *t->histogram);
	ebb_critic_register(t, groups * G, T);
	ebb_inject_register(t, groups, T);
}

/* Questions that stay the same for the whole trial. */
static void ask(struct ebb_trial *t, enum ebb_stream stream, bool held_out, struct ebb_store *s)
{
	for (int i = 0; i < s->n; i++) {
		struct ebb_draw draw = {.seed = t->o->seed, .stream = stream, .slot = (uint32_t)i};

		t->lab->task->question(t->o, &draw, held_out, &s->question[i]);
	}
}

int ebb_trial_open(struct ebb_trial **out, struct ebb_lab *lab, struct ebb_watch *watch,
		   struct ebb_err *err)
{
	const struct ebb_options *o = lab->o;
	int groups = (int)o->train.prompts, G = (int)ebb_group_size(o), P = lab->max_prompt,
	    T = lab->max_tokens, questions = (int)o->eval.questions, rc;
	struct ebb_trial *t = ebb_xcalloc(1, sizeof *t);

	*out = NULL;
	t->lab = lab;
	t->o = o;
	t->watch = watch;
	t->kl_coef = o->kl.coef;
	t->alpha = ebb_alpha_start(o);
	t->entropy_coef = ebb_alpha_at(o, t->alpha, 0, 0);
	t->started = ebb_clock();
	t->status = EBB_STATUS_COMPLETE;
	ebb_objective_needs(o, &t->needs);
	ebb_store_register(&t->fresh, &t->arena, groups, G, P, T);
	ebb_store_register(&t->batch, &t->arena, groups, G, P, T);
	ebb_store_register(&t->carry, &t->arena,
			   o->dynamic.surplus == EBB_SURPLUS_CARRY ? groups : 0, G, P, T);
	ebb_store_register(&t->hand, &t->arena, ebb_data_count(o) ? groups : 0, G, P, T);
	ebb_store_register(&t->reference, &t->arena, t->needs.reference_samples ? groups : 0,
			   t->needs.reference_samples, P, T);
	ebb_store_register(&t->greedy, &t->arena, t->needs.greedy ? groups : 0, 1, P, T);
	ebb_store_register(&t->eval, &t->arena, questions, (int)o->eval.samples, P, T);
	ebb_store_register(&t->eval_greedy, &t->arena, questions, 1, P, T);
	ebb_store_register(&t->shift, &t->arena, ebb_trial_shift_rows(o, T), 1, P, T);
	t->stride = t->needs.answer_rows && T < EBB_GOLD_MAX ? EBB_GOLD_MAX : T;
	register_probes(t, P, T);
	register_scratch(t, groups, G, P, T);
	ebb_grow_register(t);
	rc = ebb_arena_commit(&t->arena, err);
	if (rc < 0) {
		ebb_trial_close(t);
		return rc;
	}
	t->eval.n = t->eval_greedy.n = questions;
	ask(t, EBB_STREAM_EVAL_QUESTION, true, &t->eval);
	memcpy(t->eval_greedy.question, t->eval.question,
	       (size_t)questions * sizeof *t->eval.question);
	t->trees.n = t->trees.capacity;
	memcpy(t->trees.question, t->eval.question, (size_t)t->trees.n * sizeof *t->trees.question);
	ask(t, EBB_STREAM_CHAIN, true, &t->chains);
	*out = t;
	return 0;
}

void ebb_trial_record(struct ebb_trial *t, struct ebb_writer *writer,
		      const struct ebb_fields *fields)
{
	t->writer = writer;
	t->fields = fields;
}

void ebb_trial_close(struct ebb_trial *t)
{
	if (!t)
		return;
	ebb_weigh_release(&t->mb);
	ebb_arena_release(&t->arena);
	free(t);
}
