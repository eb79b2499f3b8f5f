/* ebb show: what a policy answered, token by token. */
#include "command/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "command/choose.h"
#include "command/command.h"
#include "command/screen.h"
#include "record/about.h"
#include "record/pack.h"

#define QUESTIONS 4 /* shown unless --n says otherwise */

static const char help[] =
	"  RUN       the run directory, packed or not\n"
	"  TRIAL     ARM:SEED (a label and a seed), or the beginning of a trial's id\n"
	"  STEP      a step whose tensors were kept (record.snapshot); default the last one\n"
	"  --n N     show N questions; 0: all (default 4, with --json all)\n"
	"  --json    {\"run\",\"arm\",\"seed\",\"trial\",\"task\",\"step\",\"steps\","
	"\"logit_histogram\",\n"
	"            \"questions\":[{\"prompt\",\"prompt_tokens\",\"responses\":[{\"text\","
	"\"reward\",\n"
	"            \"tokens\":[{\"id\",\"text\",\"entropy\",\"logp\",\"advantage\",\"clip\"}]}]}]"
	"}\n"
	"            clip is passed, low, high, dual or untrained; what is not known is null\n\n"
	"Each response is a table, a column a token: its text, the exact entropy of the\n"
	"distribution it was drawn from (a bar, and in 60 columns or more a number), its\n"
	"log-probability, what the clip did to it and, where it differs between tokens, the\n"
	"advantage. Colours only on a terminal, and not with NO_COLOR.\n\n"
	"exit status: 0, 2 usage, bad input or nothing recorded\n";

struct request {
	const char *run, *trial, *step;
	int n; /* -1: not given */
	bool json, done;
};

static int parse(int argc, char **argv, struct request *q)
{
	char *end;
	long n;

	q->n = -1;
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("show", help);
		}
		if (strcmp(s, "--json") == 0) {
			q->json = true;
		} else if (strcmp(s, "--n") == 0) {
			const char *value = i + 1 < argc ? argv[++i] : "";

			n = strtol(value, &end, 10);
			if (!value[0] || *end || n < 0 || n > 1000000)
				return ebb_command_usage(
					"show", "--n '%s': want a number of questions, 0 for all",
					value);
			q->n = (int)n;
		} else if (s[0] == '-' && s[1]) {
			return ebb_command_usage("show", "unknown option '%s'", s);
		} else if (!q->run) {
			q->run = s;
		} else if (!q->trial) {
			q->trial = s;
		} else if (!q->step) {
			q->step = s;
		} else {
			return ebb_command_usage("show", "'%s' is too much", s);
		}
	}
	if (!q->run)
		return ebb_command_usage("show", "name the run directory");
	if (!q->trial)
		return ebb_command_usage("show", "which trial? ARM:SEED or the beginning of an id");
	return 0;
}

/* ---- reading ---- */

/* The values of one snapshot out of a dataset of all; others are let go. */
static double *take(const struct ebb_shown *s, const char *name, int row, int rank,
		    const int64_t *dim, struct ebb_err *err)
{
	struct ebb_array a = {0};
	double *value = NULL;
	int64_t n = 1;

	if (ebb_run_read(s->run, s->arm, s->seed, name, &a, err) < 0)
		return NULL;
	for (int k = 0; k < rank; k++)
		n *= dim[k];
	if (a.rank != rank + 1 || a.dim[0] <= row ||
	    memcmp(a.dim + 1, dim, (size_t)rank * sizeof *dim) != 0) {
		ebb_err_set(err, EBB_EFORMAT,
			    "'%s' of trial %s has not the shape of the other snapshots", name,
			    s->run->trial[s->arm * s->run->n_seeds + s->seed]);
	} else {
		value = ebb_xcalloc((size_t)n + 1, sizeof *value);
		memcpy(value, a.value + row * n, (size_t)n * sizeof *value);
	}
	ebb_array_release(&a);
	return value;
}

/* The row of the step asked for (null: the last). */
static int find_step(struct ebb_shown *s, const char *word, int *row, struct ebb_err *err)
{
	const char *trial = s->run->trial[s->arm * s->run->n_seeds + s->seed];
	double want, below = -INFINITY, above = INFINITY;
	struct ebb_buf known = EBB_BUF_INIT;
	char *end;
	int rc;

	*row = s->n_steps - 1;
	for (int k = 0; k < s->n_steps; k++)
		if (!(s->steps[k] >= 0 && s->steps[k] < 1e15))
			return ebb_err_set(err, EBB_EFORMAT, "trial %s took a snapshot at step %g",
					   trial, s->steps[k]);
	if (!word) {
		s->step = (int64_t)s->steps[*row];
		return 0;
	}
	want = (double)strtoll(word, &end, 10);
	if (!word[0] || *end || want < 0)
		return ebb_err_set(err, EBB_EINVAL, "'%s' is no step; want a number from 0", word);
	for (*row = 0; *row < s->n_steps; (*row)++) {
		if (s->steps[*row] == want) {
			s->step = (int64_t)want;
			return 0;
		}
		if (s->steps[*row] < want)
			below = fmax(below, s->steps[*row]);
		else
			above = fmin(above, s->steps[*row]);
	}
	if (isfinite(below))
		ebb_buf_printf(&known, "%.0f", below);
	if (isfinite(above))
		ebb_buf_printf(&known, "%s%.0f", known.len ? " and " : "", above);
	rc = ebb_err_set(err, EBB_ENOENT,
			 "trial %s kept no snapshot at step %s; the nearest: %s (%d in all, every "
			 "record.snapshot steps)",
			 trial, word, known.data, s->n_steps);
	ebb_buf_release(&known);
	return rc;
}

static int number_of(const struct ebb_about_rows *option, const char *key)
{
	const char *text = ebb_about_get(option, key);

	return text ? atoi(text) : 0;
}

/* Responses to a prompt, as ebb_group_size says; 0: the trial does not tell. */
static int group_of(const struct ebb_about_rows *option)
{
	const char *sampler = ebb_about_get(option, "tree.sampler");

	if (!sampler || strcmp(sampler, "off") == 0)
		return number_of(option, "train.group");
	return number_of(option, "tree.b0") + (number_of(option, "tree.rounds") - 1) *
						      number_of(option, "tree.width") *
						      number_of(option, "tree.branch");
}

/* What the trial says of itself: the task and the size of a group. */
static int read_about(struct ebb_shown *s, struct ebb_err *err)
{
	const char *id = s->run->trial[s->arm * s->run->n_seeds + s->seed], *name;
	char *path = ebb_trial_path(s->run->dir, id);
	struct ebb_about about = {0};
	int rc = ebb_about_read(&about, path, EBB_ABOUT_TRIAL, err);

	if (rc == 0) {
		name = ebb_about_get(&about.option, "task.name");
		s->task = name ? ebb_task_find(name) : NULL;
		s->G = group_of(&about.option);
		if (!s->task)
			rc = ebb_err_set(
				err, EBB_EFORMAT,
				"trial %s is of the task '%s', which this ebb does not have", id,
				name ? name : "");
		else if (s->G < 1)
			rc = ebb_err_set(err, EBB_EFORMAT, "trial %s does not say its train.group",
					 id);
	}
	ebb_about_release(&about);
	free(path);
	return rc;
}

static int read_steps(struct ebb_shown *s, struct ebb_err *err)
{
	const char *trial = s->run->trial[s->arm * s->run->n_seeds + s->seed];
	struct ebb_array a = {0};
	int rc = ebb_run_read(s->run, s->arm, s->seed, "snapshot/token", &a, err);

	if (rc < 0)
		return rc;
	if (a.rank != 3 || a.dim[1] > 1 << 24 || a.dim[2] > 1 << 24) {
		rc = ebb_err_set(err, EBB_EFORMAT, "'snapshot/token' of trial %s has rank %d",
				 trial, a.rank);
	} else if (a.dim[0] == 0) {
		rc = ebb_err_set(err, EBB_ENOENT,
				 "trial %s kept no snapshot; record.snapshot=N keeps one every N "
				 "steps",
				 trial);
	} else {
		s->n_steps = (int)a.dim[0];
		s->R = (int)a.dim[1];
		s->width = (int)a.dim[2];
		s->steps = ebb_xcalloc((size_t)s->n_steps, sizeof *s->steps);
		memcpy(s->steps, a.x, (size_t)s->n_steps * sizeof *s->steps);
	}
	ebb_array_release(&a);
	return rc;
}

/* T is what the others have beside R rows. */
static int read_length(struct ebb_shown *s, struct ebb_err *err)
{
	struct ebb_array a = {0};
	int rc = ebb_run_read(s->run, s->arm, s->seed, "snapshot/logp", &a, err);

	if (rc == 0 && (a.rank != 3 || a.dim[2] > s->width))
		rc = ebb_err_set(err, EBB_EFORMAT, "'snapshot/logp' does not fit 'snapshot/token'");
	if (rc == 0)
		s->T = (int)a.dim[2];
	ebb_array_release(&a);
	return rc;
}

static int read_snapshot(struct ebb_shown *s, const char *step, struct ebb_err *err)
{
	struct ebb_err absent = EBB_ERR_INIT;
	int row = 0, rc = read_about(s, err);
	int64_t bins = 0;

	if (rc == 0)
		rc = read_steps(s, err);
	if (rc == 0)
		rc = find_step(s, step, &row, err);
	if (rc == 0)
		rc = read_length(s, err);
	if (rc < 0)
		return rc;
	{
		const int64_t sequence[2] = {s->R, s->width}, cell[2] = {s->R, s->T};
		struct ebb_array a = {0};

		s->token = take(s, "snapshot/token", row, 2, sequence, err);
		s->start = s->token ? take(s, "snapshot/start", row, 1, cell, err) : NULL;
		s->logp = s->start ? take(s, "snapshot/logp", row, 2, cell, err) : NULL;
		s->entropy = s->logp ? take(s, "snapshot/entropy", row, 2, cell, err) : NULL;
		s->advantage = s->entropy ? take(s, "snapshot/advantage", row, 2, cell, err) : NULL;
		s->reward = s->advantage ? take(s, "snapshot/reward", row, 1, cell, err) : NULL;
		if (!s->reward)
			return err->code;
		for (int i = 0; i < s->R; i++) /* a group has all its responses or none */
			if (s->start[i] < 0 || s->start[i] > s->width ||
			    isnan(s->start[i]) != isnan(s->start[i - i % s->G]))
				return ebb_err_set(err, EBB_EFORMAT,
						   "'snapshot/start' has %g in a row of %d tokens",
						   s->start[i], s->width);
		s->value = take(s, "snapshot/value", row, 2, cell, &absent);
		/* records of earlier versions do without */
		s->clip = take(s, "snapshot/clip", row, 2, cell, &absent);
		if (ebb_run_read(s->run, s->arm, s->seed, "snapshot/logit_histogram", &a,
				 &absent) == 0 &&
		    a.rank == 2)
			bins = a.dim[1];
		ebb_array_release(&a);
		if (bins > 0)
			s->histogram = take(s, "snapshot/logit_histogram", row, 1, &bins, &absent);
		s->n_bins = s->histogram ? (int)bins : 0;
	}
	return 0;
}

static void shown_release(struct ebb_shown *s)
{
	free(s->steps);
	free(s->token);
	free(s->start);
	free(s->logp);
	free(s->entropy);
	free(s->advantage);
	free(s->reward);
	free(s->value);
	free(s->clip);
	free(s->histogram);
}

/* ---- what both forms ask ---- */

int ebb_shown_length(const struct ebb_shown *s, int i)
{
	int n = 0, start = isnan(s->start[i]) ? s->width : (int)s->start[i];

	while (n < s->T && start + n < s->width &&
	       !isnan(s->token[(size_t)i * (size_t)s->width + (size_t)(start + n)]))
		n++;
	return n;
}

int ebb_shown_questions(const struct ebb_shown *s)
{
	int n = 0;

	/* groups that dynamic sampling could not fill stand at the end */
	while ((n + 1) * s->G <= s->R && !isnan(s->start[n * s->G]))
		n++;
	return n;
}

void ebb_shown_token(const struct ebb_shown *s, double token, struct ebb_buf *out)
{
	if (token >= 0 && token < s->task->vocabulary && s->task->symbol[(int)token])
		ebb_buf_puts(out, s->task->symbol[(int)token]);
	else
		ebb_buf_printf(out, "<%.0f>", token);
}

/* ---- JSON ---- */

static void put_tokens_text(const struct ebb_shown *s, int i, int first, int n, struct ebb_buf *out)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_buf_puts(&text, "");
	for (int t = first; t < first + n; t++)
		ebb_shown_token(s, s->token[(size_t)i * (size_t)s->width + (size_t)t], &text);
	ebb_buf_json(out, text.data);
	ebb_buf_release(&text);
}

static const char *clip_word(double mark)
{
	static const char *const word[] = {[EBB_CLIP_NOT] = "passed",
					   [EBB_CLIP_LOW] = "low",
					   [EBB_CLIP_HIGH] = "high",
					   [EBB_CLIP_DUAL] = "dual"};

	for (int k = 0; k < (int)(sizeof word / sizeof *word); k++)
		if (mark == k)
			return word[k];
	return isnan(mark) ? "untrained" : "unknown";
}

static void put_response(const struct ebb_shown *s, int i, struct ebb_buf *out)
{
	int start = (int)s->start[i], n = ebb_shown_length(s, i);

	ebb_buf_puts(out, "\n{\"text\":");
	put_tokens_text(s, i, start, n, out);
	ebb_buf_puts(out, ",\"reward\":");
	ebb_json_number(out, s->reward[i]);
	ebb_buf_puts(out, ",\"tokens\":[");
	for (int t = 0; t < n; t++) {
		size_t c = (size_t)i * (size_t)s->T + (size_t)t;

		ebb_buf_puts(out, t ? ",\n{\"id\":" : "\n{\"id\":");
		ebb_json_number(out, s->token[(size_t)i * (size_t)s->width + (size_t)(start + t)]);
		ebb_buf_puts(out, ",\"text\":");
		put_tokens_text(s, i, start + t, 1, out);
		ebb_buf_puts(out, ",\"entropy\":");
		ebb_json_number(out, s->entropy[c]);
		ebb_buf_puts(out, ",\"logp\":");
		ebb_json_number(out, s->logp[c]);
		ebb_buf_puts(out, ",\"advantage\":");
		ebb_json_number(out, s->advantage[c]);
		if (s->value) {
			ebb_buf_puts(out, ",\"value\":");
			ebb_json_number(out, s->value[c]);
		}
		if (s->clip)
			ebb_buf_printf(out, ",\"clip\":\"%s\"}", clip_word(s->clip[c]));
		else
			ebb_buf_puts(out, ",\"clip\":null}");
	}
	ebb_buf_puts(out, "]}");
}

void ebb_show_json(const struct ebb_shown *s, int n, struct ebb_buf *out)
{
	const struct ebb_run *run = s->run;

	ebb_buf_puts(out, "{\"run\":");
	ebb_buf_json(out, run->name);
	ebb_buf_puts(out, ",\"arm\":");
	ebb_buf_json(out, run->arm[s->arm].label);
	ebb_buf_printf(out, ",\"seed\":%" PRIu64 ",\"trial\":\"%s\",\"task\":", run->seed[s->seed],
		       run->trial[s->arm * run->n_seeds + s->seed]);
	ebb_buf_json(out, s->task->rows.name);
	ebb_buf_printf(out, ",\"step\":%" PRId64 ",\"steps\":[", s->step);
	for (int k = 0; k < s->n_steps; k++)
		ebb_buf_printf(out, "%s%.0f", k ? "," : "", s->steps[k]);
	ebb_buf_puts(out, s->histogram ? "],\"logit_histogram\":[" : "],\"logit_histogram\":null");
	for (int k = 0; k < s->n_bins; k++) {
		ebb_buf_puts(out, k ? "," : "");
		ebb_json_number(out, s->histogram[k]);
	}
	ebb_buf_puts(out, s->histogram ? "],\"questions\":[" : ",\"questions\":[");
	for (int q = 0; q < n; q++) {
		int first = q * s->G, n_prompt = (int)s->start[first];

		ebb_buf_puts(out, q ? ",\n{\"prompt\":" : "\n{\"prompt\":");
		put_tokens_text(s, first, 0, n_prompt, out);
		ebb_buf_puts(out, ",\"prompt_tokens\":[");
		for (int t = 0; t < n_prompt; t++) {
			ebb_buf_puts(out, t ? "," : "");
			ebb_json_number(out,
					s->token[(size_t)first * (size_t)s->width + (size_t)t]);
		}
		ebb_buf_puts(out, "],\"responses\":[");
		for (int g = 0; g < s->G; g++) {
			ebb_buf_puts(out, g ? "," : "");
			put_response(s, first + g, out);
		}
		ebb_buf_puts(out, "]}");
	}
	ebb_buf_puts(out, "\n]}\n");
}

int ebb_command_show(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_buf out = EBB_BUF_INIT;
	struct ebb_run run = {0};
	struct ebb_shown s = {.run = &run};
	struct request q = {0};
	int status = parse(argc, argv, &q), columns, rows, n, rc;

	if (status != 0 || q.done)
		return status;
	ebb_record_setup();
	rc = ebb_run_open(&run, q.run, &err);
	if (rc == 0)
		rc = ebb_choose_trial(&run, q.trial, &s.arm, &s.seed, &err);
	if (rc == 0)
		rc = read_snapshot(&s, q.step, &err);
	if (rc == 0) {
		n = ebb_shown_questions(&s);
		if (q.n > 0 && q.n < n)
			n = q.n;
		if (q.n < 0 && !q.json && n > QUESTIONS)
			n = QUESTIONS;
		ebb_screen_size(&columns, &rows);
		if (q.json)
			ebb_show_json(&s, n, &out);
		else
			ebb_show_text(&s, n, columns, ebb_screen_colour(), &out);
		fwrite(out.data, 1, out.len, stdout);
	} else {
		status = ebb_command_fail("show", &err);
	}
	ebb_buf_release(&out);
	shown_release(&s);
	ebb_run_release(&run);
	return status;
}
