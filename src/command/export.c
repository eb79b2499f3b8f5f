/* ebb export: the numbers of a run as CSV or JSON. */
#include "command/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/names.h"
#include "options/metrics.h"
#include "base/file.h"
#include "command/command.h"

static const char help[] =
	"  RUN ...         run directories, packed or not\n"
	"  --csv           comma-separated values with a head (RFC 4180); the default\n"
	"  --json          an array of objects, one a line\n"
	"  --metric NAME   this metric, by its full or short name, or any other dataset of a\n"
	"                  trial (eval/outcome); may be repeated; default every curve\n"
	"  --arm LABEL     this arm, or those a pattern matches ('mine *'); may be repeated\n"
	"  --out FILE      into this file instead of stdout; it is there whole or not at all\n\n"
	"Long form, a row a number: run, arm, seed, trial, axis, coordinate (of the row on its\n"
	"axis: step, update ...), metric, unit, value, then a column for every swept key. With a\n"
	"tensor among the datasets there are index_1, index_2 ... before the value, counted from\n"
	"0. Numbers are the shortest texts that read back to the same bits; missing ones are\n"
	"empty, in JSON null (an infinity is the string \"inf\" there). A trial that two arms\n"
	"share stands under both.\n\n"
	"exit status: 0, 2 usage, bad input or nothing finished\n";

struct request {
	const char **path, **metric, **label;
	int n_paths, n_metrics, n_labels;
	const char *out;
	bool json, csv, done;
};

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("export", help);
		}
		if (strcmp(s, "--json") == 0) {
			q->json = true;
		} else if (strcmp(s, "--csv") == 0) {
			q->csv = true;
		} else if (strcmp(s, "--metric") == 0 || strcmp(s, "--arm") == 0 ||
			   strcmp(s, "--out") == 0) {
			if (!value || !value[0])
				return ebb_command_usage("export", "'%s' needs a value", s);
			if (s[2] == 'm')
				q->metric[q->n_metrics++] = value;
			else if (s[2] == 'a')
				q->label[q->n_labels++] = value;
			else
				q->out = value;
			i++;
		} else if (s[0] == '-' && s[1]) {
			return ebb_command_usage("export", "unknown option '%s'", s);
		} else {
			q->path[q->n_paths++] = s;
		}
	}
	if (q->n_paths == 0)
		return ebb_command_usage("export", "name the run directory");
	if (q->json && q->csv)
		return ebb_command_usage("export", "--csv or --json, not both");
	return 0;
}

/* ---- what to write ---- */

struct plan {
	struct ebb_run *run; /* (n_runs) */
	int n_runs;
	bool **arm;    /* of a run, is this arm wanted? (n_runs)(n_arms) */
	char **metric; /* datasets asked for; none: every curve          */
	int n_metrics;
};

static int choose_arms(struct plan *p, const struct request *q, struct ebb_err *err)
{
	struct ebb_err local = EBB_ERR_INIT;

	for (int r = 0; r < p->n_runs; r++) {
		p->arm[r] = ebb_xcalloc((size_t)p->run[r].n_arms + 1, sizeof **p->arm);
		for (int a = 0; a < p->run[r].n_arms && q->n_labels == 0; a++)
			p->arm[r][a] = true;
	}
	for (int i = 0; i < q->n_labels; i++) {
		bool found = false;

		for (int r = 0; r < p->n_runs; r++) {
			int *arm = ebb_xcalloc((size_t)p->run[r].n_arms + 1, sizeof *arm), n = 0;

			if (ebb_name_arms(&p->run[r], q->label[i], arm, &n, &local) == 0)
				found = true;
			for (int k = 0; k < n; k++)
				p->arm[r][arm[k]] = true;
			free(arm);
		}
		if (!found) {
			*err = local;
			return err->code;
		}
	}
	return 0;
}

/* Can the metric be had from any finished trial? A derived one may ask for more samples than there are. */
static bool has_metric(const struct ebb_run *run, const char *name)
{
	bool found = ebb_name_recorded(run, name);

	if (!found || !ebb_metric_derived(name, NULL, NULL))
		return found;
	found = false;
	for (int cell = 0; cell < run->n_arms * run->n_seeds && !found; cell++) {
		struct ebb_array a = {0};
		struct ebb_err ignored;

		found = run->finished[cell] &&
			ebb_run_read(run, cell / run->n_seeds, cell % run->n_seeds, name, &a,
				     &ignored) == 0;
		ebb_array_release(&a);
	}
	return found;
}

static int choose_metrics(struct plan *p, const struct request *q, struct ebb_err *err)
{
	p->metric = ebb_xcalloc((size_t)q->n_metrics + 1, sizeof *p->metric);
	for (int i = 0; i < q->n_metrics; i++) {
		struct ebb_err local = EBB_ERR_INIT;
		char *name = NULL;
		bool known = false, recorded = false, twice = false;

		for (int r = 0; r < p->n_runs && !recorded; r++) {
			free(name);
			if (ebb_name_metric(&p->run[r], q->metric[i], &name, &local) < 0)
				continue;
			known = true;
			recorded = has_metric(&p->run[r], name);
		}
		if (!recorded) {
			if (known)
				ebb_err_set(err, EBB_ENOENT, "no finished trial has '%s'",
					    q->metric[i]);
			else
				*err = local;
			free(name);
			return err->code;
		}
		for (int k = 0; k < p->n_metrics; k++)
			twice = twice || strcmp(p->metric[k], name) == 0;
		if (twice)
			free(name);
		else
			p->metric[p->n_metrics++] = name;
	}
	return 0;
}

/* Swept keys in the order they are met; also those of arms that are left out, so that columns stay. */
static void choose_keys(struct ebb_export *e, const struct plan *p)
{
	for (int r = 0; r < p->n_runs; r++) {
		for (int a = 0; a < p->run[r].n_arms; a++) {
			const struct ebb_run_arm *arm = &p->run[r].arm[a];

			for (int i = 0; i < arm->n_axes; i++) {
				bool there = false;

				for (int k = 0; k < e->n_keys; k++)
					there = there || strcmp(e->key[k], arm->axis[i].key) == 0;
				if (there)
					continue;
				e->key =
					ebb_xrealloc(e->key, (size_t)e->n_keys + 1, sizeof *e->key);
				e->key[e->n_keys++] = arm->axis[i].key;
			}
		}
	}
}

/* What a dataset of a trial is handed to. */
typedef void (*visit_array)(struct ebb_export *e, const struct ebb_run *run, int arm, int seed,
			    const char *metric, const struct ebb_array *a);

static int one_array(const struct plan *p, struct ebb_export *e, visit_array visit,
		     const struct ebb_run *run, int arm, int seed, const char *name,
		     struct ebb_err *err)
{
	struct ebb_array a = {0};
	int rc = ebb_run_read(run, arm, seed, name, &a, err);

	/* tensors by name only */
	if (rc == 0 && (p->n_metrics > 0 || a.rank == 1))
		visit(e, run, arm, seed, name, &a);
	ebb_array_release(&a);
	return rc;
}

/* The wanted metrics that no dataset holds (options/metrics.h). */
static int derived_arrays(const struct plan *p, struct ebb_export *e, visit_array visit,
			  const struct ebb_run *run, int arm, int seed, struct ebb_err *err)
{
	int rc = 0;

	for (int k = 0; k < p->n_metrics && rc == 0; k++) {
		struct ebb_err local = EBB_ERR_INIT;

		if (!ebb_metric_derived(p->metric[k], NULL, NULL))
			continue;
		rc = one_array(p, e, visit, run, arm, seed, p->metric[k], &local);
		if (rc == EBB_ENOENT) /* fewer samples, other temperatures */
			rc = 0;
		if (rc < 0)
			*err = local;
	}
	return rc;
}

/* Call visit for every wanted dataset of every wanted trial. Coordinates are columns, not metrics;
 * a trial without a dataset that was asked for has no rows of it. */
static int each_array(const struct plan *p, struct ebb_export *e, visit_array visit,
		      struct ebb_err *err)
{
	int rc = 0;

	for (int r = 0; r < p->n_runs; r++) {
		const struct ebb_run *run = &p->run[r];

		for (int cell = 0; cell < run->n_arms * run->n_seeds && rc == 0; cell++) {
			int arm = cell / run->n_seeds, seed = cell % run->n_seeds, n = 0;
			char **name = NULL;

			if (!p->arm[r][arm] || !run->finished[cell])
				continue;
			rc = ebb_run_names(run, arm, seed, &name, &n, err);
			for (int i = 0; i < n; i++) {
				bool wanted =
					p->n_metrics == 0 && strncmp(name[i], "axis/", 5) != 0;

				for (int k = 0; k < p->n_metrics; k++)
					wanted = wanted || strcmp(p->metric[k], name[i]) == 0;
				if (rc == 0 && wanted)
					rc = one_array(p, e, visit, run, arm, seed, name[i], err);
				free(name[i]);
			}
			free(name);
			if (rc == 0)
				rc = derived_arrays(p, e, visit, run, arm, seed, err);
		}
	}
	return rc;
}

static void count_indices(struct ebb_export *e, const struct ebb_run *run, int arm, int seed,
			  const char *metric, const struct ebb_array *a)
{
	if (a->rank - 1 > e->n_indices)
		e->n_indices = a->rank - 1;
}

/* Trials without rows, for a note. */
static int count_missing(const struct plan *p, int *finished)
{
	int missing = 0;

	*finished = 0;
	for (int r = 0; r < p->n_runs; r++)
		for (int cell = 0; cell < p->run[r].n_arms * p->run[r].n_seeds; cell++)
			if (p->arm[r][cell / p->run[r].n_seeds]) {
				*finished += p->run[r].finished[cell];
				missing += !p->run[r].finished[cell];
			}
	return missing;
}

/* ---- writing ---- */

static int write_all(const struct plan *p, struct ebb_export *e, struct ebb_err *err)
{
	int rc = 0;

	choose_keys(e, p);
	if (p->n_metrics > 0)
		rc = each_array(p, e, count_indices, err);
	if (rc < 0)
		return rc;
	ebb_export_begin(e);
	rc = each_array(p, e, ebb_export_array, err);
	if (rc == 0)
		ebb_export_end(e);
	return rc;
}

static int write_file(const struct plan *p, struct ebb_export *e, const char *path,
		      struct ebb_err *err)
{
	char *tmp = ebb_xprintf("%s.%ld.tmp", path, (long)getpid());
	int rc = 0;

	e->out = fopen(tmp, "w");
	if (!e->out)
		rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", tmp, strerror(errno));
	if (rc == 0)
		rc = write_all(p, e, err);
	if (e->out) {
		bool failed = ferror(e->out);

		errno = 0;
		failed = fclose(e->out) != 0 || failed;
		if (rc == 0 && failed)
			rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", tmp,
					 strerror(errno ? errno : EIO));
		if (rc == 0)
			rc = ebb_file_commit(tmp, path, err);
		if (rc < 0)
			unlink(tmp);
	}
	free(tmp);
	return rc;
}

static int open_runs(struct plan *p, const struct request *q, struct ebb_err *err)
{
	int rc = 0;

	for (; p->n_runs < q->n_paths && rc == 0; p->n_runs++)
		rc = ebb_run_open(&p->run[p->n_runs], q->path[p->n_runs], err);
	return rc;
}

int ebb_command_export(int argc, char **argv)
{
	struct request q = {.path = ebb_xcalloc((size_t)argc, sizeof *q.path),
			    .metric = ebb_xcalloc((size_t)argc, sizeof *q.metric),
			    .label = ebb_xcalloc((size_t)argc, sizeof *q.label)};
	struct plan p = {.run = ebb_xcalloc((size_t)argc, sizeof *p.run),
			 .arm = ebb_xcalloc((size_t)argc, sizeof *p.arm)};
	struct ebb_export e = {.out = stdout};
	struct ebb_err err = EBB_ERR_INIT;
	int status = parse(argc, argv, &q), rc, missing, finished;

	if (status != 0 || q.done)
		goto out;
	ebb_record_setup();
	e.json = q.json;
	rc = open_runs(&p, &q, &err);
	if (rc == 0)
		rc = choose_arms(&p, &q, &err);
	if (rc == 0) {
		missing = count_missing(&p, &finished);
		if (missing > 0)
			fprintf(stderr, "ebb export: note: %d trial%s not finished\n", missing,
				missing == 1 ? " is" : "s are");
		if (finished == 0)
			rc = ebb_err_set(&err, EBB_ENOENT,
					 "no finished trial to export; ebb run continues a run");
	}
	if (rc == 0)
		rc = choose_metrics(&p, &q, &err);
	if (rc == 0)
		rc = q.out ? write_file(&p, &e, q.out, &err) : write_all(&p, &e, &err);
	if (rc < 0)
		status = ebb_command_fail("export", &err);
out:
	ebb_export_release(&e);
	for (int i = 0; i < p.n_metrics; i++)
		free(p.metric[i]);
	for (int r = 0; r < p.n_runs; r++) {
		free(p.arm[r]);
		ebb_run_release(&p.run[r]);
	}
	free(p.metric);
	free(p.arm);
	free(p.run);
	free(q.path);
	free(q.metric);
	free(q.label);
	return status;
}
