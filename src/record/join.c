#include "record/join.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "record/about.h"
#include "record/pack.h"

#define TRIALS_MAX (1 << 24) /* as one run may have */

/* ---- are two arms of two runs the same? ---- */

/* A seed whose trial is finished; -1: none. */
static int finished_seed(const struct ebb_run *run, int arm)
{
	for (int s = 0; s < run->n_seeds; s++)
		if (run->finished[(size_t)arm * (size_t)run->n_seeds + (size_t)s])
			return s;
	return -1;
}

static int read_about(struct ebb_about *about, const struct ebb_run *run, int arm, int seed,
		      struct ebb_err *err)
{
	size_t at = (size_t)arm * (size_t)run->n_seeds + (size_t)seed;
	char *path = ebb_trial_path(run->dir, run->trial[at]);
	int rc = ebb_about_read(about, path, EBB_ABOUT_TRIAL, err);

	free(path);
	return rc;
}

static bool same_build(const struct ebb_about *a, const struct ebb_about *b)
{
	static const char *const fact[] = {"sources_sha256", "compiler", "compiler_flags",
					   "build_type"};

	for (size_t i = 0; i < sizeof fact / sizeof *fact; i++) {
		const char *x = ebb_about_get(&a->provenance, fact[i]);
		const char *y = ebb_about_get(&b->provenance, fact[i]);

		if (!x || !y || strcmp(x, y) != 0)
			return false;
	}
	return true;
}

static bool same_options(const struct ebb_about *a, const struct ebb_about *b)
{
	if (a->option.n != b->option.n || a->option.n == 0)
		return false;
	for (int i = 0; i < a->option.n; i++) {
		const struct ebb_setting *x = &a->option.row[i], *y = &b->option.row[i];

		if (strcmp(x->key, y->key) != 0)
			return false;
		if (strncmp(x->key, "run.", 4) != 0 && strcmp(x->value, y->value) != 0)
			return false;
	}
	return true;
}

/* 1, 0, or an error; 0 where one of them has nothing finished to judge by. */
static int same_arm(const struct ebb_run *a, int arm_a, const struct ebb_run *b, int arm_b,
		    struct ebb_err *err)
{
	struct ebb_about x = {0}, y = {0};
	int seed_a, seed_b, rc;

	if (strcmp(a->arm[arm_a].label, b->arm[arm_b].label) != 0)
		return 0;
	seed_a = finished_seed(a, arm_a);
	seed_b = finished_seed(b, arm_b);
	if (seed_a < 0 || seed_b < 0)
		return 0;
	rc = read_about(&x, a, arm_a, seed_a, err);
	if (rc == 0)
		rc = read_about(&y, b, arm_b, seed_b, err);
	if (rc == 0)
		rc = same_options(&x, &y) && same_build(&x, &y);
	ebb_about_release(&y);
	ebb_about_release(&x);
	return rc;
}

/* ---- names of the runs ---- */

static const char *last_part(const char *path)
{
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	return path + n;
}

static char *folder_name(const char *dir)
{
	char *name = ebb_xstrdup(last_part(dir));

	name[strcspn(name, "/")] = '\0';
	return name;
}

static bool all_differ(char *const *name, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (name[i][0] == '\0' || strcmp(name[i], name[k]) == 0)
				return false;
	return true;
}

/* The shortest kind of name that tells all of them apart; paths always do. */
static void tag(struct ebb_run *out)
{
	int n = out->n_sources;
	char **name = ebb_xcalloc((size_t)n, sizeof *name);
	bool good = false;

	for (int kind = 0; kind < 3 && !good; kind++) {
		for (int i = 0; i < n; i++) {
			const struct ebb_run_source *s = &out->source[i];

			free(name[i]);
			name[i] = kind == 0   ? ebb_xstrdup(s->name)
				  : kind == 1 ? folder_name(s->dir)
					      : ebb_xstrdup(s->dir);
		}
		good = all_differ(name, n);
	}
	for (int i = 0; i < n; i++)
		out->source[i].tag = name[i];
	free(name);
}

static int check_distinct(const struct ebb_run *part, int n, struct ebb_err *err)
{
	struct stat a, b;

	for (int i = 1; i < n; i++)
		for (int k = 0; k < i; k++)
			if (stat(part[i].dir, &a) == 0 && stat(part[k].dir, &b) == 0 &&
			    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
				return ebb_err_set(err, EBB_EINVAL,
						   "'%s' and '%s' are the same run; name each once",
						   part[k].dir, part[i].dir);
	return 0;
}

/* ---- joining ---- */

/* Where an arm of the joined run came from. */
struct origin {
	int source, arm;
};

struct join {
	struct ebb_run *out, *part;
	int n;
	struct origin *origin; /* of every arm of out: the first run that has it */
	int **to;              /* arm of out for every arm of every part         */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void join_seeds(struct join *j)
{
	struct ebb_run *out = j->out;
	size_t n = 0;
	int kept = 0;

	for (int i = 0; i < j->n; i++)
		n += (size_t)j->part[i].n_seeds;
	out->seed = ebb_xcalloc(n + 1, sizeof *out->seed);
	n = 0;
	for (int i = 0; i < j->n; i++) {
		memcpy(out->seed + n, j->part[i].seed,
		       (size_t)j->part[i].n_seeds * sizeof *out->seed);
		n += (size_t)j->part[i].n_seeds;
	}
	qsort(out->seed, n, sizeof *out->seed, by_value);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || out->seed[i] != out->seed[kept - 1])
			out->seed[kept++] = out->seed[i];
	out->n_seeds = kept;
}

static void copy_arm(struct ebb_run_arm *to, const struct ebb_run_arm *from, const char *source_tag)
{
	*to = (struct ebb_run_arm){.label = ebb_xstrdup(from->label), .n_axes = from->n_axes + 1};
	to->axis = ebb_xcalloc((size_t)to->n_axes, sizeof *to->axis);
	for (int i = 0; i < from->n_axes; i++)
		to->axis[i] = (struct ebb_setting){ebb_xstrdup(from->axis[i].key),
						   ebb_xstrdup(from->axis[i].value)};
	to->axis[from->n_axes] =
		(struct ebb_setting){ebb_xstrdup(EBB_JOIN_KEY), ebb_xstrdup(source_tag)};
}

static int join_arms(struct join *j, struct ebb_err *err)
{
	struct ebb_run *out = j->out;
	size_t n = 0;

	for (int i = 0; i < j->n; i++)
		n += (size_t)j->part[i].n_arms;
	out->arm = ebb_xcalloc(n + 1, sizeof *out->arm);
	out->arm_sources = ebb_xcalloc(n + 1, sizeof *out->arm_sources);
	j->origin = ebb_xcalloc(n + 1, sizeof *j->origin);
	for (int i = 0; i < j->n; i++) {
		const struct ebb_run *part = &j->part[i];
		int earlier = out->n_arms; /* arms of one run stay apart, as it keeps them */

		j->to[i] = ebb_xcalloc((size_t)part->n_arms + 1, sizeof *j->to[i]);
		for (int a = 0; a < part->n_arms; a++) {
			int same = 0, k;

			for (k = 0; k < earlier; k++) {
				const struct origin *o = &j->origin[k];

				if (out->arm_sources[k] >> i & 1)
					continue;
				same = same_arm(&j->part[o->source], o->arm, part, a, err);
				if (same != 0)
					break;
			}
			if (same < 0)
				return same;
			if (!same) {
				k = out->n_arms++;
				copy_arm(&out->arm[k], &part->arm[a], out->source[i].tag);
				j->origin[k] = (struct origin){i, a};
			}
			out->arm_sources[k] |= (uint64_t)1 << i;
			j->to[i][a] = k;
		}
	}
	return 0;
}

/* Labels that several arms have get the tag of the run in front, all of them. */
static void label_apart(struct join *j)
{
	struct ebb_run *out = j->out;
	bool *shared = ebb_xcalloc((size_t)out->n_arms + 1, sizeof *shared);

	for (int a = 0; a < out->n_arms; a++)
		for (int b = 0; b < a; b++)
			if (strcmp(out->arm[a].label, out->arm[b].label) == 0)
				shared[a] = shared[b] = true;
	for (int a = 0; a < out->n_arms; a++)
		if (shared[a]) {
			char *label = ebb_xprintf("%s: %s", out->source[j->origin[a].source].tag,
						  out->arm[a].label);

			free(out->arm[a].label);
			out->arm[a].label = label;
		}
	free(shared);
}

static int join_trials(struct join *j, struct ebb_err *err)
{
	struct ebb_run *out = j->out;
	size_t cells = (size_t)out->n_arms * (size_t)out->n_seeds;

	if (cells > TRIALS_MAX)
		return ebb_err_set(err, EBB_EINVAL,
				   "together they have %d arms and %d seeds: at most %d trials are "
				   "read; name fewer runs",
				   out->n_arms, out->n_seeds, TRIALS_MAX);
	out->trial = ebb_calloc(cells + 1, sizeof *out->trial, err);
	out->finished = ebb_calloc(cells + 1, sizeof *out->finished, err);
	out->source_of = ebb_calloc(cells + 1, sizeof *out->source_of, err);
	if (!out->trial || !out->finished || !out->source_of)
		return EBB_ENOMEM;
	for (int i = 0; i < j->n; i++) {
		const struct ebb_run *part = &j->part[i];

		for (int s = 0; s < part->n_seeds; s++) {
			const uint64_t *column =
				bsearch(&part->seed[s], out->seed, (size_t)out->n_seeds,
					sizeof *out->seed, by_value);

			for (int a = 0; a < part->n_arms; a++) {
				size_t from = (size_t)a * (size_t)part->n_seeds + (size_t)s;
				size_t to = (size_t)j->to[i][a] * (size_t)out->n_seeds +
					    (size_t)(column - out->seed);

				if (out->finished[to] ||
				    (out->trial[to][0] && !part->finished[from]))
					continue;
				memcpy(out->trial[to], part->trial[from], EBB_ID_MAX);
				out->finished[to] = part->finished[from];
				out->source_of[to] = i;
			}
		}
	}
	return 0;
}

static void join_figures(struct join *j)
{
	struct ebb_run *out = j->out;
	size_t n = 0;

	for (int i = 0; i < j->n; i++)
		n += (size_t)j->part[i].n_figures;
	out->figure = ebb_xcalloc(n + 1, sizeof *out->figure);
	for (int i = 0; i < j->n; i++)
		for (int f = 0; f < j->part[i].n_figures; f++) {
			const char *word = j->part[i].figure[f];
			int k;

			for (k = 0; k < out->n_figures && strcmp(out->figure[k], word) != 0; k++)
				;
			if (k == out->n_figures)
				out->figure[out->n_figures++] = ebb_xstrdup(word);
		}
}

static void join_heads(struct join *j)
{
	struct ebb_run *out = j->out;

	out->n_sources = j->n;
	out->source = ebb_xcalloc((size_t)j->n, sizeof *out->source);
	for (int i = 0; i < j->n; i++) {
		const struct ebb_run *part = &j->part[i];
		char *name = out->name ? ebb_xprintf("%s + %s", out->name, part->name)
				       : ebb_xstrdup(part->name);

		free(out->name);
		out->name = name;
		out->source[i] = (struct ebb_run_source){.dir = ebb_xstrdup(part->dir),
							 .name = ebb_xstrdup(part->name),
							 .about = ebb_xstrdup(part->about),
							 .n_arms = part->n_arms,
							 .n_seeds = part->n_seeds};
	}
	out->dir = ebb_xstrdup(j->part[0].dir);
	out->about = ebb_xstrdup("");
	tag(out);
}

int ebb_run_join(struct ebb_run *out, const char *const *path, int n, struct ebb_err *err)
{
	struct join j = {.out = out, .n = n};
	int rc = 0;

	if (n < 1)
		EBB_BUG("%d runs to join", n);
	if (n == 1)
		return ebb_run_open(out, path[0], err);
	*out = (struct ebb_run){0};
	if (n > EBB_SOURCES_MAX)
		return ebb_err_set(err, EBB_EINVAL, "%d runs are too many; at most %d at a time", n,
				   EBB_SOURCES_MAX);
	j.part = ebb_xcalloc((size_t)n, sizeof *j.part);
	j.to = ebb_xcalloc((size_t)n, sizeof *j.to);
	for (int i = 0; i < n && rc == 0; i++)
		rc = ebb_run_open(&j.part[i], path[i], err);
	if (rc == 0)
		rc = check_distinct(j.part, n, err);
	if (rc == 0) {
		join_heads(&j);
		join_seeds(&j);
		rc = join_arms(&j, err);
	}
	if (rc == 0) {
		label_apart(&j);
		join_figures(&j);
		rc = join_trials(&j, err);
	}
	for (int i = 0; i < n; i++) {
		ebb_run_release(&j.part[i]);
		free(j.to[i]);
	}
	free(j.to);
	free(j.part);
	free(j.origin);
	if (rc < 0)
		ebb_run_release(out);
	return rc;
}
