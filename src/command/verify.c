/* ebb verify: make finished trials again and compare every byte that should be the same. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "command/command.h"
#include "command/contrast.h"
#include "record/pack.h"
#include "sweep/sweep.h"
#include "sweep/verify.h"
#include "train/bench.h"

#define BASE_DIR "data/base" /* where ebb run keeps its base policies */

static const char help[] =
	"  RUN          the run directory\n"
	"  TRIAL ...    ids of finished trials, or the beginning of an id; default all\n"
	"  --from STEP  begin at the state that was kept at this step (record.states), not at the "
	"base\n"
	"  --jobs N     trials side by side, 1 to 4096; default as ebb run\n"
	"  --json       one object: {\"run\",\"from\",\"trials\":[{\"id\",\"arm\",\"seed\","
	"\"agree\",\"compared\",\n"
	"               \"differing\",\"only_recorded\",\"only_recomputed\",\"first_step\","
	"\"dataset\",\"values\",\n"
	"               \"error\"}],\"agree\"}; agree is null where it is not known\n\n"
	"The options come from the definition that the run keeps. The copies are made in a folder\n"
	"below TMPDIR, which is removed at the end; nothing is written into the run. Every "
	"dataset\n"
	"marked deterministic is compared byte by byte: the first step where one differs is named\n"
	"with both values, recorded against recomputed. A diverged trial must diverge again. Base\n"
	"policies that are not in " BASE_DIR " are trained first.\n\n"
	"exit status: 0 all agree, 1 one differs, failed or was interrupted, 2 usage or bad "
	"input\n";

struct request {
	const char *run;
	const char **trial;
	int n_trials, jobs;
	int64_t from;
	bool json, done;
};

static int parse_number(const char *option, const char *text, int64_t low, int64_t high,
			int64_t *value)
{
	char *end;

	errno = 0;
	*value = text ? strtoll(text, &end, 10) : -1;
	if (!text)
		return ebb_command_usage("verify", "%s needs a value", option);
	if (errno || end == text || *end || *value < low || *value > high)
		return ebb_command_usage("verify",
					 "%s '%s': want a number from %" PRId64 " to %" PRId64,
					 option, text, low, high);
	return 0;
}

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		int64_t number;
		int status = 0;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("verify", help);
		}
		if (strcmp(s, "--json") == 0) {
			q->json = true;
		} else if (strcmp(s, "--from") == 0) {
			status = parse_number(s, value, 0, INT64_C(1000000000), &q->from);
			i++;
		} else if (strcmp(s, "--jobs") == 0) {
			status = parse_number(s, value, 1, 4096, &number);
			q->jobs = status == 0 ? (int)number : 0;
			i++;
		} else if (s[0] == '-' && s[1]) {
			status = ebb_command_usage("verify", "unknown option '%s'", s);
		} else if (!q->run) {
			q->run = s;
		} else {
			q->trial[q->n_trials++] = s;
		}
		if (status != 0)
			return status;
	}
	if (!q->run)
		return ebb_command_usage("verify", "name the run directory");
	return 0;
}

/* ---- the definition ---- */

/* "# a.yaml" alone on a line is how the texts of several files are joined. */
static bool is_join(const char *line)
{
	size_t n = strcspn(line, "\n");

	return n > 7 && strncmp(line, "# ", 2) == 0 &&
	       (strncmp(line + n - 5, ".yaml", 5) == 0 || strncmp(line + n - 4, ".yml", 4) == 0);
}

/* Write text[0..n) as the next file of the definition. */
static int put_file(const char *dir, char ***path, int *n_paths, const char *text, size_t n,
		    struct ebb_err *err)
{
	char *name = ebb_xprintf("%s/definition-%d.yaml", dir, *n_paths);
	int rc = ebb_file_write(name, text, n, err);

	*path = ebb_xrealloc(*path, (size_t)*n_paths + 1, sizeof **path);
	(*path)[(*n_paths)++] = name;
	return rc;
}

/* The definition's text as files, one or, where `split`, as many as were joined. */
static int put_files(const char *dir, const char *text, bool split, char ***path, int *n_paths,
		     struct ebb_err *err)
{
	const char *from = text;
	int rc = 0;

	*path = NULL;
	*n_paths = 0;
	if (!text[0])
		return 0;
	for (const char *line = text; split && *line && rc == 0;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (line == from || !is_join(line))
			continue;
		rc = put_file(dir, path, n_paths, from, (size_t)(line - from), err);
		from = line;
	}
	return rc < 0 ? rc : put_file(dir, path, n_paths, from, strlen(from), err);
}

static int read_once(struct ebb_definition *def, const char *dir, const char *text,
		     const char *const *override, int n_overrides, bool split,
		     struct ebb_diag *diag, struct ebb_err *err)
{
	char **path;
	int n, rc = put_files(dir, text, split, &path, &n, err);

	if (rc == 0)
		rc = ebb_definition_read(def, ebb_task_catalog(), (const char *const *)path, n,
					 override, n_overrides, diag, err);
	if (rc == 0) {
		rc = ebb_branch_plan(def, err);
	} else { /* the marks borrow the paths: they are told now */
		for (int i = 0; i < diag->n; i++)
			if (diag->entry[i].severity == EBB_ERROR) {
				ebb_err_set(err, rc, "line %d: %s", diag->entry[i].mark.line,
					    diag->entry[i].text);
				break;
			}
	}
	for (int i = 0; i < n; i++) {
		unlink(path[i]);
		free(path[i]);
	}
	free(path);
	return rc;
}

/* Lines of a text as a list; the text is cut up. */
static const char **lines_of(char *text, int *n)
{
	const char **line = ebb_xcalloc(strlen(text) + 1, sizeof *line);

	*n = 0;
	for (char *s = strtok(text, "\n"); s; s = strtok(NULL, "\n"))
		line[(*n)++] = s;
	return line;
}

/* Read the run's own definition with today's tables. */
static int read_definition(struct ebb_definition *def, const struct ebb_side *run, const char *dir,
			   struct ebb_err *err)
{
	const char *text = ebb_about_get(&run->about.root, "definition");
	const char *given = ebb_about_get(&run->about.root, "overrides");
	char *overrides = ebb_xstrdup(given ? given : "");
	struct ebb_diag diag = EBB_DIAG_INIT;
	const char **override;
	int n, rc;

	override = lines_of(overrides, &n);
	rc = read_once(def, dir, text ? text : "", override, n, false, &diag, err);
	if (rc < 0 && text && is_join(text)) {
		struct ebb_err second = EBB_ERR_INIT;

		ebb_diag_release(&diag);
		rc = read_once(def, dir, text, override, n, true, &diag, &second);
		if (rc < 0)
			*err = second;
	}
	ebb_diag_release(&diag);
	free(override);
	free(overrides);
	if (rc < 0)
		ebb_err_wrap(err,
			     "this ebb cannot read the definition of '%s' (verify with the build "
			     "that made it; its run.h5 names the commit)",
			     run->path);
	return rc;
}

/* ---- the trials ---- */

struct chosen {
	int *cell; /* arm * n_seeds + seed, each trial once */
	int n;
};

static bool has(const struct ebb_run *run, const struct chosen *c, const char *id)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(run->trial[c->cell[i]], id) == 0)
			return true;
	return false;
}

/* The one trial whose id begins with this text. */
static int find(const struct ebb_run *run, const char *prefix, int *cell, struct ebb_err *err)
{
	int cells = run->n_arms * run->n_seeds;

	*cell = -1;
	for (int i = 0; i < cells; i++) {
		if (strncmp(run->trial[i], prefix, strlen(prefix)) != 0)
			continue;
		if (*cell >= 0 && strcmp(run->trial[i], run->trial[*cell]) != 0)
			return ebb_err_set(
				err, EBB_EINVAL,
				"'%s' begins more than one id: %s and %s; give more of it", prefix,
				run->trial[*cell], run->trial[i]);
		if (*cell < 0)
			*cell = i;
	}
	if (*cell < 0)
		return ebb_err_set(err, EBB_EINVAL,
				   "'%s' has no trial '%s'; ebb status lists the ids", run->dir,
				   prefix);
	if (!run->finished[*cell])
		return ebb_err_set(err, EBB_EINVAL,
				   "trial %s is not finished; ebb run continues it",
				   run->trial[*cell]);
	return 0;
}

static int choose(const struct ebb_run *run, const struct request *q, struct chosen *c,
		  struct ebb_err *err)
{
	int cells = run->n_arms * run->n_seeds, rc = 0, cell;

	c->cell = ebb_xcalloc((size_t)(cells > q->n_trials ? cells : q->n_trials) + 1,
			      sizeof *c->cell);
	for (int i = 0; i < q->n_trials && rc == 0; i++) {
		rc = find(run, q->trial[i], &cell, err);
		if (rc == 0 && !has(run, c, run->trial[cell]))
			c->cell[c->n++] = cell;
	}
	for (int i = 0; i < cells && q->n_trials == 0; i++)
		if (run->finished[i] && !has(run, c, run->trial[i]))
			c->cell[c->n++] = i;
	if (rc == 0 && c->n == 0)
		rc = ebb_err_set(
			err, EBB_EINVAL,
			"'%s' has no finished trial yet; ebb status tells where they stand",
			run->dir);
	return rc;
}

/* Steps at which states of a trial were kept, for a message. */
static void list_states(const char *run_dir, const char *id, struct ebb_buf *out)
{
	char *path = ebb_path_join(run_dir, "checkpoints");
	DIR *dir = opendir(path);
	struct dirent *e;
	size_t n = strlen(id);

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, id, n) == 0 && e->d_name[n] == '@')
			ebb_buf_printf(out, "%s%lld", out->len ? ", " : "",
				       strtoll(e->d_name + n + 1, NULL, 10));
	if (dir)
		closedir(dir);
	free(path);
}

/* Whose state a trial begins at: its own, or that of the trial which it extends. */
static int find_state(const struct ebb_run *run, const struct ebb_options *o, int64_t step,
		      struct ebb_verify_trial *t, struct ebb_err *err)
{
	struct ebb_buf kept = EBB_BUF_INIT;
	char id[EBB_ID_MAX];
	int rc;

	if (ebb_state_kept(run->dir, o, step, id)) {
		t->state_of = strcmp(id, t->id) ? ebb_xstrdup(id) : NULL;
		return 0;
	}
	list_states(run->dir, t->id, &kept);
	rc = ebb_err_set(err, EBB_EINVAL,
			 "no state of trial %s was kept at step %" PRId64 "%s%s; without --from it "
			 "is verified from its base",
			 t->id, step,
			 kept.len ? "; there are states of step " : " (record.states keeps them)",
			 kept.len ? kept.data : "");
	ebb_buf_release(&kept);
	return rc;
}

/* Options and label of every chosen trial, out of the definition. */
static int plan(const struct ebb_run *run, const struct ebb_definition *def, const struct chosen *c,
		struct ebb_verify *v, struct ebb_err *err)
{
	v->trial = ebb_xcalloc((size_t)c->n, sizeof *v->trial);
	for (int i = 0; i < c->n; i++) {
		struct ebb_verify_trial *t = &v->trial[v->n++];
		int rc;

		t->id = run->trial[c->cell[i]];
		t->label = run->arm[c->cell[i] / run->n_seeds].label;
		for (int k = 0; k < def->n_plans; k++)
			if (strcmp(def->plan[k].id, t->id) == 0)
				t->options = &def->plan[k].options;
		if (!t->options)
			return ebb_err_set(
				err, EBB_EINVAL,
				"this ebb reads the definition of '%s' differently: trial %s "
				"('%s') does not come out of it; verify with the build that "
				"made the run (its run.h5 names the commit)",
				run->dir, t->id, t->label);
		rc = v->from_step > 0 ? find_state(run, t->options, v->from_step, t, err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path);
}

static void remove_scratch(char *dir)
{
	if (dir && nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		fprintf(stderr, "ebb verify: warning: cannot remove '%s': %s\n", dir,
			strerror(errno));
	free(dir);
}

static char *make_scratch(struct ebb_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = ebb_path_join(tmp && tmp[0] ? tmp : "/tmp", "ebb-verify-XXXXXX");

	if (mkdtemp(dir))
		return dir;
	ebb_err_set(err, EBB_EIO, "cannot make a folder '%s': %s; set TMPDIR to one with room", dir,
		    strerror(errno));
	free(dir);
	return NULL;
}

/* ---- what came of it ---- */

/* Records of other builds, or made elsewhere, may differ for no fault of their own: say so. */
static void tell_build(const struct ebb_run *run, const struct chosen *c)
{
	const struct ebb_provenance *now = ebb_provenance_get();
	struct ebb_about_rows mine = {0};

	mine.row = ebb_xcalloc((size_t)now->n + 1, sizeof *mine.row);
	for (mine.n = 0; mine.n < now->n; mine.n++)
		mine.row[mine.n] =
			(struct ebb_setting){(char *)now->row[mine.n].name, now->row[mine.n].value};
	for (int i = 0; i < c->n; i++) {
		char *path = ebb_trial_path(run->dir, run->trial[c->cell[i]]);
		struct ebb_contrast_rows rows = {0};
		struct ebb_about about = {0};
		struct ebb_err ignored;
		bool other = false;

		if (ebb_about_read(&about, path, EBB_ABOUT_TRIAL, &ignored) == 0) {
			ebb_contrast_provenance(&rows, &about.provenance, &mine);
			other = rows.n > 0;
		}
		if (other)
			fprintf(stderr,
				"ebb verify: note: trial %s was made by another build or on "
				"another processor\n",
				run->trial[c->cell[i]]);
		for (int k = 0; k < rows.n; k++)
			if (strcmp(rows.row[k].key, "git_diff") != 0) /* pages of text */
				fprintf(stderr, "  %s '%.60s', now '%.60s'\n", rows.row[k].key,
					rows.row[k].a ? rows.row[k].a : "",
					rows.row[k].b ? rows.row[k].b : "");
		ebb_contrast_rows_release(&rows);
		ebb_about_release(&about);
		free(path);
		if (other)
			break; /* the others are of the same kind */
	}
	free(mine.row);
}

static void print_text(const struct ebb_verify *v)
{
	int agree = 0, known = 0;

	for (int i = 0; i < v->n; i++) {
		const struct ebb_verify_trial *t = &v->trial[i];
		const struct ebb_difference *d = &t->difference;

		agree += t->verdict == EBB_VERIFY_AGREES;
		known += t->verdict != EBB_VERIFY_NONE;
		if (t->verdict == EBB_VERIFY_AGREES || t->verdict == EBB_VERIFY_NONE)
			continue;
		printf("%s  %s seed %llu: ", t->id, t->label, (unsigned long long)t->options->seed);
		if (t->verdict == EBB_VERIFY_FAILED)
			printf("could not be made again: %s", t->error);
		else if (d->first[0])
			printf("differs first at step %lld in %s: %s (recorded against "
			       "recomputed); %lld of %lld datasets differ",
			       (long long)d->first_step, d->first, d->values,
			       (long long)d->differing, (long long)d->compared);
		else
			printf("%lld of %lld datasets differ; %lld only recorded, %lld only "
			       "recomputed",
			       (long long)d->differing, (long long)d->compared,
			       (long long)d->only_a, (long long)d->only_b);
		printf("\n");
	}
	if (agree == v->n)
		printf("%s agree%s bit for bit: %lld datasets each\n",
		       v->n > 1 ? "all trials" : "the trial", v->n > 1 ? "" : "s",
		       (long long)v->trial[0].difference.compared);
	else
		printf("%d of %d trials agree bit for bit%s\n", agree, v->n,
		       known < v->n ? "; interrupted before all were made" : "");
}

static void print_json(const struct ebb_run *run, const struct ebb_verify *v)
{
	struct ebb_buf b = EBB_BUF_INIT;
	bool all = true, known = true;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, run->name);
	ebb_buf_printf(&b, ",\"from\":%lld,\"trials\":[", (long long)v->from_step);
	for (int i = 0; i < v->n; i++) {
		const struct ebb_verify_trial *t = &v->trial[i];
		const struct ebb_difference *d = &t->difference;
		bool compared = t->verdict == EBB_VERIFY_AGREES || t->verdict == EBB_VERIFY_DIFFERS;

		all = all && t->verdict == EBB_VERIFY_AGREES;
		known = known && (compared || t->verdict == EBB_VERIFY_FAILED);
		ebb_buf_printf(&b, "%s\n{\"id\":\"%s\",\"arm\":", i ? "," : "", t->id);
		ebb_buf_json(&b, t->label);
		ebb_buf_printf(&b, ",\"seed\":%llu,\"agree\":%s",
			       (unsigned long long)t->options->seed,
			       !compared                         ? "null"
			       : t->verdict == EBB_VERIFY_AGREES ? "true"
								 : "false");
		ebb_buf_printf(&b,
			       ",\"compared\":%lld,\"differing\":%lld,\"only_recorded\":%lld,"
			       "\"only_recomputed\":%lld",
			       (long long)d->compared, (long long)d->differing,
			       (long long)d->only_a, (long long)d->only_b);
		if (compared && d->first[0]) {
			ebb_buf_printf(
				&b, ",\"first_step\":%lld,\"dataset\":", (long long)d->first_step);
			ebb_buf_json(&b, d->first);
			ebb_buf_puts(&b, ",\"values\":");
			ebb_buf_json(&b, d->values);
		} else {
			ebb_buf_puts(&b, ",\"first_step\":null,\"dataset\":null,\"values\":null");
		}
		ebb_buf_puts(&b, ",\"error\":");
		if (t->verdict == EBB_VERIFY_FAILED)
			ebb_buf_json(&b, t->error);
		else
			ebb_buf_puts(&b, "null");
		ebb_buf_puts(&b, "}");
	}
	ebb_buf_printf(&b, "\n],\"agree\":%s}\n", all ? "true" : known ? "false" : "null");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

static int conclude(const struct ebb_verify *v)
{
	for (int i = 0; i < v->n; i++)
		if (v->trial[i].verdict != EBB_VERIFY_AGREES)
			return EBB_EXIT_FAILED;
	return EBB_EXIT_OK;
}

int ebb_command_verify(int argc, char **argv)
{
	struct request q = {.trial = ebb_xcalloc((size_t)argc + 1, sizeof *q.trial)};
	struct ebb_definition def = {0};
	struct ebb_verify v = {.base_dir = BASE_DIR};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_side side = {0};
	struct chosen chosen = {0};
	char *scratch = NULL;
	int status = parse(argc, argv, &q), rc;

	if (status != 0 || q.done)
		goto out;
	ebb_record_setup();
	rc = ebb_side_open(&side, q.run, &err);
	if (rc == 0 && side.trial)
		rc = ebb_err_set(&err, EBB_EINVAL,
				 "'%s' is a trial's file; give the run directory, then its id",
				 q.run);
	if (rc == 0)
		rc = choose(&side.run, &q, &chosen, &err);
	if (rc == 0 && !(scratch = make_scratch(&err)))
		rc = EBB_EIO;
	if (rc == 0)
		rc = read_definition(&def, &side, scratch, &err);
	v.run_dir = side.run.dir;
	v.scratch = scratch;
	v.from_step = q.from;
	if (rc == 0)
		rc = plan(&side.run, &def, &chosen, &v, &err);
	if (rc == 0) {
		v.jobs = ebb_sweep_jobs(&(struct ebb_sweep){.def = &def, .jobs = q.jobs});
		if (v.jobs > v.n)
			v.jobs = v.n;
		tell_build(&side.run, &chosen);
		rc = ebb_verify_run(&v, &err);
	}
	remove_scratch(scratch);
	if (rc < 0) {
		status = ebb_command_fail("verify", &err);
		goto out;
	}
	if (q.json)
		print_json(&side.run, &v);
	else
		print_text(&v);
	status = conclude(&v);
out:
	for (int i = 0; i < v.n; i++)
		free((char *)v.trial[i].state_of);
	free(v.trial);
	free(chosen.cell);
	ebb_definition_release(&def);
	ebb_side_release(&side);
	free(q.trial);
	return status;
}
