#include "command/command.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/compare.h"
#include "analysis/names.h"
#include "analysis/table.h"
#include "record/record.h"

static const char help[] =
	"  --metric NAME    full or short name of a metric (accuracy)\n"
	"  --by KEY         compare arms that differ in this swept key alone (algorithm, alpha "
	"...);\n"
	"                   without it, every arm with the baseline\n"
	"  --baseline ARM   label of the baseline arm, or with --by the key's value (the first)\n"
	"  --json           one object: "
	"{\"run\",\"metric\",\"unit\",\"level\",\"rows\":[{\"arm\",\"n\",\"mean\",\"sd\",\n"
	"                   "
	"\"low\",\"high\",\"diverged\",\"unfinished\",\"final\":[{\"seed\",\"value\"}],"
	"\"baseline\",\n"
	"                   "
	"\"difference\",\"diff_low\",\"diff_high\",\"p\",\"p_holm\",\"p_sign_flip\",\"pairs\",\n"
	"                   \"dropped\"}]}\n"
	"                   missing numbers are null; baseline is null where none fits\n\n"
	"A trial's final value is the mean over the last tenth of its rows. Differences are paired "
	"by\n"
	"seed; the interval is Student's t at 95 %, p two-sided from the same t; p flip is the "
	"exact\n"
	"sign-flip test, from 8 pairs on. Where there are several differences, p Holm is p "
	"adjusted "
	"for\n"
	"their number. Trials that diverged have no final value and are counted.\n";

struct request {
	const char *run, *metric, *by, *baseline;
	bool json, done;
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
		else if (r->run == NULL)
			r->run = argv[i];
		else
			return ebb_command_usage("compare", "one run at a time; '%s' is too much",
						 argv[i]);
	}
	if (r->run == NULL)
		return ebb_command_usage("compare", "name the run directory");
	return 0;
}

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

static void print_table(const struct ebb_run *run, const struct ebb_comparison *c)
{
	static const char *const one[] = {
		"arm",           "n", "final",  "<difference to", "difference",
		"95 % interval", "p", "p flip", "pairs"};
	static const char *const several[] = {
		"arm",           "n", "final",  "<difference to", "difference",
		"95 % interval", "p", "p Holm", "p flip",         "pairs"};
	bool many = c->n_tests > 1;
	const char *pm = ebb_text_utf8() ? "±" : "+-";
	const struct ebb_comparison_row *r;
	struct ebb_table t;
	int i, d = decimals_for(c), dropped = 0, diverged = 0, unfinished = 0;

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

static void print_json(const struct ebb_run *run, const struct ebb_comparison *c)
{
	struct ebb_buf b = EBB_BUF_INIT;
	const struct ebb_comparison_row *r;
	bool compared;
	int i, s;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, run->name);
	ebb_buf_puts(&b, ",\"metric\":");
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
	struct ebb_run run = {0};
	char *metric = NULL;
	int rc, status;

	status = parse(argc, argv, &r);
	if (status != 0 || r.done)
		return status;
	ebb_record_setup();
	rc = ebb_run_open(&run, r.run, &err);
	if (rc == 0)
		rc = ebb_name_metric(&run, r.metric, &metric, &err);
	if (rc == 0)
		rc = ebb_compare(&c, &run, metric, r.by, r.baseline, &err);
	if (rc != 0)
		status = ebb_command_fail("compare", &err);
	else if (r.json)
		print_json(&run, &c);
	else
		print_table(&run, &c);
	ebb_comparison_release(&c);
	free(metric);
	ebb_run_release(&run);
	return status;
}
