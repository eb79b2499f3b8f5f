/*
 * Who draws the responses that preferences are learnt from. EI 8.4. Prompts are fresh every step;
 * the policy that answers them is the trained one, a copy of it that is renewed every
 * preference.refresh rollout batches (0: the base, for good), or the policies of preference.data,
 * other trials' at some step, among which the G responses of a prompt are dealt in turn: response g
 * is policy g mod n's, with the random numbers it would have had anyway. Each response keeps the
 * log-probabilities of its own policy, its label.
 */
#include <string.h>
#include "train/bench.h"
#include "train/stage.h"

/* ---- preference.data ---- */

bool ebb_data_next(const char **at, char word[EBB_STR_MAX])
{
	size_t n;

	*at += strspn(*at, " ");
	n = ebb_policy_word(*at);
	memcpy(word, *at, n);
	word[n] = 0;
	*at += n;
	return n > 0;
}

int ebb_data_count(const struct ebb_options *o)
{
	const char *at = o->preference.data;
	char word[EBB_STR_MAX];
	int n = 0;

	while (o->loss.policy == EBB_POLICY_PREFERENCE && ebb_data_next(&at, word))
		n++;
	return n;
}

int ebb_data_check(const struct ebb_options *o, struct ebb_err *err)
{
	const char *at = o->preference.data;
	const int n = ebb_data_count(o);
	struct ebb_branch branch;
	char word[EBB_STR_MAX];

	if (n > o->train.group)
		return ebb_err_set(
			err, EBB_EINVAL,
			"preference.data names %d policies, but train.group=%lld responses "
			"are dealt to them: raise train.group or name fewer",
			n, (long long)o->train.group);
	while (n > 0 && ebb_data_next(&at, word)) {
		if (!ebb_branch_parse(word, &branch))
			return ebb_err_set(
				err, EBB_EINVAL,
				"preference.data: '%s' is not of the form RUN/TRIAL@STEP", word);
		if (ebb_branch_check(&branch, o, err) < 0)
			return ebb_err_wrap(err, "preference.data");
	}
	return 0;
}

int ebb_data_weights(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		     struct ebb_watch *watch, struct ebb_err *err)
{
	const struct ebb_options *o = lab->o;
	struct ebb_options as_base = *o;
	const char *at = o->preference.data;
	char word[EBB_STR_MAX];
	int rc = 0;

	lab->o = &as_base;
	for (int i = 0; rc == 0 && ebb_data_next(&at, word); i++) {
		memset(as_base.pretrain.from, 0, sizeof as_base.pretrain.from);
		memcpy(as_base.pretrain.from, word, strlen(word));
		rc = ebb_base_get(lab, base_dir, &w[i], watch, err);
		if (rc < 0)
			ebb_err_wrap(err, "preference.data");
	}
	lab->o = o;
	return rc;
}

/* ---- the drawing policy ---- */

bool ebb_trial_off_policy(const struct ebb_trial *t)
{
	return t->needs.own_pass;
}

int ebb_trial_behaviours(const struct ebb_trial *t)
{
	const int data = ebb_data_count(t->o);

	return data > 0 ? data : ebb_trial_off_policy(t) && t->o->preference.refresh > 1;
}

enum ebb_policy ebb_trial_behaviour(const struct ebb_trial *t)
{
	if (!ebb_trial_off_policy(t))
		return ebb_trial_sampler(t);
	return t->o->preference.refresh == 0 ? EBB_POLICY_BASE : EBB_POLICY_RING;
}

/* The copy that draws becomes today's policy; at step 0 it is the base already. */
int ebb_stage_copy(struct ebb_trial *t, struct ebb_err *err)
{
	const int64_t every = t->o->preference.refresh;

	t->stage = STAGE_REFRESH;
	if (!ebb_trial_off_policy(t) || ebb_data_count(t->o) > 0 || every == 0 || t->step == 0 ||
	    t->step % every != 0)
		return NEXT;
	t->request = (struct ebb_request){
		.kind = EBB_REQUEST_BLEND, .against = -1, .mix = 1, .policy = EBB_POLICY_RING};
	return WORK;
}

/* Responses of a prompt that policy k of n draws. */
static int share_of(const struct ebb_trial *t, int k, int n)
{
	return (t->fresh.G - k + n - 1) / n;
}

/* Response j of policy k's hand is response k + j n of its prompt. */
static void deal_hand(struct ebb_trial *t, int k, int n)
{
	const int share = share_of(t, k, n);
	const size_t T = (size_t)t->fresh.T;
	const struct ebb_store *hand = &t->hand;
	struct ebb_store *s = &t->fresh;

	for (int i = 0; i < s->n; i++)
		for (int j = 0; j < share; j++) {
			const size_t from = (size_t)(i * share + j);
			const size_t to = (size_t)(i * s->G + k + j * n);

			memcpy(s->response + to * T, hand->response + from * T,
			       T * sizeof *s->response);
			memcpy(s->logp + to * T, hand->logp + from * T, T * sizeof *s->logp);
			memcpy(s->sampler_logp + to * T, hand->sampler_logp + from * T,
			       T * sizeof *s->sampler_logp);
			s->length[to] = hand->length[from];
			s->truncated[to] = hand->truncated[from];
		}
}

int ebb_stage_deal(struct ebb_trial *t, struct ebb_err *err)
{
	const int n = ebb_data_count(t->o);
	const struct ebb_draw draw = ebb_trial_draw(t, EBB_STREAM_DECODE);
	int k;

	if (n == 0) {
		t->stage = STAGE_DRAWN;
		return ebb_grow(t, &t->fresh, t->o->tree.sampler, ebb_trial_behaviour(t), draw);
	}
	if (t->dealt > 0) {
		t->t_sample += t->request.seconds;
		deal_hand(t, t->dealt - 1, n);
	}
	if (t->dealt == n) {
		t->request.seconds = 0;
		t->drawn_from = 0;
		t->drawn = t->fresh.G;
		t->stage = STAGE_DRAWN;
		return NEXT;
	}
	k = t->dealt++;
	t->hand.n = t->fresh.n;
	t->hand.G = share_of(t, k, n);
	memcpy(t->hand.question, t->fresh.question, (size_t)t->fresh.n * sizeof *t->fresh.question);
	ebb_trial_decode(t, &t->hand, EBB_POLICY_RING + k, draw, false);
	for (int i = 0; i < t->hand.n; i++)
		for (int j = 0; j < t->hand.G; j++)
			t->sample[i * t->hand.G + j].draw.sample = (uint32_t)(k + j * n);
	return WORK;
}
