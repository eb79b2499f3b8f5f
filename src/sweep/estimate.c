/* What a run would do and cost, before it does it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "record/standing.h"
#include "sweep/device.h"
#include "sweep/sweep.h"
#include "train/fields.h"
#include "train/trial.h"

/* The share of the fused multiply-add peak that a whole step reaches on small models, measured
 * with ebb bench (docs/SPEED.md); for this rough estimate only. */
#define STEP_SHARE 0.4

/* Floating-point operations of one forward pass a token, multiply-add = 2. */
static double forward_flops(const struct ebb_lab *lab)
{
	const struct ebb_model *m = &lab->layout.model;
	double d = m->C, q = (double)m->NH * m->D, kv = (double)m->NKV * m->D;
	double layer = d * (q + 2 * kv) + q * d + 3 * d * m->F;
	double context = lab->max_prompt + lab->max_tokens / 2.0;

	return 2 * (m->L * layer + (double)m->V * d) + 4 * m->L * q * context;
}

static double trial_flops(const struct ebb_lab *lab)
{
	const struct ebb_options *o = lab->o;
	double rows = (double)(o->train.prompts * ebb_group_size(o));
	double width = lab->max_prompt + lab->max_tokens;
	double evals =
		2 +
		(o->eval.cadence > 0 ? floor((double)o->train.steps / (double)o->eval.cadence) : 0);
	double probes =
		o->probe.cadence > 0
			? fmin(evals, 2 + floor((double)o->train.steps / (double)o->probe.cadence))
			: 1;
	double update = 3 * (double)o->train.epochs, passes = 1 + update, tokens;
	double temperature[EBB_TEMPERATURES_MAX];
	const int sets = 1 + ebb_temperatures(o, temperature, NULL);

	if (o->advantage.center == EBB_CENTER_STATIC)
		passes += (double)o->advantage.reference_samples / (double)ebb_group_size(o);
	if (o->critic.model != EBB_CRITIC_NONE)
		passes += o->critic.model == EBB_CRITIC_SEPARATE ? 1 + update : 1;
	tokens = (double)o->train.steps * rows * width * passes;
	tokens += evals * (double)(o->eval.questions * (o->eval.samples * sets + 1)) * width;
	tokens += probes * (double)(ebb_lab_probe(o) * ebb_tree_group(o)) * width;
	tokens += 2 * probes * (double)o->probe.states;
	tokens += evals * (double)(o->eval.chains * o->eval.chains) * width;
	if (o->em.select != EBB_EM_NONE)
		tokens += (double)(o->em.candidates * o->em.samples) * width;
	return tokens * forward_flops(lab);
}

static double trial_bytes(const struct ebb_lab *lab)
{
	const struct ebb_options *o = lab->o;
	double rows[EBB_N_AXES], bytes = 65536;
	struct ebb_fields f;

	rows[EBB_AXIS_STEP] = (double)o->train.steps;
	rows[EBB_AXIS_UPDATE] = (double)(o->train.steps * o->train.epochs * o->train.minibatches);
	rows[EBB_AXIS_EVAL] =
		2 + (o->eval.cadence > 0 ? (double)o->train.steps / (double)o->eval.cadence : 0);
	rows[EBB_AXIS_SNAPSHOT] = o->record.snapshot > 0
					  ? (double)o->train.steps / (double)o->record.snapshot + 1
					  : 0;
	ebb_fields_init(&f, lab->task, o, (int)(o->train.prompts * ebb_group_size(o)),
			lab->max_prompt, lab->max_tokens);
	for (int i = 0; i < f.n; i++) {
		static const double size[] = {8, 4, 4, 1};
		double cell = size[f.field[i].element];

		for (int k = 0; k < f.field[i].rank; k++)
			cell *= f.field[i].dim[k];
		bytes += cell * rows[f.field[i].axis];
	}
	ebb_fields_release(&f);
	return bytes;
}

/* Weights and two moments of what a finished trial keeps, a separate critic's too, and its rows as a
 * journal. */
static double state_bytes(const struct ebb_lab *lab, double record)
{
	const struct ebb_options *o = lab->o;
	double states = o->record.last;

	if (o->record.states > 0)
		states += floor((double)o->train.steps / (double)o->record.states);
	if (o->critic.model == EBB_CRITIC_SEPARATE)
		states *= 2;
	return states > 0 ? record + states * 12.0 * (double)lab->layout.n_floats : 0;
}

static double base_flops(const struct ebb_lab *lab)
{
	const struct ebb_options *o = lab->o;
	double width = lab->task->prompt_limit(o) + lab->task->limit(o) / 2.0;

	return 3 * (double)(o->pretrain.steps * o->pretrain.batch) * width * forward_flops(lab);
}

struct cost {
	double trial_flops, base_flops, bytes;
};

/* Trials of an arm differ in their seeds alone. */
static int cost_of_arm(const struct ebb_arm *arm, double *peak, struct cost *c, struct ebb_err *err)
{
	struct ebb_lab lab;
	int rc = ebb_lab_open(&lab, &arm->options, err);

	if (rc == EBB_ENOMEM)
		ebb_err_wrap(err,
			     "arm '%s' does not fit into memory; lower model.*, train.prompts "
			     "or train.group",
			     arm->label);
	if (rc < 0)
		return rc;
	c->trial_flops = trial_flops(&lab);
	c->base_flops = base_flops(&lab);
	c->bytes = trial_bytes(&lab);
	c->bytes += state_bytes(&lab, c->bytes);
	if (*peak == 0)
		*peak = ebb_cpu_peak_flops(lab.ops) * 1e9;
	ebb_lab_close(&lab);
	return 0;
}

struct unit {
	double size;
	const char *name;
};

/* In the largest unit of which there are at least two; the first where there is none. */
static void print_amount(FILE *out, double value, const struct unit *unit, int n)
{
	while (n > 1 && value < 2 * unit[n - 1].size)
		n--;
	value /= unit[n - 1].size;
	fprintf(out, value < 10 ? "%.1f %s" : "%.0f %s", value, unit[n - 1].name);
}

static void print_duration(FILE *out, double s)
{
	static const struct unit unit[] = {{1, "s"}, {60, "min"}, {3600, "h"}, {86400, "days"}};

	print_amount(out, s, unit, 4);
}

static void print_size(FILE *out, double bytes)
{
	static const struct unit unit[] = {
		{0x1p10, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"}, {0x1p40, "TiB"}};

	print_amount(out, bytes, unit, 4);
}

static const char *state_of(const struct ebb_sweep *s, const struct ebb_plan *p, bool *done)
{
	struct ebb_standing standing;

	ebb_standing_read(s->run_dir, p->id, &standing);
	*done = ebb_state_finished(standing.state);
	return *done || standing.state == EBB_STATE_RUNNING ? ebb_state_word(standing.state)
	       : standing.resume >= 0                       ? "to go on"
							    : "to run";
}

/* Is this the first trial that needs this base, and is the base not there? */
static bool makes_base(const struct ebb_sweep *s, char **base, int *n_bases, int plan)
{
	char *path = ebb_base_path(&s->def->plan[plan].options, s->base_dir);
	bool known = ebb_file_exists(path);

	for (int k = 0; k < *n_bases && !known; k++)
		known = strcmp(base[k], path) == 0;
	if (known)
		free(path);
	else
		base[(*n_bases)++] = path;
	return !known;
}

/* Equal arms have the trials of the first of them. */
static void note_equal_arms(const struct ebb_definition *def, FILE *out)
{
	for (int i = 0; i < def->n_arms; i++) {
		int first = def->plan[def->plan_of[i * def->n_seeds]].arm;

		if (first != i)
			fprintf(out,
				"arms '%s' and '%s' resolve to the same options and share their "
				"trials\n",
				def->arm[first].label, def->arm[i].label);
	}
}

int ebb_sweep_plan_print(const struct ebb_sweep *s, FILE *out, struct ebb_err *err)
{
	const struct ebb_definition *def = s->def;
	struct cost *cost = ebb_xcalloc((size_t)def->n_arms, sizeof *cost), all = {0};
	char **base = ebb_xcalloc((size_t)def->n_plans, sizeof *base);
	int jobs = ebb_sweep_jobs(s), missing = 0, n_bases = 0, rc = 0;
	double peak = 0;

	for (int i = 0; i < def->n_arms && rc == 0; i++)
		rc = cost_of_arm(&def->arm[i], &peak, &cost[i], err);
	if (rc < 0)
		goto out;
	fprintf(out, "%-16s  %-40s  %6s  %s\n", "trial", "arm", "seed", "state");
	for (int i = 0; i < def->n_plans; i++) {
		const struct ebb_plan *p = &def->plan[i];
		const struct cost *c = &cost[p->arm];
		bool done;

		fprintf(out, "%-16s  %-40s  %6llu  %s\n", p->id, def->arm[p->arm].label,
			(unsigned long long)p->options.seed, state_of(s, p, &done));
		if (done)
			continue;
		missing++;
		all.trial_flops += c->trial_flops;
		all.bytes += c->bytes;
		if (makes_base(s, base, &n_bases, i))
			all.base_flops += c->base_flops;
	}
	fprintf(out, "%d arm%s x %d seed%s = %d trial%s, %d to run", def->n_arms,
		def->n_arms == 1 ? "" : "s", def->n_seeds, def->n_seeds == 1 ? "" : "s",
		def->n_plans, def->n_plans == 1 ? "" : "s", missing);
	if (missing > 0) {
		fprintf(out, " after %d base polic%s on %d worker%s: roughly ", n_bases,
			n_bases == 1 ? "y" : "ies", jobs, jobs == 1 ? "" : "s");
		print_duration(out,
			       (all.trial_flops + all.base_flops) / (STEP_SHARE * peak) / jobs);
		fputs(" and ", out);
		print_size(out, all.bytes);
		fputs(" of disk", out);
	}
	fputs("\n", out);
	note_equal_arms(def, out);
	ebb_device_print(s, out);
out:
	for (int k = 0; k < n_bases; k++)
		free(base[k]);
	free(base);
	free(cost);
	return rc;
}
