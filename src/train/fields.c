#include "train/fields.h"

#include <stdlib.h>
#include <string.h>
#include "train/measure.h"

static struct ebb_field of_metric(const struct ebb_metric *m)
{
	return (struct ebb_field){.name = m->name,
				  .unit = m->unit,
				  .about = m->about,
				  .source = m->source,
				  .axis = m->axis,
				  .element = EBB_F64_ELEMENT,
				  .deterministic = m->deterministic};
}

void ebb_fields_init(struct ebb_fields *f, const struct ebb_task *task, const struct ebb_options *o,
		     int R, int P, int T)
{
	int questions = (int)o->eval.questions, samples = (int)o->eval.samples, n_metrics;
	const struct ebb_metric *metric = ebb_metric_rows(&n_metrics);
	double temperature[EBB_TEMPERATURES_MAX];
	const int K = ebb_temperatures(o, temperature, NULL);
	/* clang-format off */
	const struct ebb_field array[EBB_N_ARRAY_FIELDS] = {
		[EBB_FIELD_STEP] = {"axis/step", "steps", "rollout batches completed when the row was measured", "", EBB_AXIS_STEP, EBB_F64_ELEMENT, .deterministic = true},
		[EBB_FIELD_UPDATE] = {"axis/update", "updates", "optimizer updates before this one, skipped ones counted", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT, .deterministic = true},
		[EBB_FIELD_UPDATE_STEP] = {"actor/update_of_step", "steps", "rollout batch an update belongs to", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT, .deterministic = true},
		[EBB_FIELD_EVAL] = {"axis/eval", "steps", "rollout batches completed when evaluated", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT, .deterministic = true},
		[EBB_FIELD_SNAPSHOT] = {"axis/snapshot", "steps", "rollout batch of the stored tensors", "", EBB_AXIS_SNAPSHOT, EBB_F64_ELEMENT, .deterministic = true},
		[EBB_FIELD_POSITION_ENTROPY] = {"position/entropy", "nats", "policy entropy by response position, mean over responses that long", "EI 1.5", EBB_AXIS_STEP, EBB_F64_ELEMENT, 1, {T}, {"response position"}, true},
		[EBB_FIELD_POSITION_COUNT] = {"position/count", "responses", "responses with a token at this position", "", EBB_AXIS_STEP, EBB_F64_ELEMENT, 1, {T}, {"response position"}, true},
		[EBB_FIELD_DECILE_ENTROPY] = {"position/entropy_decile", "nats", "policy entropy by relative position in the response, mean over its tokens", "EI 1.5", EBB_AXIS_STEP, EBB_F64_ELEMENT, 1, {EBB_DECILES}, {"decile of the response"}, true},
		[EBB_FIELD_OUTCOME] = {"eval/outcome", "", "held-out samples: 1 right, 0 wrong", "", EBB_AXIS_EVAL, EBB_U8_ELEMENT, 2, {questions, samples}, {"question", "sample"}, true},
		[EBB_FIELD_GREEDY] = {"eval/greedy_outcome", "", "held-out greedy answers: 1 right, 0 wrong", "", EBB_AXIS_EVAL, EBB_U8_ELEMENT, 1, {questions}, {"question"}, true},
		[EBB_FIELD_SNAP_TOKEN] = {"snapshot/token", "token id", "prompt and response; -1 beyond the end", "", EBB_AXIS_SNAPSHOT, EBB_I32_ELEMENT, 2, {R, P + T}, {"response", "position"}, true},
		[EBB_FIELD_SNAP_START] = {"snapshot/start", "tokens", "index of the first response token", "", EBB_AXIS_SNAPSHOT, EBB_I32_ELEMENT, 1, {R}, {"response"}, true},
		[EBB_FIELD_SNAP_LOGP] = {"snapshot/logp", "nats", "log-probability of the drawn token", "", EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 2, {R, T}, {"response", "response position"}, true},
		[EBB_FIELD_SNAP_ENTROPY] = {"snapshot/entropy", "nats", "exact entropy of the next-token distribution", "", EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 2, {R, T}, {"response", "response position"}, true},
		[EBB_FIELD_SNAP_ADVANTAGE] = {"snapshot/advantage", "reward", "advantage of the token", "", EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 2, {R, T}, {"response", "response position"}, true},
		[EBB_FIELD_SNAP_REWARD] = {"snapshot/reward", "reward", "verifier reward of the response", "", EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 1, {R}, {"response"}, true},
		[EBB_FIELD_SNAP_CLIP] = {"snapshot/clip", "", "the clip in the step's last update with the token: 0 passed, 1 low, 2 high, 3 dual", "PG 2", EBB_AXIS_SNAPSHOT, EBB_U8_ELEMENT, 2, {R, T}, {"response", "response position"}, true},
		[EBB_FIELD_SNAP_LOGITS] = {"snapshot/logit_histogram", "share", "raw logits of the step's first update, 96 bins of 0.5 from -24 to 24", "EI 7.4", EBB_AXIS_SNAPSHOT, EBB_F64_ELEMENT, 1, {EBB_LOGIT_BINS}, {"bin"}, true},
		[EBB_FIELD_SNAP_VALUE] = {"snapshot/value", "reward", "the critic's value of the state before the token, before the step's updates", "PG 4.2", EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 2, {R, T}, {"response", "response position"}, true},
		[EBB_FIELD_TEMPERATURE] = {"eval/temperature", "", "temperatures of eval/accuracy_at_temperature, 0: greedy", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT, 1, {K}, {"temperature"}, true},
		[EBB_FIELD_ACCURACY_AT] = {"eval/accuracy_at_temperature", "share", "held-out accuracy of samples at each of eval/temperature", "EI 7.5 evaluation temperature sweep", EBB_AXIS_EVAL, EBB_F64_ELEMENT, 1, {K}, {"temperature"}, true},
		[EBB_FIELD_TREE_DEPTH] = {"tree/depth_decile", "branches", "branched responses by the share of each that it took over", "EI 5.6 branch depth histogram", EBB_AXIS_STEP, EBB_F64_ELEMENT, 1, {EBB_DECILES}, {"tenth of the response"}, true},
	};
	/* clang-format on */
	const bool absent[EBB_N_ARRAY_FIELDS] = {
		[EBB_FIELD_SNAP_VALUE] = o->critic.model == EBB_CRITIC_NONE,
		[EBB_FIELD_TEMPERATURE] = K == 0,
		[EBB_FIELD_ACCURACY_AT] = K == 0,
		[EBB_FIELD_TREE_DEPTH] = o->tree.sampler == EBB_TREE_OFF,
	};

	f->n_metrics = n_metrics;
	f->first_curve = n_metrics;
	f->first_array = n_metrics + task->n_curves;
	f->n = f->first_array;
	for (int i = 0; i < EBB_N_ARRAY_FIELDS; i++)
		f->place[i] = absent[i] ? -1 : f->n++ - f->first_array;
	f->field = ebb_xcalloc((size_t)f->n, sizeof *f->field);
	for (int i = 0; i < n_metrics; i++)
		f->field[i] = of_metric(&metric[i]);
	for (int i = 0; i < task->n_curves; i++)
		f->field[f->first_curve + i] = of_metric(&task->curve[i]);
	for (int i = 0; i < EBB_N_ARRAY_FIELDS; i++)
		if (!absent[i])
			f->field[f->first_array + f->place[i]] = array[i];
}

void ebb_fields_release(struct ebb_fields *f)
{
	free(f->field);
	memset(f, 0, sizeof *f);
}
