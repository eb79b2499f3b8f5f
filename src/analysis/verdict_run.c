/* The claims of a run on disk: its own definition, its own trials. */
#include <stdlib.h>
#include <string.h>
#include "analysis/pairing.h"
#include "analysis/recorded.h"
#include "analysis/verdict.h"

/* Claims ask for the same curves again and again; a file is opened once for each. */
struct cached {
	int arm, seed;
	char *metric;
	enum ebb_scale scale;
	struct ebb_curve curve; /* n = 0: the trial has none */
};

struct source {
	const struct ebb_run *run;
	struct cached *entry;
	int n, capacity;
};

/* Finished, and not diverged: what became of a diverged trial is no outcome of its arm. */
static int is_usable(const struct ebb_run *run, int arm, int seed, bool *usable,
		     struct ebb_err *err)
{
	char status[16] = "";
	int rc = 0;

	*usable = run->finished[arm * run->n_seeds + seed];
	if (*usable)
		rc = ebb_run_status(run, arm, seed, status, err);
	*usable = *usable && strcmp(status, "diverged") != 0;
	return rc;
}

static int load(const struct ebb_run *run, struct cached *c, struct ebb_err *err)
{
	bool usable;
	int rc = is_usable(run, c->arm, c->seed, &usable, err);

	if (rc == 0 && usable) {
		rc = ebb_curve_read(&c->curve, run, c->arm, c->seed, c->metric, c->scale, err);
		if (rc == EBB_ENOENT) /* this arm does not record the metric */
			rc = 0;
	}
	return rc;
}

static void copy(struct ebb_curve *to, const struct ebb_curve *from)
{
	size_t n = (size_t)from->n;

	*to = (struct ebb_curve){.seed = from->seed, .n = from->n};
	to->x = ebb_xcalloc(n + 1, sizeof *to->x);
	to->y = ebb_xcalloc(n + 1, sizeof *to->y);
	if (n > 0) {
		memcpy(to->x, from->x, n * sizeof *to->x);
		memcpy(to->y, from->y, n * sizeof *to->y);
	}
}

static int curve_of(void *ctx, int arm, int seed, const char *metric, enum ebb_scale scale,
		    struct ebb_curve *out, struct ebb_err *err)
{
	struct source *s = ctx;
	struct cached *c;
	int rc;

	for (int i = 0; i < s->n; i++) {
		c = &s->entry[i];
		if (c->arm == arm && c->seed == seed && c->scale == scale &&
		    strcmp(c->metric, metric) == 0) {
			copy(out, &c->curve);
			return 0;
		}
	}
	if (s->n == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 64;
		s->entry = ebb_xrealloc(s->entry, (size_t)s->capacity, sizeof *s->entry);
	}
	c = &s->entry[s->n++];
	*c = (struct cached){arm, seed, ebb_xstrdup(metric), scale, {0}};
	rc = load(s->run, c, err);
	if (rc == 0)
		copy(out, &c->curve);
	return rc;
}

static void source_release(struct source *s)
{
	for (int i = 0; i < s->n; i++) {
		ebb_curve_release(&s->entry[i].curve);
		free(s->entry[i].metric);
	}
	free(s->entry);
}

/* ---- are the seeds pairs? ---- */

static void append(char **note, const char *text)
{
	char *one = ebb_xprintf("%s%s%s", *note, (*note)[0] ? "; " : "", text);

	free(*note);
	*note = one;
}

/* Seeds pair arms that differ in how they are trained, not in what they start from or how they are
 * measured: the first reason against goes to the note. */
static int note_pairing(struct ebb_judgement *j, const struct ebb_run *run, struct ebb_err *err)
{
	bool noted = j->verdict == EBB_NOT_APPLICABLE;
	int rc = 0;

	for (int i = 1; i < j->n_arms && rc == 0 && !noted; i++) {
		struct ebb_pairing pairing;

		rc = ebb_pairing_check(&pairing, run, j->arm[0], j->arm[i], err);
		for (int k = 0; k < EBB_N_PAIRINGS && rc == 0 && !noted; k++)
			if (pairing.differ[k]) {
				char *text = ebb_xprintf(
					"'%s' and '%s' %s (%s)", run->arm[j->arm[0]].label,
					run->arm[j->arm[i]].label,
					ebb_pairing_words((enum ebb_pairing_kind)k),
					pairing.differ[k]);

				append(&j->note, text);
				free(text);
				noted = true;
			}
		ebb_pairing_release(&pairing);
	}
	return rc;
}

static int judge_sound(struct ebb_judgements *out, const struct ebb_run *run,
		       const struct ebb_claim *claim, const struct ebb_claim_reason *why, int n,
		       const struct ebb_claim_scope *scope, struct ebb_err *err)
{
	struct source source = {.run = run};
	struct ebb_claim_data data = {.def = scope->def, .ctx = &source, .curve = curve_of};
	int rc = ebb_judge(out, claim, why, n, scope, &data, err);

	source_release(&source);
	for (int i = 0; i < out->n && rc == 0; i++)
		rc = note_pairing(&out->claim[i], run, err);
	if (rc < 0)
		ebb_judgements_release(out);
	return rc;
}

int ebb_judge_run(struct ebb_judgements *out, const struct ebb_run *run, const char *const *text,
		  int n, const struct ebb_claim_scope *scope, struct ebb_diag *diag,
		  struct ebb_err *err)
{
	struct ebb_claim_scope own = *scope;
	struct ebb_definition def;
	struct ebb_claim_reason *why;
	struct ebb_claim *claim;
	int wrong = 0, rc;

	*out = (struct ebb_judgements){0};
	own.recorded = text == NULL;
	if (!text) {
		text = (const char *const *)run->claim;
		n = run->n_claims;
	}
	claim = ebb_xcalloc((size_t)n + 1, sizeof *claim);
	why = ebb_xcalloc((size_t)n + 1, sizeof *why);
	rc = ebb_recorded_read(&def, run, scope->catalog, err);
	own.def = &def;
	if (rc == 0 && !own.recorded) /* written for the run as it is: no override explains them */
		def.overrides[0] = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		struct ebb_mark nowhere = {0};

		if (!ebb_claim_parse(&claim[i], text[i], nowhere, false, diag))
			wrong++;
		else
			wrong += ebb_claim_check(&claim[i], &own, diag, &why[i]) == EBB_CLAIM_WRONG;
	}
	if (rc == 0 && wrong > 0)
		rc = ebb_err_set(err, EBB_EINVAL, "%d of %d claims cannot be judged", wrong, n);
	if (rc == 0)
		rc = judge_sound(out, run, claim, why, n, &own, err);
	for (int i = 0; i < n; i++)
		ebb_claim_release(&claim[i]);
	free(claim);
	free(why);
	ebb_definition_release(&def);
	return rc;
}
