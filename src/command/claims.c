/* ebb claims RUN: the verdicts of a run. */
#include "command/command.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "base/file.h"
#include "command/reference.h"
#include "command/words.h"

static const char help[] =
	"  CLAIM        judge these instead of the recorded ones; quote them for the shell\n"
	"  --strict     exit status 1 unless every claim that applies holds\n"
	"  --markdown   the table as Markdown\n"
	"  --json       one object:\n"
	"               {\"run\",\"claims\":[{\"claim\",\"verdict\",\"holds\",\"left\",\"right\","
	"\"effect\",\"low\",\n"
	"               "
	"\"high\",\"ratio\",\"margin\",\"p\",\"p_holm\",\"p_sign\",\"n\",\"dropped\","
	"\"few\",\"n_needed\",\n"
	"               \"test\",\"note\"}],\"tests\",\"counts\":{\"reproduced\",...}}\n"
	"               missing numbers are null\n\n"
	"effect: left - right of the claim, averaged over seeds; x: left / right, where a side is\n"
	"ratio(). In brackets the 95 % t interval. p Holm: adjusted for all tests of this table; p "
	"flip:\n"
	"exact sign-flip test. needs: seeds that would probably decide it, at the effect seen. * "
	"at "
	"N:\n"
	"fewer than 8 seeds. docs/claims.md has the language and the rules.\n";

struct request {
	const char *run;
	const char **claim;
	int n_claims;
	bool json, markdown, strict;
};

/* No claim is the name of a folder with a run in it. */
static bool is_run(const char *word)
{
	char *index = ebb_path_join(word, "run.h5");
	bool yes = ebb_file_exists(index);

	free(index);
	return yes;
}

/* 0 to go on, else an exit status + 1 to leave with. */
static int parse(int argc, char **argv, struct request *r)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("claims", help) + 1;
		if (strcmp(s, "--json") == 0)
			r->json = true;
		else if (strcmp(s, "--markdown") == 0)
			r->markdown = true;
		else if (strcmp(s, "--strict") == 0)
			r->strict = true;
		else if (strncmp(s, "--", 2) == 0) /* a claim may begin with a minus sign */
			return ebb_command_usage("claims", "unknown option '%s'", s) + 1;
		else if (!r->run)
			r->run = s;
		else if (is_run(s))
			return ebb_command_usage("claims",
						 "claims are of one run, and '%s' is another; ebb "
						 "compare takes several",
						 s) +
			       1;
		else
			r->claim[r->n_claims++] = s;
	}
	if (r->json && r->markdown)
		return ebb_command_usage("claims", "--json or --markdown, not both") + 1;
	if (!r->run)
		return ebb_command_usage("claims", "name the run directory") + 1;
	return 0;
}

/* ---- words of a row ---- */

static void put_effect(struct ebb_buf *b, const struct ebb_judgement *j)
{
	if (isnan(j->effect))
		ebb_buf_puts(b, "-");
	else
		ebb_buf_printf(b, j->ratio ? "x %.3g" : "%+.3g", j->effect);
}

static void put_interval(struct ebb_buf *b, const struct ebb_judgement *j)
{
	if (isnan(j->low))
		ebb_buf_puts(b, "-");
	else
		ebb_buf_printf(b, j->ratio ? "[%.3g, %.3g]" : "[%+.3g, %+.3g]", j->low, j->high);
}

static void put_p(struct ebb_buf *b, double p)
{
	if (isnan(p))
		ebb_buf_puts(b, "-");
	else if (p < 0.0001)
		ebb_buf_puts(b, "<0.0001");
	else
		ebb_buf_printf(b, "%.4f", p);
}

/* A claim on one line: folded texts have line breaks. */
static char *one_line(const char *claim)
{
	struct ebb_buf b = EBB_BUF_INIT;

	for (const char *s = claim; *s; s++)
		if (!strchr(" \t\r\n", *s))
			ebb_buf_add(&b, s, 1);
		else if (b.len > 0 && s[1] && !strchr(" \t\r\n", s[1]))
			ebb_buf_puts(&b, " ");
	return ebb_buf_take(&b);
}

static void cell(struct ebb_table *t, void (*put)(struct ebb_buf *, const struct ebb_judgement *),
		 const struct ebb_judgement *j)
{
	struct ebb_buf b = EBB_BUF_INIT;

	put(&b, j);
	ebb_table_cell(t, "%s", b.data);
	ebb_buf_release(&b);
}

static void cell_p(struct ebb_table *t, double p)
{
	struct ebb_buf b = EBB_BUF_INIT;

	put_p(&b, p);
	ebb_table_cell(t, "%s", b.data);
	ebb_buf_release(&b);
}

/* ---- the table ---- */

static void fill(struct ebb_table *t, const struct ebb_judgements *all)
{
	for (int i = 0; i < all->n; i++) {
		const struct ebb_judgement *j = &all->claim[i];
		bool applies = j->verdict != EBB_NOT_APPLICABLE;
		char *claim = one_line(j->claim);

		ebb_table_cell(t, "%s", ebb_verdict_word(j->verdict));
		cell(t, put_effect, j);
		cell(t, put_interval, j);
		cell_p(t, j->p);
		cell_p(t, j->p_holm);
		cell_p(t, j->p_sign);
		if (applies)
			ebb_table_cell(t, "%d%s", j->n, j->few ? "*" : "");
		else
			ebb_table_cell(t, "-");
		if (j->n_needed > 0)
			ebb_table_cell(t, "%d", j->n_needed);
		else
			ebb_table_cell(t, "-");
		ebb_table_cell(t, "%s", claim);
		free(claim);
	}
}

/* Rows one by one, the note of a row below it. */
static int print_rows(const struct ebb_table *t, const struct ebb_judgements *all,
		      struct ebb_err *err)
{
	char *text = NULL, *line, *next;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int row = -1; /* the head */

	if (!f)
		return ebb_err_set(err, EBB_ENOMEM, "out of memory for a table");
	ebb_table_print(t, f);
	if (fclose(f) != 0) {
		free(text);
		return ebb_err_set(err, EBB_ENOMEM, "out of memory for a table");
	}
	for (line = text; *line; line = next, row++) {
		next = strchr(line, '\n') + 1;
		fwrite(line, 1, (size_t)(next - line), stdout);
		if (row >= 0 && all->claim[row].note[0])
			printf("    %s\n", all->claim[row].note);
	}
	free(text);
	return 0;
}

static void print_counts(const struct ebb_judgements *all)
{
	printf("\n%d claim%s:", all->n, all->n == 1 ? "" : "s");
	for (int v = 0, any = 0; v < EBB_N_VERDICTS; v++)
		if (all->count[v] > 0)
			printf("%s %d %s", any++ ? "," : "", all->count[v],
			       ebb_verdict_word((enum ebb_ruling)v));
	printf("\n");
}

static int print_table(const struct ebb_run *run, const struct ebb_judgements *all,
		       struct ebb_err *err)
{
	static const char *const head[] = {"verdict", "effect", "95 % interval", "p",     "p Holm",
					   "p flip",  "N",      "needs",         "<claim"};
	struct ebb_table t;
	int rc;

	if (all->n == 0) {
		printf("%s claims nothing; ebb claims RUN 'final(entropy, ...) < ...' judges one\n",
		       run->name);
		return 0;
	}
	ebb_table_init(&t, 9, head);
	fill(&t, all);
	rc = print_rows(&t, all, err);
	ebb_table_release(&t);
	if (rc == 0)
		print_counts(all);
	return rc;
}

/* ---- Markdown ---- */

static void print_markdown(const struct ebb_judgements *all)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "| claim | verdict | effect, 95 % interval | p (Holm) | N | note |\n"
			 "|---|---|---|---|---|---|\n");
	for (int i = 0; i < all->n; i++) {
		const struct ebb_judgement *j = &all->claim[i];
		char *claim = one_line(j->claim);

		ebb_buf_puts(&b, "| ");
		ebb_markdown_code(&b, claim);
		ebb_buf_printf(&b, " | %s | ", ebb_verdict_word(j->verdict));
		put_effect(&b, j);
		if (!isnan(j->low)) {
			ebb_buf_puts(&b, " ");
			put_interval(&b, j);
		}
		ebb_buf_puts(&b, " | ");
		put_p(&b, j->p);
		if (!isnan(j->p_holm)) {
			ebb_buf_puts(&b, " (");
			put_p(&b, j->p_holm);
			ebb_buf_puts(&b, ")");
		}
		if (j->verdict == EBB_NOT_APPLICABLE)
			ebb_buf_puts(&b, " | - | ");
		else
			ebb_buf_printf(&b, " | %d | ", j->n);
		ebb_markdown_cell(&b, j->note);
		if (j->n_needed > 0)
			ebb_buf_printf(&b, "%sabout %d seeds would decide it",
				       j->note[0] ? "; " : "", j->n_needed);
		ebb_buf_puts(&b, " |\n");
		free(claim);
	}
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

/* ---- JSON ---- */

static void json_number(struct ebb_buf *b, const char *name, double x)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_json_number(b, x);
}

static void json_text(struct ebb_buf *b, const char *name, const char *text)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_buf_json(b, text);
}

static void json_flag(struct ebb_buf *b, const char *name, bool flag)
{
	ebb_buf_printf(b, ",\"%s\":%s", name, flag ? "true" : "false");
}

static void json_claim(struct ebb_buf *b, const struct ebb_judgement *j)
{
	ebb_buf_puts(b, "{\"claim\":");
	ebb_buf_json(b, j->claim);
	json_text(b, "verdict", ebb_verdict_word(j->verdict));
	json_flag(b, "holds", j->holds);
	json_number(b, "left", j->left);
	json_number(b, "right", j->right);
	json_number(b, "effect", j->effect);
	json_number(b, "low", j->low);
	json_number(b, "high", j->high);
	json_flag(b, "ratio", j->ratio);
	json_number(b, "margin", j->margin);
	json_number(b, "p", j->p);
	json_number(b, "p_holm", j->p_holm);
	json_number(b, "p_sign", j->p_sign);
	json_number(b, "n", j->n);
	json_number(b, "dropped", j->dropped);
	json_flag(b, "few", j->few);
	json_number(b, "n_needed", j->n_needed > 0 ? j->n_needed : (double)NAN);
	json_text(b, "test", j->test);
	json_text(b, "note", j->note);
	ebb_buf_puts(b, "}");
}

static void print_json(const struct ebb_run *run, const struct ebb_judgements *all)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, run->name);
	ebb_buf_puts(&b, ",\"claims\":[");
	for (int i = 0; i < all->n; i++) {
		ebb_buf_puts(&b, i > 0 ? ",\n" : "\n");
		json_claim(&b, &all->claim[i]);
	}
	ebb_buf_printf(&b, "\n],\"tests\":%d,\"counts\":{", all->n_tests);
	for (int v = 0; v < EBB_N_VERDICTS; v++)
		ebb_buf_printf(&b, "%s\"%s\":%d", v > 0 ? "," : "",
			       ebb_verdict_word((enum ebb_ruling)v), all->count[v]);
	ebb_buf_puts(&b, "}}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

static bool all_hold(const struct ebb_judgements *all)
{
	for (int i = 0; i < all->n; i++)
		if (all->claim[i].verdict != EBB_NOT_APPLICABLE && !all->claim[i].holds)
			return false;
	return true;
}

int ebb_command_claims(int argc, char **argv)
{
	struct request r = {.claim = ebb_xcalloc((size_t)argc, sizeof *r.claim)};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_judgements all = {0};
	struct ebb_run run = {0};
	int status = parse(argc, argv, &r) - 1, rc = 0;

	if (status < 0) {
		status = EBB_EXIT_OK;
		ebb_record_setup();
		rc = ebb_run_open(&run, r.run, &err);
		if (rc == 0)
			rc = ebb_words_judge(&all, &run, r.n_claims > 0 ? r.claim : NULL,
					     r.n_claims, &diag, &err);
		ebb_diag_render(&diag, stderr);
		if (rc == 0 && r.json)
			print_json(&run, &all);
		else if (rc == 0 && r.markdown)
			print_markdown(&all);
		else if (rc == 0)
			rc = print_table(&run, &all, &err);
		if (rc < 0)
			status = ebb_command_fail("claims", &err);
		else if (r.strict && !all_hold(&all))
			status = EBB_EXIT_FAILED;
	}
	ebb_judgements_release(&all);
	ebb_diag_release(&diag);
	ebb_run_release(&run);
	free(r.claim);
	return status;
}
