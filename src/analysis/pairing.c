#include "analysis/pairing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "record/about.h"
#include "record/pack.h"

/* Keys, or whole groups with a dot at the end. What decides which questions, which start and which
 * yardstick a seed means, and at which steps it is read off. */
static const char *const key_of[EBB_N_PAIRINGS][8] = {
	[EBB_PAIRING_BASE] = {"task.", "model.", "pretrain."},
	[EBB_PAIRING_EVAL] = {"eval.questions", "eval.samples", "eval.temperature"},
	[EBB_PAIRING_STEPS] = {"train.steps", "eval.cadence"},
};

/* Presets of a task, and the words about a group, name what other options say. */
static bool is_name(const char *key)
{
	const char *dot = strchr(key, '.');

	return strcmp(key, "task.preset") == 0 || (dot && strcmp(dot, ".about") == 0);
}

static bool belongs(const char *key, enum ebb_pairing_kind kind)
{
	for (int i = 0; i < 8 && key_of[kind][i]; i++) {
		const char *k = key_of[kind][i];
		size_t n = strlen(k);

		if (k[n - 1] == '.' ? strncmp(key, k, n) == 0 : strcmp(key, k) == 0)
			return !is_name(key);
	}
	return false;
}

static int read_options(struct ebb_about *about, const struct ebb_run *run, int arm,
			struct ebb_err *err)
{
	char *path;
	int rc;

	for (int s = 0; s < run->n_seeds; s++) {
		if (!run->finished[arm * run->n_seeds + s])
			continue;
		path = ebb_trial_path(ebb_run_folder(run, arm, s),
				      run->trial[arm * run->n_seeds + s]);
		rc = ebb_about_read(about, path, EBB_ABOUT_TRIAL, err);
		free(path);
		return rc;
	}
	return 0;
}

static const char *shown(const char *value)
{
	return value == NULL ? "-" : value[0] == '\0' ? "''" : value;
}

static void note(char **list, const char *key, const char *a, const char *b)
{
	char *one = ebb_xprintf("%s%s%s %s|%s", *list ? *list : "", *list ? ", " : "", key,
				shown(a), shown(b));

	free(*list);
	*list = one;
}

static void compare(struct ebb_pairing *out, const struct ebb_about_rows *a,
		    const struct ebb_about_rows *b)
{
	for (int k = 0; k < EBB_N_PAIRINGS; k++) {
		for (int i = 0; i < a->n; i++) {
			const char *other;

			if (!belongs(a->row[i].key, k))
				continue;
			other = ebb_about_get(b, a->row[i].key);
			if (!other || strcmp(other, a->row[i].value) != 0)
				note(&out->differ[k], a->row[i].key, a->row[i].value, other);
		}
		/* another task has options of its own */
		for (int i = 0; i < b->n; i++)
			if (belongs(b->row[i].key, k) && !ebb_about_get(a, b->row[i].key))
				note(&out->differ[k], b->row[i].key, NULL, b->row[i].value);
	}
}

int ebb_pairing_check(struct ebb_pairing *out, const struct ebb_run *run, int arm_a, int arm_b,
		      struct ebb_err *err)
{
	struct ebb_about a = {0}, b = {0};
	int rc;

	*out = (struct ebb_pairing){0};
	rc = read_options(&a, run, arm_a, err);
	if (rc == 0)
		rc = read_options(&b, run, arm_b, err);
	if (rc == 0 && a.option.n > 0 && b.option.n > 0)
		compare(out, &a.option, &b.option);
	ebb_about_release(&b);
	ebb_about_release(&a);
	return rc;
}

void ebb_pairing_release(struct ebb_pairing *p)
{
	for (int k = 0; k < EBB_N_PAIRINGS; k++)
		free(p->differ[k]);
	*p = (struct ebb_pairing){0};
}

const char *ebb_pairing_words(enum ebb_pairing_kind kind)
{
	static const char *const what[EBB_N_PAIRINGS] = {
		[EBB_PAIRING_BASE] = "do not start from the same base policies: the same seed "
				     "makes no pair, and the difference is not the algorithm's "
				     "alone",
		[EBB_PAIRING_EVAL] = "are evaluated differently: held-out values of the two are "
				     "not the same quantity",
		[EBB_PAIRING_STEPS] = "do not end, or are not evaluated, at the same steps: final "
				      "values are means over different steps",
	};

	return what[kind];
}
