#include "sweep/growth.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "record/record.h"
#include "train/bench.h"

#define SHOWN_MAX 6 /* options named in a message */

static int plan_of(const struct ebb_definition *def, const char *id)
{
	for (int i = 0; i < def->n_plans; i++)
		if (strcmp(def->plan[i].id, id) == 0)
			return i;
	return -1;
}

/* "<id>.h5" to its id; false: another kind of file. */
static bool id_of(const char *name, char id[EBB_ID_MAX])
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n != EBB_ID_MAX - 1 || strcmp(name + n, ".h5") != 0)
		return false;
	memcpy(id, name, n);
	id[n] = 0;
	return true;
}

/* ---- identities, line by line ---- */

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

static size_t line_length(const char *line)
{
	return strcspn(line, "\n");
}

/* The line of `text` with the key of this line; null: none. */
static const char *line_of_key(const char *text, const char *line)
{
	size_t n = strcspn(line, "=\n") + 1;

	for (; *text; text = next_line(text))
		if (strncmp(text, line, n) == 0)
			return text;
	return NULL;
}

/* Add what `text` has and `other` has not or has otherwise; both: lines that both have differently
 * were named already. Returns how many there are. */
static int differences(const char *text, const char *other, bool both, const char *fmt, int shown,
		       struct ebb_buf *out)
{
	int n = 0;

	for (const char *line = text; *line; line = next_line(line)) {
		const char *there = line_of_key(other, line);
		size_t length = line_length(line);

		if (there &&
		    (both || (line_length(there) == length && strncmp(there, line, length) == 0)))
			continue;
		if (shown + n < SHOWN_MAX) {
			ebb_buf_puts(out, shown + n ? ", " : "");
			ebb_buf_printf(out, "%.*s", (int)length, line);
			if (there)
				ebb_buf_printf(out, " there and %.*s here",
					       (int)(line_length(there) - strcspn(there, "=") - 1),
					       there + strcspn(there, "=") + 1);
			else
				ebb_buf_puts(out, fmt);
		}
		n++;
	}
	return n;
}

static int compare_identities(const char *then, const char *now, struct ebb_buf *out)
{
	int n = differences(then, now, false, " there only", 0, out);

	return n + differences(now, then, true, " here only", n, out);
}

/* ---- strangers ---- */

/* Is this the identity of the same trial with fewer steps, on the same trajectory? */
static bool is_beginning(const char *text, int64_t steps, const struct ebb_options *o)
{
	char mine[EBB_ID_MAX], shorts[EBB_ID_MAX];
	struct ebb_buf identity = EBB_BUF_INIT;
	struct ebb_options shorter = *o;
	bool same;

	shorter.train.steps = steps;
	ebb_options_identity(&shorter, ebb_task_catalog(), &identity);
	ebb_options_trajectory(o, ebb_task_catalog(), mine);
	ebb_options_trajectory(&shorter, ebb_task_catalog(), shorts);
	same = o->train.steps > steps && strcmp(identity.data, text) == 0 &&
	       strcmp(mine, shorts) == 0;
	ebb_buf_release(&identity);
	return same;
}

/* What separates a finished trial from the nearest one of the definition. */
static void describe_stranger(const struct ebb_sweep *s, const char *identity, struct ebb_buf *out)
{
	struct ebb_buf best = EBB_BUF_INIT;
	int fewest = -1;

	for (int i = 0; i < s->def->n_plans; i++) {
		struct ebb_buf mine = EBB_BUF_INIT, text = EBB_BUF_INIT;
		int n;

		ebb_options_identity(&s->def->plan[i].options, ebb_task_catalog(), &mine);
		n = compare_identities(identity, mine.data, &text);
		if (fewest < 0 || n < fewest) {
			fewest = n;
			ebb_buf_reset(&best);
			ebb_buf_printf(&best, "%s%s", text.data ? text.data : "",
				       n > SHOWN_MAX ? " and more" : "");
		}
		ebb_buf_release(&text);
		ebb_buf_release(&mine);
	}
	if (fewest > 0)
		ebb_buf_printf(out, " (nearest to it: %s)", best.data);
	ebb_buf_release(&best);
}

static int refuse_stranger(const struct ebb_sweep *s, const char *id, struct ebb_err *err)
{
	struct ebb_buf text = EBB_BUF_INIT;
	struct ebb_err ignored;
	double steps = -1;
	char *identity;
	int rc = 0;

	if (ebb_trial_identity(s->run_dir, id, &identity, &ignored) < 0)
		identity = ebb_xstrdup("");
	ebb_trial_option(s->run_dir, id, "train", "steps", &steps, &ignored);
	for (int i = 0; i < s->def->n_plans && identity[0]; i++) {
		if (is_beginning(identity, (int64_t)steps, &s->def->plan[i].options)) {
			free(identity);
			return 0;
		}
	}
	if (identity[0])
		describe_stranger(s, identity, &text);
	rc = ebb_err_set(err, EBB_EINVAL,
			 "'%s' holds trial %s, which this definition does not contain%s: repeat "
			 "the overrides it was run with (such as seeds=8; run.h5 keeps them) or "
			 "write them into the definition, or give the changed experiment a folder "
			 "of its own with --fresh DIR",
			 s->run_dir, id, text.data ? text.data : "");
	ebb_buf_release(&text);
	free(identity);
	return rc;
}

/* A finished trial that the definition no longer names would vanish from the index in silence. */
static int refuse_strangers(const struct ebb_sweep *s, struct ebb_err *err)
{
	char *path = ebb_path_join(s->run_dir, EBB_TRIALS_DIR), id[EBB_ID_MAX];
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	while (dir && rc == 0 && (e = readdir(dir)))
		if (id_of(e->d_name, id) && plan_of(s->def, id) < 0)
			rc = refuse_stranger(s, id, err);
	if (dir)
		closedir(dir);
	free(path);
	return rc;
}

static int refuse_other_temperatures(const struct ebb_sweep *s, const struct ebb_plan *p,
				     struct ebb_err *err)
{
	struct ebb_err ignored;
	char *then;
	int rc = 0;

	if (ebb_trial_option_text(s->run_dir, p->id, "eval", "temperatures", &then, &ignored) < 0)
		return 0;
	if (strcmp(then, p->options.eval.temperatures) != 0)
		rc = ebb_err_set(
			err, EBB_EINVAL,
			"'%s' holds trial %s, evaluated with eval.temperatures='%s', but this "
			"run asks for '%s'; repeat the old value, or give this run a folder "
			"of its own with --fresh DIR",
			s->run_dir, p->id, then, p->options.eval.temperatures);
	free(then);
	return rc;
}

/* How a trial is evaluated is not part of its identity; a run whose trials were evaluated in
 * different ways would compare what cannot be compared. */
static int refuse_mixed_evaluation(const struct ebb_sweep *s, struct ebb_err *err)
{
	for (int i = 0; i < s->def->n_plans; i++) {
		const struct ebb_plan *p = &s->def->plan[i];
		const struct {
			const char *group, *name;
			double now;
		} option[] = {
			{"eval", "cadence", (double)p->options.eval.cadence},
			{"eval", "questions", (double)p->options.eval.questions},
			{"eval", "samples", (double)p->options.eval.samples},
			{"eval", "temperature", p->options.eval.temperature},
			{"eval", "chains", (double)p->options.eval.chains},
			{"ib", "probe", (double)p->options.ib.probe},
		};
		int rc;

		if (!ebb_trial_exists(s->run_dir, p->id))
			continue;
		for (size_t k = 0; k < sizeof option / sizeof *option; k++) {
			struct ebb_err ignored;
			double then;

			/* a damaged record is made again, with today's settings */
			if (ebb_trial_option(s->run_dir, p->id, option[k].group, option[k].name,
					     &then, &ignored) == 0 &&
			    then != option[k].now)
				return ebb_err_set(
					err, EBB_EINVAL,
					"'%s' holds trial %s, evaluated with %s.%s=%g, "
					"but this run asks for %g; repeat the old value, "
					"or give this run a folder of its own with --fresh DIR",
					s->run_dir, p->id, option[k].group, option[k].name, then,
					option[k].now);
		}
		rc = refuse_other_temperatures(s, p, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int ebb_growth_check(const struct ebb_sweep *s, struct ebb_err *err)
{
	int rc = refuse_strangers(s, err);

	return rc < 0 ? rc : refuse_mixed_evaluation(s, err);
}

/* ---- longer trials that take up shorter ones ---- */

struct candidate {
	struct ebb_extension state;
	char trajectory[EBB_ID_MAX];
};

/* "<id>@<step>.h5" to its id; false: another kind of file. */
static bool kept_id_of(const char *name, char id[EBB_ID_MAX])
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n != EBB_ID_MAX - 1 || name[n] != '@' || strcmp(name + strlen(name) - 3, ".h5") != 0)
		return false;
	memcpy(id, name, n);
	id[n] = 0;
	return true;
}

/* States kept by trials that are not of this definition, or shorter than another of it. */
static int list_candidates(const struct ebb_sweep *s, struct candidate **list)
{
	char *folder = ebb_path_join(s->run_dir, EBB_CHECKPOINTS_DIR);
	int64_t longest = 0;
	DIR *dir = opendir(folder);
	struct candidate c;
	struct dirent *e;
	int n = 0;

	*list = NULL;
	for (int i = 0; i < s->def->n_plans; i++)
		if (s->def->plan[i].options.train.steps > longest)
			longest = s->def->plan[i].options.train.steps;
	while (dir && (e = readdir(dir))) {
		struct ebb_err ignored;
		char *path;
		int plan;

		if (!kept_id_of(e->d_name, c.state.id))
			continue;
		plan = plan_of(s->def, c.state.id);
		if (plan >= 0 && s->def->plan[plan].options.train.steps == longest)
			continue;
		path = ebb_path_join(folder, e->d_name);
		if (ebb_state_trajectory(path, c.trajectory, &c.state.step, &ignored) == 0) {
			*list = ebb_xrealloc(*list, (size_t)n + 1, sizeof **list);
			(*list)[n++] = c;
		}
		free(path);
	}
	if (dir)
		closedir(dir);
	free(folder);
	return n;
}

struct ebb_extension *ebb_growth_extensions(const struct ebb_sweep *s)
{
	struct ebb_extension *best = ebb_xcalloc((size_t)s->def->n_plans + 1, sizeof *best);
	struct candidate *list;
	int n = list_candidates(s, &list);

	for (int i = 0; i < s->def->n_plans && n > 0; i++) {
		const struct ebb_plan *p = &s->def->plan[i];
		char *own = ebb_state_path(s->run_dir, p->id, -1), trajectory[EBB_ID_MAX];

		ebb_options_trajectory(&p->options, ebb_task_catalog(), trajectory);
		for (int k = 0; k < n && !ebb_file_exists(own); k++)
			if (strcmp(list[k].trajectory, trajectory) == 0 &&
			    strcmp(list[k].state.id, p->id) != 0 &&
			    list[k].state.step > best[i].step &&
			    list[k].state.step <= p->options.train.steps)
				best[i] = list[k].state;
		free(own);
	}
	free(list);
	return best;
}
