#include "command/command.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/compare.h"
#include "analysis/names.h"
#include "analysis/pairing.h"
#include "analysis/table.h"
#include "command/lineup.h"
#include "record/join.h"

static const char help[] =
	"  --metric NAME    full or short name of a metric (accuracy)\n"
	"  --by KEY         compare arms that differ in this swept key alone (algorithm, alpha "
	"...);\n"
	"                   without it, every arm with the baseline\n"
	"  --baseline ARM   label of the baseline arm, or with --by the key's value (the first)\n"
	"  --markdown       the table as Markdown\n"
	"  --json           one object: "
	"{\"run\",\"warnings\",\"metric\",\"unit\",\"level\",\"rows\":[{\"arm\",\"n\",\n"
	"                   "
	"\"mean\",\"sd\",\"low\",\"high\",\"diverged\",\"unfinished\",\"final\":[{\"seed\","
	"\"value\"}],\n"
	"                   "
	"\"baseline\",\"difference\",\"diff_low\",\"diff_high\",\"p\",\"p_holm\",\"p_sign_flip\",\n"
	"                   \"pairs\",\"dropped\"}]}\n"
	"                   missing numbers are null; baseline is null where none fits. Of "
	"several\n"
	"                   runs also "
	"\"runs\":[{\"tag\",\"path\",\"name\",\"arms\",\"seeds\"}] and\n"
	"                   "
	"\"differences\":{\"options\":[{\"key\",\"values\":[[..] a run]}],\n"
	"                   \"provenance\":[{\"key\",\"values\"}]}; a null value is the "
	"default\n\n"
	"Several runs are one table: what differs between them stands first. Arms that are the "
	"same "
	"in\n"
	"label, options and build are one arm with the seeds of all; other arms of equal label "
	"are\n"
	"called RUN: LABEL. --by run compares every arm with its like in the first run.\n\n"
	"A trial's final value is the mean over the last tenth of its rows. Differences are paired "
	"by\n"
	"seed; the interval is Student's t at 95 %, p two-sided from the same t; p flip is the "
	"exact\n"
	"sign-flip test, from 8 pairs on. Where there are several differences, p Holm is p "
	"adjusted "
	"for\n"
	"their number. Trials that diverged have no final value and are counted.\n";

struct request {
	const char **run;
	int n_runs;
	const char *metric, *by, *baseline;
	bool json, markdown, done;
};

/* Options other than those of the algorithm that have a part in a difference. */
struct doubt {
	enum ebb_pairing_kind kind;
	char *differ;
	int arm, baseline; /* the first pair it holds for */
	int n_pairs;
};

/* What stands beside the numbers. */
struct context {
	const struct ebb_run *run;
	const struct ebb_lineup *lineup;
	struct doubt *doubt;
	int n_doubts;
};

static int parse(int argc, char **argv, struct request *r)
{
	const char **to;
	int i;

	for (i = 1; i < argc; i++) {
		to = NULL;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			r->done = true;
			return ebb_command_help("compare", help);
		}
		if (strcmp(argv[i], "--json") == 0) {
			r->json = true;
			continue;
		}
		if (strcmp(argv[i], "--markdown") == 0) {
			r->markdown = true;
			continue;
		}
		if (strcmp(argv[i], "--metric") == 0)
			to = &r->metric;
		else if (strcmp(argv[i], "--by") == 0)
			to = &r->by;
		else if (strcmp(argv[i], "--baseline") == 0)
			to = &r->baseline;
		else if (argv[i][0] == '-')
			return ebb_command_usage("compare", "unknown option '%s'", argv[i]);
		if (to != NULL && i + 1 == argc)
			return ebb_command_usage("compare", "'%s' needs a value", argv[i]);
		if (to != NULL)
			*to = argv[++i];
		else
			r->run[r->n_runs++] = argv[i];
	}
	if (r->n_runs == 0)
		return ebb_command_usage("compare", "name the run directory");
	if (r->json && r->markdown)
		return ebb_command_usage("compare", "--json or --markdown, not both");
	return 0;
}

/* ---- what is compared ---- */

/* Pairs with the same difference are one warning, in the name of the first. */
static void doubt(struct context *x, enum ebb_pairing_kind kind, char *differ_take,
		  const struct ebb_comparison_row *r)
{
	struct doubt *d;

	for (int i = 0; i < x->n_doubts; i++) {
		d = &x->doubt[i];
		if (d->kind == kind && strcmp(d->differ, differ_take) == 0) {
			d->n_pairs++;
			free(differ_take);
			return;
		}
	}
	x->doubt = ebb_xrealloc(x->doubt, (size_t)x->n_doubts + 1, sizeof *x->doubt);
	x->doubt[x->n_doubts++] = (struct doubt){kind, differ_take, r->arm, r->baseline, 1};
}

static int find_doubts(struct context *x, const struct ebb_comparison *c, struct ebb_err *err)
{
	int rc = 0;

	for (int i = 0; i < c->n && rc == 0; i++) {
		const struct ebb_comparison_row *r = &c->row[i];
		struct ebb_pairing p = {0};

		if (r->baseline < 0 || r->baseline == r->arm || r->diff.n == 0)
			continue;
		rc = ebb_pairing_check(&p, x->run, r->arm, r->baseline, err);
		for (int k = 0; k < EBB_N_PAIRINGS && rc == 0; k++)
			if (p.differ[k]) {
				doubt(x, k, p.differ[k], r);
				p.differ[k] = NULL;
			}
		ebb_pairing_release(&p);
	}
	return rc;
}

static void put_doubt(const struct context *x, const struct doubt *d, struct ebb_buf *b)
{
	ebb_buf_printf(b, "'%s' and '%s' ", x->run->arm[d->arm].label,
		       x->run->arm[d->baseline].label);
	if (d->n_pairs > 1)
		ebb_buf_printf(b, "(and %d more pair%s) ", d->n_pairs - 1,
			       d->n_pairs == 2 ? "" : "s");
	ebb_buf_printf(b, "%s (%s)", ebb_pairing_words(d->kind), d->differ);
}

/* ---- text ---- */

/* Three significant digits of the largest mean. */
static int decimals_for(const struct ebb_comparison *c)
{
	double top = 0.0;
	int i, d;

	for (i = 0; i < c->n; i++)
		if (isfinite(c->row[i].value.mean))
			top = fmax(top, fabs(c->row[i].value.mean));
	if (top == 0.0)
		return 3;
	d = 2 - (int)floor(log10(top));
	return d < 0 ? 0 : d > 9 ? 9 : d;
}

static void put_p(struct ebb_table *t, double p)
{
	if (isnan(p))
		ebb_table_cell(t, "-");
	else if (p < 0.0001)
		ebb_table_cell(t, "<0.0001");
	else
		ebb_table_cell(t, "%.4f", p);
}

static void print_doubts(const struct context *x, bool markdown)
{
	for (int i = 0; i < x->n_doubts; i++) {
		struct ebb_buf b = EBB_BUF_INIT;

		put_doubt(x, &x->doubt[i], &b);
		printf("%swarning: %s\n", markdown ? "- " : "", b.data);
		ebb_buf_release(&b);
	}
	if (x->n_doubts > 0)
		printf("\n");
}

static void print_table(const struct context *x, const struct ebb_comparison *c, bool markdown)
{
	static const char *const one[] = {
		"arm",           "n", "final",  "<difference to", "difference",
		"95 % interval", "p", "p flip", "pairs"};
	static const char *const several[] = {
		"arm",           "n", "final",  "<difference to", "difference",
		"95 % interval", "p", "p Holm", "p flip",         "pairs"};
	const struct ebb_run *run = x->run;
	bool many = c->n_tests > 1;
	const char *pm = ebb_text_utf8() ? "±" : "+-";
	const struct ebb_comparison_row *r;
	struct ebb_table t;
	int i, d = decimals_for(c), dropped = 0, diverged = 0, unfinished = 0;

	ebb_lineup_print(x->lineup, stdout, markdown);
	print_doubts(x, markdown);
	printf("%s: %s%s%s%s; final = mean over the last tenth of the rows, %s sd over seeds\n\n",
	       c->metric, c->about, c->unit[0] != '\0' ? " (" : "", c->unit,
	       c->unit[0] != '\0' ? ")" : "", pm);
	ebb_table_init(&t, many ? 10 : 9, many ? several : one);
	for (i = 0; i < c->n; i++) {
		r = &c->row[i];
		ebb_table_cell(&t, "%s", run->arm[r->arm].label);
		ebb_table_cell(&t, "%d", r->value.n);
		if (r->value.n == 0)
			ebb_table_cell(&t, "-");
		else if (r->value.n == 1)
			ebb_table_cell(&t, "%.*f", d, r->value.mean);
		else
			ebb_table_cell(&t, "%.*f %s %.*f", d, r->value.mean, pm, d, r->value.sd);
		diverged += r->n_diverged;
		unfinished += r->n_unfinished;
		if (r->baseline == r->arm || r->baseline < 0) {
			ebb_table_cell(&t, "%s",
				       r->baseline < 0 ? "no baseline fits" : "(baseline)");
			for (int k = 0; k < (many ? 6 : 5); k++)
				ebb_table_cell(&t, "%s", "");
			continue;
		}
		dropped += r->diff.dropped;
		ebb_table_cell(&t, "%s", run->arm[r->baseline].label);
		if (r->diff.n > 0)
			ebb_table_cell(&t, "%+.*f", d, r->diff.mean);
		else
			ebb_table_cell(&t, "-");
		if (isnan(r->diff.low))
			ebb_table_cell(&t, "-");
		else
			ebb_table_cell(&t, "[%+.*f, %+.*f]", d, r->diff.low, d, r->diff.high);
		put_p(&t, r->diff.p_t);
		if (many)
			put_p(&t, r->p_holm);
		put_p(&t, r->diff.p_sign);
		ebb_table_cell(&t, "%d", r->diff.n);
	}
	if (markdown)
		ebb_table_markdown(&t, stdout);
	else
		ebb_table_print(&t, stdout);
	ebb_table_release(&t);
	if (dropped > 0)
		printf("\n%d final value%s without a partner of the same seed left out of the "
		       "differences\n",
		       dropped, dropped == 1 ? "" : "s");
	if (diverged > 0)
		printf("\n%d trial%s diverged and %s no final value\n", diverged,
		       diverged == 1 ? "" : "s", diverged == 1 ? "has" : "have");
	if (unfinished > 0)
		printf("\n%d trial%s not finished\n", unfinished,
		       unfinished == 1 ? " is" : "s are");
}

static void json_field(struct ebb_buf *b, const char *name, double x)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_json_number(b, x);
}

static void print_json(const struct context *x, const struct ebb_comparison *c)
{
	const struct ebb_run *run = x->run;
	struct ebb_buf b = EBB_BUF_INIT;
	const struct ebb_comparison_row *r;
	bool compared;
	int i, s;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, run->name);
	ebb_lineup_json(x->lineup, &b);
	ebb_buf_puts(&b, ",\"warnings\":[");
	for (i = 0; i < x->n_doubts; i++) {
		struct ebb_buf text = EBB_BUF_INIT;

		put_doubt(x, &x->doubt[i], &text);
		ebb_buf_puts(&b, i > 0 ? ",\n" : "");
		ebb_buf_json(&b, text.data);
		ebb_buf_release(&text);
	}
	ebb_buf_puts(&b, "],\"metric\":");
	ebb_buf_json(&b, c->metric);
	ebb_buf_puts(&b, ",\"unit\":");
	ebb_buf_json(&b, c->unit);
	json_field(&b, "level", EBB_LEVEL);
	ebb_buf_puts(&b, ",\"rows\":[");
	for (i = 0; i < c->n; i++) {
		r = &c->row[i];
		compared = r->baseline >= 0 && r->baseline != r->arm;
		ebb_buf_puts(&b, i > 0 ? ",\n{\"arm\":" : "\n{\"arm\":");
		ebb_buf_json(&b, run->arm[r->arm].label);
		json_field(&b, "n", r->value.n);
		json_field(&b, "mean", r->value.mean);
		json_field(&b, "sd", r->value.sd);
		json_field(&b, "low", r->value.low);
		json_field(&b, "high", r->value.high);
		json_field(&b, "diverged", r->n_diverged);
		json_field(&b, "unfinished", r->n_unfinished);
		ebb_buf_puts(&b, ",\"final\":[");
		for (s = 0; s < run->n_seeds; s++) {
			ebb_buf_printf(&b, "%s{\"seed\":%llu", s > 0 ? "," : "",
				       (unsigned long long)run->seed[s]);
			json_field(&b, "value", r->final[s]);
			ebb_buf_puts(&b, "}");
		}
		ebb_buf_puts(&b, "],\"baseline\":");
		if (r->baseline >= 0)
			ebb_buf_json(&b, run->arm[r->baseline].label);
		else
			ebb_buf_puts(&b, "null");
		json_field(&b, "difference", compared ? r->diff.mean : (double)NAN);
		json_field(&b, "diff_low", compared ? r->diff.low : (double)NAN);
		json_field(&b, "diff_high", compared ? r->diff.high : (double)NAN);
		json_field(&b, "p", compared ? r->diff.p_t : (double)NAN);
		json_field(&b, "p_holm", r->p_holm);
		json_field(&b, "p_sign_flip", compared ? r->diff.p_sign : (double)NAN);
		json_field(&b, "pairs", r->diff.n);
		json_field(&b, "dropped", r->diff.dropped);
		ebb_buf_puts(&b, "}");
	}
	ebb_buf_puts(&b, "\n]}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

int ebb_command_compare(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct request r = {.metric = "accuracy"};
	struct ebb_comparison c = {0};
	struct ebb_lineup lineup = {0};
	struct ebb_run run = {0};
	struct context x = {.run = &run, .lineup = &lineup};
	char *metric = NULL;
	int rc, status;

	r.run = ebb_xcalloc((size_t)argc, sizeof *r.run);
	status = parse(argc, argv, &r);
	if (status != 0 || r.done)
		goto out;
	ebb_record_setup();
	rc = ebb_run_join(&run, r.run, r.n_runs, &err);
	if (rc == 0)
		rc = ebb_lineup_make(&lineup, &run, &err);
	if (rc == 0)
		rc = ebb_name_metric(&run, r.metric, &metric, &err);
	if (rc == 0)
		rc = ebb_compare(&c, &run, metric, r.by, r.baseline, &err);
	if (rc == 0)
		rc = find_doubts(&x, &c, &err);
	if (rc != 0)
		status = ebb_command_fail("compare", &err);
	else if (r.json)
		print_json(&x, &c);
	else
		print_table(&x, &c, r.markdown);
out:
	for (int i = 0; i < x.n_doubts; i++)
		free(x.doubt[i].differ);
	free(x.doubt);
	ebb_comparison_release(&c);
	free(metric);
	ebb_lineup_release(&lineup);
	ebb_run_release(&run);
	free(r.run);
	return status;
}
