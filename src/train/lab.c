#include "train/lab.h"

#include <string.h>
#include <time.h>

volatile sig_atomic_t ebb_stop_requested;

double ebb_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void limits_of(const struct ebb_task *task, const struct ebb_options *o, int *prompt,
		      int *tokens)
{
	*prompt = task->prompt_limit(o);
	*tokens = o->sample.max_tokens > 0 ? (int)o->sample.max_tokens : task->limit(o);
}

int ebb_lab_response_limit(const struct ebb_options *o)
{
	const struct ebb_task *task = ebb_task_find(o->task.name);
	int prompt, tokens;

	if (!task)
		EBB_BUG("unknown task '%s' passed validation", o->task.name);
	limits_of(task, o, &prompt, &tokens);
	return tokens;
}

/* Zero options mean "derive it" (options.def). */
struct ebb_model ebb_lab_model(const struct ebb_options *o)
{
	const struct ebb_task *task = ebb_task_find(o->task.name);
	int prompt, tokens, demonstration = task->limit(o);
	struct ebb_model m = {
		.V = task->vocabulary,
		.C = (int)o->model.width,
		.NH = (int)o->model.heads,
		.NKV = (int)(o->model.kv_heads ? o->model.kv_heads : o->model.heads),
		.D = (int)(o->model.head_dim ? o->model.head_dim : o->model.width / o->model.heads),
		.F = (int)o->model.ffn,
		.L = (int)o->model.layers,
		.qkv_bias = o->model.qkv_bias,
		.qk_norm = o->model.qk_norm,
		.tied = o->model.tied,
		.value = o->critic.model != EBB_CRITIC_NONE,
		.rope_theta = o->model.rope_theta,
		.norm_eps = 1e-6f,
	};

	/* room for a prompt, a full response (a demonstration may be longer than the sampling
	 * limit), the answer cue and the gold answer of the information reward */
	limits_of(task, o, &prompt, &tokens);
	m.T = prompt + (demonstration > tokens ? demonstration : tokens) + task->n_cue +
	      EBB_GOLD_MAX;
	return m;
}

int ebb_lab_probe(const struct ebb_options *o)
{
	return (int)(o->ib.probe < o->eval.questions ? o->ib.probe : o->eval.questions);
}

bool ebb_lab_grows(const struct ebb_options *o, enum ebb_tree_sampler sampler)
{
	return sampler != EBB_TREE_OFF && sampler != EBB_TREE_INDEPENDENT && o->tree.rounds > 1;
}

/* The rows of the largest store whose trees grow. */
static int bank_rows(const struct ebb_options *o)
{
	int64_t train = ebb_lab_grows(o, o->tree.sampler) ? o->train.prompts : 0;
	int64_t probe = ebb_lab_grows(o, EBB_TREE_IB) ? ebb_lab_probe(o) : 0;

	return (int)((train > probe ? train : probe) * ebb_tree_group(o));
}

int ebb_lab_open(struct ebb_lab *lab, const struct ebb_options *o, struct ebb_err *err)
{
	static const char *const isa[] = {"auto", "avx512", "avx2", "scalar"};
	struct ebb_model model;
	int rc;

	memset(lab, 0, sizeof *lab);
	lab->o = o;
	lab->task = ebb_task_find(o->task.name);
	if (!lab->task)
		return ebb_err_set(err, EBB_EINVAL, "unknown task '%s'", o->task.name);
	limits_of(lab->task, o, &lab->max_prompt, &lab->max_tokens);
	lab->ops = ebb_cpu_ops(isa[o->run.isa], err);
	if (!lab->ops)
		return err->code;
	rc = ebb_pool_open(&lab->pool, (int)o->run.threads, err);
	model = ebb_lab_model(o);
	if (rc == 0)
		rc = ebb_layout_init(&lab->layout, &model, err);
	if (rc == 0)
		rc = ebb_engine_open(&lab->engine, &lab->layout, lab->ops, lab->pool,
				     (int)o->train.slot, err);
	if (rc == 0)
		rc = ebb_sampler_open(&lab->sampler, lab->engine, err);
	if (rc == 0 && bank_rows(o) > 0)
		rc = ebb_bank_open(&lab->bank, lab->engine, bank_rows(o),
				   lab->max_prompt + lab->max_tokens, err);
	if (rc < 0)
		ebb_lab_close(lab);
	return rc;
}

void ebb_lab_close(struct ebb_lab *lab)
{
	ebb_bank_close(lab->bank);
	if (lab->sampler)
		ebb_sampler_close(lab->sampler);
	if (lab->engine)
		ebb_engine_close(lab->engine);
	ebb_layout_release(&lab->layout);
	if (lab->pool)
		ebb_pool_close(lab->pool);
	memset(lab, 0, sizeof *lab);
}
