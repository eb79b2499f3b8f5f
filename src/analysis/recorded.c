#include "analysis/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/resolved.h"
#include "base/file.h"
#include "record/about.h"

/* YAML's words for the infinities, as options read them. */
static const char *plain(const char *value)
{
	return strcmp(value, ".inf") == 0 ? "inf" : strcmp(value, "-.inf") == 0 ? "-inf" : value;
}

static int set_options(struct ebb_options *o, const struct ebb_resolved_arm *arm,
		       const struct ebb_catalog *catalog, struct ebb_err *err)
{
	const char *task = ebb_resolved_option(arm, "task.name");
	int rc = 0;

	ebb_options_init(o, catalog);
	if (task) /* first: its own options begin with its own defaults */
		rc = ebb_options_task(o, catalog, task, err);
	for (int i = 1; i < arm->n_options && rc == 0; i++) { /* 0 is the algorithm */
		const struct ebb_setting *s = &arm->option[i];
		const struct ebb_option *row = ebb_option_find(catalog, o->task.name, s->key);

		if (row && !(task && strcmp(s->key, "task.name") == 0))
			rc = ebb_option_set(o, row, plain(s->value), err);
	}
	snprintf(o->algorithm, sizeof o->algorithm, "%s", arm->option[0].value);
	return rc;
}

static int make_arm(struct ebb_arm *to, const struct ebb_run_arm *from,
		    const struct ebb_resolved *resolved, const struct ebb_catalog *catalog,
		    struct ebb_err *err)
{
	const struct ebb_resolved_arm *arm = ebb_resolved_arm(resolved, from->label);
	int rc;

	to->label = ebb_xstrdup(from->label);
	to->axis = ebb_xcalloc((size_t)from->n_axes + 1, sizeof *to->axis);
	for (int i = 0; i < from->n_axes; i++)
		to->axis[to->n_axes++] = (struct ebb_setting){ebb_xstrdup(from->axis[i].key),
							      ebb_xstrdup(from->axis[i].value)};
	if (!arm)
		return ebb_err_set(err, EBB_EFORMAT,
				   "its resolved definition has no arm '%s'; the same ebb run "
				   "command writes it anew",
				   from->label);
	rc = set_options(&to->options, arm, catalog, err);
	return rc < 0 ? ebb_err_wrap(err, "arm '%s'", from->label) : 0;
}

static int fill(struct ebb_definition *def, const struct ebb_run *run,
		const struct ebb_about *about, const struct ebb_catalog *catalog,
		struct ebb_err *err)
{
	const char *text = ebb_about_get(&about->root, "resolved");
	const char *source = ebb_about_get(&about->root, "definition");
	const char *overrides = ebb_about_get(&about->root, "overrides");
	struct ebb_resolved resolved = {0};
	int rc = ebb_resolved_read(&resolved, text ? text : "", err);

	def->name = ebb_xstrdup(run->name);
	def->about = ebb_xstrdup(run->about);
	def->source = ebb_xstrdup(source ? source : "");
	def->overrides = ebb_xstrdup(overrides ? overrides : "");
	def->seed = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof *def->seed);
	def->n_seeds = run->n_seeds;
	if (run->n_seeds > 0)
		memcpy(def->seed, run->seed, (size_t)run->n_seeds * sizeof *def->seed);
	def->arm = ebb_xcalloc((size_t)run->n_arms + 1, sizeof *def->arm);
	for (int a = 0; a < run->n_arms && rc == 0; a++)
		rc = make_arm(&def->arm[def->n_arms++], &run->arm[a], &resolved, catalog, err);
	ebb_resolved_release(&resolved);
	return rc;
}

int ebb_recorded_read(struct ebb_definition *def, const struct ebb_run *run,
		      const struct ebb_catalog *catalog, struct ebb_err *err)
{
	struct ebb_about about = {0};
	char *index;
	int rc;

	*def = (struct ebb_definition){0};
	if (run->n_sources > 1)
		return ebb_err_set(
			err, EBB_EINVAL,
			"claims speak of the arms of one run, and these are %d; name one",
			run->n_sources);
	index = ebb_path_join(run->dir, "run.h5");
	rc = ebb_about_read(&about, index, EBB_ABOUT_RUN, err);
	if (rc == 0) {
		rc = fill(def, run, &about, catalog, err);
		if (rc < 0)
			ebb_err_wrap(err, "cannot read '%s'", index);
	}
	ebb_about_release(&about);
	free(index);
	if (rc < 0)
		ebb_definition_release(def);
	return rc;
}
