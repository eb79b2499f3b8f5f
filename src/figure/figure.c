#include "figure/figure.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "base/file.h"
#include "base/near.h"
#include "figure/bands.h"
#include "figure/difference.h"
#include "figure/heat.h"
#include "figure/histogram.h"
#include "figure/kind.h"
#include "figure/portrait.h"
#include "figure/position.h"
#include "figure/response.h"
#include "figure/strip.h"
#include "figure/survival.h"

/* clang-format off */
static const struct ebb_figure figures[] = {
	{&ebb_bands_kind, {"entropy", "Policy entropy during training"},
	 {{"actor/entropy", "entropy per response token (nats)"}}, 0, EBB_FREE},
	{&ebb_bands_kind, {"accuracy", "Held-out accuracy during training"},
	 {{"eval/accuracy", "accuracy (share of samples right)"}}, 0, 1},
	{&ebb_bands_kind, {"reward", "Reward of the training responses"},
	 {{"reward/mean", "verifier reward, mean over responses"}}, 0, 1},
	{&ebb_bands_kind, {"skew", "Skewness of the raw logits"},
	 {{"logits/skewness", "skewness, tokens and vocabulary pooled (no unit)"}},
	 EBB_FREE, EBB_FREE},
	{&ebb_bands_kind, {"clip", "Tokens cut by the clip"},
	 {{"clip_ratio/low_mean", "clipped below, A < 0 (share)"},
	  {"clip_ratio/high_mean", "clipped above, A > 0 (share)"}}, 0, EBB_FREE},
	{&ebb_portrait_kind, {"reward-vs-entropy", "Accuracy against policy entropy"},
	 {{"eval/accuracy", ""}, {"actor/entropy_seq", ""}}, 0, 1},
	{&ebb_position_kind, {"entropy-by-position", "Entropy by position in the response"},
	 {{"position/entropy", ""}}, 0, EBB_FREE},
	{&ebb_difference_kind, {"entropy-difference", "Policy entropy: difference"},
	 {{"actor/entropy", "entropy per response token (nats)"}}, EBB_FREE, EBB_FREE},
	{&ebb_difference_kind, {"accuracy-difference", "Held-out accuracy: difference"},
	 {{"eval/accuracy", "accuracy (share of samples right)"}}, EBB_FREE, EBB_FREE},
	{&ebb_strip_kind, {"entropy-final", "Policy entropy: final values"},
	 {{"actor/entropy", "entropy per response token (nats)"}}, EBB_FREE, EBB_FREE},
	{&ebb_strip_kind, {"accuracy-final", "Held-out accuracy: final values"},
	 {{"eval/accuracy", "accuracy (share of samples right)"}}, EBB_FREE, EBB_FREE},
	{&ebb_response_kind, {"entropy-response", "Policy entropy: final values over two numbers"},
	 {{"actor/entropy", "entropy per response token (nats)"}}, EBB_FREE, EBB_FREE},
	{&ebb_response_kind, {"accuracy-response", "Held-out accuracy: final values over two numbers"},
	 {{"eval/accuracy", "accuracy (share of samples right)"}}, EBB_FREE, EBB_FREE},
	{&ebb_heat_kind, {"entropy-heat", "Entropy by training step and position"},
	 {{"position/entropy", ""}}, 0, EBB_FREE},
	{&ebb_histogram_kind, {"logit-histogram", "Raw logits in the first and the last snapshot"},
	 {{"snapshot/logit_histogram", ""}}, 0, EBB_FREE},
	{&ebb_survival_kind, {"time-to-collapse", "Time to entropy collapse"},
	 {{"actor/entropy", ""}}, 0, 1},
};

/* Kinds that draw any metric; the first is meant by a metric's name alone. */
static const struct ebb_kind *const views[] = {
	&ebb_bands_kind,
	&ebb_difference_kind,
	&ebb_strip_kind,
	&ebb_response_kind,
};
/* clang-format on */

#define N_FIGURES ((int)(sizeof figures / sizeof figures[0]))
#define N_VIEWS   ((int)(sizeof views / sizeof views[0]))

const struct ebb_figure_row *ebb_figure_row(int i)
{
	return i >= 0 && i < N_FIGURES ? &figures[i].row : NULL;
}

const struct ebb_figure_view *ebb_figure_view(int i)
{
	return i >= 0 && i < N_VIEWS ? &views[i]->view : NULL;
}

static const struct ebb_kind *view_of(const char *word, size_t *metric_part)
{
	const char *colon = strrchr(word, ':');
	int i;

	*metric_part = strlen(word);
	for (i = 0; i < N_VIEWS && colon != NULL; i++)
		if (strcmp(colon + 1, views[i]->view.name) == 0) {
			*metric_part = (size_t)(colon - word);
			return views[i];
		}
	return views[0];
}

size_t ebb_figure_metric_part(const char *word)
{
	size_t n;

	view_of(word, &n);
	return n;
}

/* A figure found by name, or made for a metric; own holds the texts of the latter. */
struct found {
	struct ebb_figure f;
	char *own[4];
};

static void found_release(struct found *f)
{
	size_t i;

	for (i = 0; i < sizeof f->own / sizeof f->own[0]; i++)
		free(f->own[i]);
	*f = (struct found){0};
}

/* The words of a recorded dataset no table knows: from the first finished trial that has it. */
static void words_of(const struct ebb_run *run, const char *metric, char **about, char **unit)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_array a = {0};
	int i;

	for (i = 0; i < run->n_arms * run->n_seeds; i++) {
		if (!run->finished[i])
			continue;
		if (ebb_run_read(run, i / run->n_seeds, i % run->n_seeds, metric, &a, &ignored) ==
		    0) {
			*about = ebb_xstrdup(a.about[0] != '\0' ? a.about : metric);
			*unit = ebb_xstrdup(a.unit);
			ebb_array_release(&a);
			return;
		}
		ebb_array_release(&a);
	}
	*about = ebb_xstrdup(metric);
	*unit = ebb_xstrdup("");
}

static void make_figure(const struct ebb_run *run, const struct ebb_kind *kind, char *metric_take,
			struct found *out)
{
	const struct ebb_metric *m = ebb_metric_find(metric_take);
	const char *brief;
	char *about, *unit, *name, *title, *c;

	if (m != NULL) {
		about = ebb_xstrdup(m->about);
		unit = ebb_xstrdup(m->unit);
	} else {
		words_of(run, metric_take, &about, &unit);
	}
	brief = m != NULL ? m->brief : metric_take;
	name = kind == views[0] ? ebb_xstrdup(brief) : ebb_xprintf("%s-%s", brief, kind->view.name);
	for (c = name; *c != '\0'; c++)
		*c = *c == '/' ? '-' : *c;
	about[0] = (char)toupper((unsigned char)about[0]);
	if (kind->view.title != NULL) {
		title = ebb_xprintf("%s: %s", about, kind->view.title);
		free(about);
		about = title;
	}
	out->own[0] = metric_take;
	out->own[1] = name;
	out->own[2] = about;
	out->own[3] = unit[0] != '\0' ? ebb_xprintf("%s (%s)", brief, unit)
				      : ebb_xprintf("%s (no unit)", brief);
	out->f = (struct ebb_figure){
		kind, {name, about}, {{metric_take, out->own[3]}}, EBB_FREE, EBB_FREE};
	if (strcmp(unit, "share") == 0 || strcmp(unit, "probability") == 0)
		out->f.from = 0.0;
	free(unit);
}

static int find(const struct ebb_run *run, const char *word, struct found *out, struct ebb_err *err)
{
	const struct ebb_kind *view;
	struct ebb_near near;
	char *metric, *part;
	size_t length;
	int i, rc;

	*out = (struct found){0};
	ebb_near_init(&near, word);
	for (i = 0; i < N_FIGURES; i++) {
		if (strcmp(word, figures[i].row.name) == 0) {
			out->f = figures[i];
			return 0;
		}
		ebb_near_offer(&near, figures[i].row.name);
	}
	view = view_of(word, &length);
	part = ebb_xprintf("%.*s", (int)length, word);
	rc = ebb_name_metric(run, part, &metric, err);
	if (rc == 0)
		make_figure(run, view, metric, out);
	else if (near.best != NULL)
		rc = ebb_err_set(err, EBB_ENOENT, "no figure or metric '%s'; did you mean '%s'?",
				 word, near.best);
	else
		ebb_err_wrap(err, "no such figure");
	free(part);
	return rc;
}

int ebb_figure_left_out(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_lot lot = {0};
	struct found f;
	int n;

	if (find(run, word, &f, &ignored) == 0)
		ebb_lot_draw(run, f.f.kind, choice, &lot);
	n = lot.left_out;
	ebb_lot_release(&lot);
	found_release(&f);
	return n;
}

int ebb_figure_evidence(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice, int **claim)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_lot lot = {0};
	struct found f;
	int n = 0;

	*claim = NULL;
	if (find(run, word, &f, &ignored) == 0) {
		ebb_lot_draw(run, f.f.kind, choice, &lot);
		n = ebb_sheet_evidence(choice->verdicts, &f.f, &lot, claim);
	}
	ebb_lot_release(&lot);
	found_release(&f);
	return n;
}

int ebb_figure_check(const struct ebb_run *run, const char *word,
		     const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	struct found f;
	int rc;

	*available = false;
	rc = find(run, word, &f, err);
	if (rc != 0)
		return rc;
	if (!f.f.kind->time && choice->scale != EBB_SCALE_NATIVE)
		rc = ebb_err_set(err, EBB_EINVAL, "figure '%s' has no time axis; leave --x out",
				 word);
	if (rc == 0)
		rc = f.f.kind->check(run, &f.f, choice, available, err);
	found_release(&f);
	return rc;
}

int ebb_figure_draw(const struct ebb_run *run, const char *word,
		    const struct ebb_figure_choice *choice, char *path[EBB_N_FILES],
		    struct ebb_err *err)
{
	char *dir =
		choice->dir != NULL ? ebb_xstrdup(choice->dir) : ebb_path_join(run->dir, "figures");
	struct ebb_lot lot = {0};
	struct ebb_request q;
	struct found f;
	char *name = NULL;
	int rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	rc = find(run, word, &f, err);
	if (rc == 0) {
		ebb_lot_draw(run, f.f.kind, choice, &lot);
		name = choice->scale == EBB_SCALE_NATIVE
			       ? ebb_xstrdup(f.f.row.name)
			       : ebb_xprintf("%s-by-%s", f.f.row.name,
					     ebb_scale_name(choice->scale));
		q = (struct ebb_request){run,
					 &f.f,
					 choice,
					 &lot,
					 {.name = name,
					  .title = f.f.row.title,
					  .run = run->name,
					  .dir = dir,
					  .left_out = lot.left_out,
					  .latex = choice->latex}};
		ebb_sheet_judge(&q.sheet, choice->verdicts, &f.f, &lot, run->dir);
		rc = f.f.kind->draw(&q, path, err);
		ebb_sheet_release(&q.sheet);
	}
	free(name);
	ebb_lot_release(&lot);
	found_release(&f);
	free(dir);
	return rc;
}

/* ---- what kinds share ---- */

/* Of the figure's metrics, how many does a finished trial have, and how many are there? */
static int recorded(const struct ebb_run *run, const struct ebb_figure *f, int *all)
{
	int n = 0;

	for (*all = 0; *all < EBB_FIGURE_PANELS && f->panel[*all].metric != NULL; ++*all)
		n += ebb_name_recorded(run, f->panel[*all].metric);
	return n;
}

int ebb_check_any(const struct ebb_run *run, const struct ebb_figure *f,
		  const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	int all;

	(void)choice;
	(void)err;
	*available = recorded(run, f, &all) > 0;
	return 0;
}

int ebb_check_all(const struct ebb_run *run, const struct ebb_figure *f,
		  const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	int all;

	(void)choice;
	(void)err;
	*available = recorded(run, f, &all) == all;
	return 0;
}

int ebb_trial_state(const struct ebb_run *run, int arm, int seed, int *state, struct ebb_err *err)
{
	char status[16] = "";
	int rc;

	*state = 0;
	if (!run->finished[arm * run->n_seeds + seed])
		return 0;
	rc = ebb_run_status(run, arm, seed, status, err);
	*state = ebb_status_early(status) ? -1 : 1;
	return rc;
}

int ebb_each_trial(const struct ebb_run *run, int arm, ebb_trial_visit *visit, void *to,
		   int *n_diverged, struct ebb_err *err)
{
	int s, state, rc = 0;

	*n_diverged = 0;
	for (s = 0; s < run->n_seeds && rc == 0; s++) {
		rc = ebb_trial_state(run, arm, s, &state, err);
		*n_diverged += rc == 0 && state < 0;
		if (rc == 0 && state > 0)
			rc = visit(to, run, arm, s, err);
	}
	return rc;
}

void ebb_caption_arms(struct ebb_buf *text, int n, const char *unit)
{
	ebb_buf_printf(text, "%d arm%s", n, n == 1 ? "" : "s");
	if (unit[0] != '\0')
		ebb_buf_printf(text, ", unit %s", unit);
	ebb_buf_puts(text, "; ");
}

void ebb_caption_seeds(struct ebb_buf *text, int low, int high)
{
	if (low == high)
		ebb_buf_printf(text, "%d seed%s", high, high == 1 ? "" : "s");
	else
		ebb_buf_printf(text, "%d to %d seeds", low, high);
}
