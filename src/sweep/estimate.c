/* What a run would do and cost, before it does it. */
#include <math.h>
#include <stdlib.h>
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
	double rows = (double)(o->train.prompts * o->train.group);
	double width = lab->max_prompt + lab->max_tokens;
	double evals =
		2 +
		(o->eval.cadence > 0 ? floor((double)o->train.steps / (double)o->eval.cadence) : 0);
	double tokens = (double)o->train.steps * rows * width * (1 + 3 * (double)o->train.epochs);

	tokens += evals * (double)(o->eval.questions * (o->eval.samples + 1)) * width;
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
	ebb_fields_init(&f, lab->task, o, (int)(o->train.prompts * o->train.group), lab->max_prompt,
			lab->max_tokens);
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

int ebb_sweep_plan_print(const struct ebb_sweep *s, FILE *out, struct ebb_err *err)
{
	const struct ebb_definition *def = s->def;
	double flops = 0, bytes = 0, seconds, peak = 0;
	int jobs = ebb_sweep_jobs(s), missing = 0;

	fprintf(out, "%-16s  %-40s  %6s  %s\n", "trial", "arm", "seed", "state");
	for (int i = 0; i < def->n_plans; i++) {
		const struct ebb_plan *p = &def->plan[i];
		int done = ebb_trial_exists(s->run_dir, p->id);

		fprintf(out, "%-16s  %-40s  %6llu  %s\n", p->id, def->arm[p->arm].label,
			(unsigned long long)p->options.seed, done ? "done" : "to run");
		if (!done) {
			struct ebb_lab lab;
			int rc = ebb_lab_open(&lab, &p->options, err);

			if (rc < 0)
				return rc;
			flops += trial_flops(&lab);
			bytes += trial_bytes(&lab);
			if (peak == 0)
				peak = ebb_cpu_peak_flops(lab.ops) * 1e9;
			ebb_lab_close(&lab);
			missing++;
		}
	}
	seconds = peak > 0 ? flops / (STEP_SHARE * peak) / jobs : 0;
	fprintf(out,
		"%d arms x %d seeds = %d trials, %d to run on %d workers: roughly %.0f s and %.1f "
		"MiB, base policies not counted\n",
		def->n_arms, def->n_seeds, def->n_plans, missing, jobs, seconds, bytes / 1048576.0);
	for (int i = 0; i < def->n_arms; i++) {
		for (int k = 0; k < i; k++) {
			if (def->plan_of[i * def->n_seeds] == def->plan_of[k * def->n_seeds]) {
				fprintf(out,
					"arms '%s' and '%s' resolve to the same options and "
					"share their trials\n",
					def->arm[k].label, def->arm[i].label);
				break;
			}
		}
	}
	return 0;
}
