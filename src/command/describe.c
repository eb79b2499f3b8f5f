/*
 * ebb describe: what a definition resolves to. Every arm becomes a page (page.h); what most pages
 * say alike is printed once, then what each arm has instead.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/near.h"
#include "command/command.h"
#include "command/experiment.h"
#include "command/formula.h"
#include "command/sheet.h"
#include "command/tally.h"
#include "objective/objective.h"

static const char help_text[] =
	"  EXPERIMENT.yaml   the definition, as for ebb run; a bare name is one of ebb's own\n"
	"  key=value         override an option, as for ebb run\n"
	"  --arm LABEL       only this arm, whole; may be repeated\n"
	"  --json            {\"name\", \"about\", \"seeds\", \"figures\", \"claims\", \"common\", "
	"\"arms\": "
	"[{\"label\",\n"
	"                    \"algorithm\", \"axes\", \"numbers\", \"training\", \"loss\", "
	"\"options\", "
	"\"trials\"}]}\n\n"
	"For every arm: its loss as a formula with the options' numbers put in (terms that are\n"
	"switched off are left out), optimizer and sampler, the extra passes it pays, the options\n"
	"that differ from the built-in defaults and where each value came from, and the trials.\n"
	"Several arms: what they share first, then what each one has instead. Nothing is run or\n"
	"written. In JSON every arm is whole; common names the lines that all arms share.\n\n"
	"exit status: 0 done, 2 usage or bad input (the errors of ebb run)\n";

static const char *const section_name[] = {EBB_SECTION_LOSS, EBB_SECTION_TRAINING,
					   EBB_SECTION_OPTIONS, EBB_SECTION_TRIALS};
#define N_SECTIONS (sizeof section_name / sizeof *section_name)

/* ---- what arms share ---- */

/* The arms to describe, and how many of them have a line. */
struct arms {
	struct ebb_sheet *sheet;
	int n;
	struct ebb_tally tally;
};

static void count_lines(struct arms *all)
{
	size_t lines = 0;

	for (int i = 0; i < all->n; i++)
		lines += (size_t)all->sheet[i].page.n;
	ebb_tally_init(&all->tally, lines);
	for (int i = 0; i < all->n; i++)
		ebb_tally_add(&all->tally, &all->sheet[i].page);
}

static bool is_shared(const struct arms *all, const struct ebb_line *line)
{
	return ebb_tally_count(&all->tally, line) == all->n;
}

static bool is_usual(const struct arms *all, const struct ebb_line *line)
{
	return 2 * ebb_tally_count(&all->tally, line) > all->n;
}

/* The lines that more than half of the arms have, in the order of the arm that has most of them. */
static void usual_lines(const struct arms *all, struct ebb_page *usual)
{
	const struct ebb_sheet *sheet = all->sheet;
	const int n = all->n;
	int fullest = 0, most = -1;

	for (int i = 0; i < n; i++) {
		int own = 0;

		for (int j = 0; j < sheet[i].page.n; j++)
			own += is_usual(all, &sheet[i].page.line[j]);
		if (own > most) {
			most = own;
			fullest = i;
		}
	}
	for (size_t k = 0; k < N_SECTIONS; k++)
		for (int i = 0; i < n; i++) {
			const struct ebb_page *p = &sheet[(fullest + i) % n].page;

			for (int j = 0; j < p->n; j++) {
				const struct ebb_line *l = &p->line[j];

				if (strcmp(l->section, section_name[k]) == 0 &&
				    !ebb_page_find(usual, l->section, l->name) && is_usual(all, l))
					ebb_page_add(usual, l->section, l->name, l->cite, "%s",
						     l->text);
			}
		}
}

/* What an arm has instead of the usual: its other lines, and "none" for those it lacks. */
static void own_lines(const struct ebb_sheet *s, const struct ebb_page *usual, struct ebb_page *own)
{
	for (size_t k = 0; k < N_SECTIONS; k++) {
		for (int j = 0; j < s->page.n; j++) {
			const struct ebb_line *l = &s->page.line[j], *u;

			u = ebb_page_find(usual, l->section, l->name);
			if (strcmp(l->section, section_name[k]) == 0 && !(u && ebb_line_same(l, u)))
				ebb_page_add(own, l->section, l->name, l->cite, "%s", l->text);
		}
		for (int j = 0; j < usual->n; j++) {
			const struct ebb_line *u = &usual->line[j];

			if (strcmp(u->section, section_name[k]) == 0 &&
			    !ebb_page_find(&s->page, u->section, u->name))
				ebb_page_add(own, u->section, u->name, NULL, "%s",
					     strcmp(u->section, EBB_SECTION_OPTIONS) == 0
						     ? "the default"
						     : "none");
		}
	}
}

/* ---- text ---- */

static void print_head(const struct ebb_definition *def, struct ebb_buf *out)
{
	size_t n = strlen(def->about);
	char *about;
	int at;

	while (n > 0 && strchr(" \n", def->about[n - 1])) /* a folded text ends in a break */
		n--;
	about = ebb_xprintf("%.*s", (int)n, def->about);
	ebb_buf_printf(out, "%s%s", def->name, n > 0 ? ": " : "");
	ebb_wrap(out, about, (int)strlen(def->name) + 2, 0);
	free(about);
	ebb_buf_printf(out, "\n%d arm%s x %d seed%s = %d trial%s", def->n_arms,
		       def->n_arms == 1 ? "" : "s", def->n_seeds, def->n_seeds == 1 ? "" : "s",
		       def->n_plans, def->n_plans == 1 ? "" : "s");
	if (def->n_plans < def->n_arms * def->n_seeds)
		ebb_buf_puts(out, ", since some arms are the same");
	ebb_buf_puts(out, "\n");
	at = def->n_figures ? 9 : 0;
	for (int i = 0; i < def->n_figures; i++) {
		ebb_buf_puts(out, i ? ", " : "figures: ");
		at = ebb_wrap(out, def->figure[i].text, at + 2 * (i > 0), 9);
	}
	ebb_buf_puts(out, def->n_figures ? "\n" : "");
	for (int i = 0; i < def->n_claims; i++)
		ebb_buf_printf(out, "claim: %s\n", def->claim[i].text);
}

/* The usual lines; a star for those that not every arm has. */
static void print_usual(const struct arms *all, const struct ebb_page *usual, int width,
			struct ebb_buf *out)
{
	struct ebb_page starred = EBB_PAGE_INIT;
	bool every = true;

	for (int i = 0; i < usual->n; i++) {
		const struct ebb_line *l = &usual->line[i];
		const bool shared = is_shared(all, l);
		char *name = ebb_xprintf("%s%s", l->name, shared ? "" : " *");

		ebb_page_add(&starred, l->section, name, l->cite, "%s", l->text);
		every = every && shared;
		free(name);
	}
	ebb_buf_printf(out, "\n==== all %d arms%s ====\n\n", all->n,
		       every ? "" : " (*: most of them; the others say what they have instead)");
	ebb_page_print(&starred, width, out);
	ebb_page_release(&starred);
}

static void print_text(const struct ebb_definition *def, const struct arms *all,
		       struct ebb_buf *out)
{
	const struct ebb_sheet *sheet = all->sheet;
	struct ebb_page usual = EBB_PAGE_INIT;
	const int n = all->n;
	int width = 0;

	for (int i = 0; i < n; i++) {
		const int w = ebb_page_width(&sheet[i].page) + 2 * (n > 1); /* room for a star */

		width = w > width ? w : width;
	}
	print_head(def, out);
	if (n > 1) {
		usual_lines(all, &usual);
		print_usual(all, &usual, width, out);
	}
	for (int i = 0; i < n; i++) {
		struct ebb_page own = EBB_PAGE_INIT;

		own_lines(&sheet[i], &usual, &own);
		ebb_buf_printf(out, "\n==== arm '%s' ====\n\n", sheet[i].arm->label);
		ebb_page_print(&own, width, out);
		ebb_page_release(&own);
	}
	ebb_page_release(&usual);
	ebb_buf_printf(out, "\n%s", ebb_formula_sources);
}

/* ---- JSON ---- */

static void add_strings(struct ebb_buf *out, const struct ebb_item *item, int n)
{
	ebb_buf_puts(out, "[");
	for (int i = 0; i < n; i++) {
		ebb_buf_puts(out, i ? ", " : "");
		ebb_buf_json(out, item[i].text);
	}
	ebb_buf_puts(out, "]");
}

struct json_list {
	struct ebb_buf *out;
	int n;
};

static void add_option_json(struct ebb_sheet *s, const struct ebb_difference *d, void *ctx)
{
	struct json_list *list = ctx;
	struct ebb_buf from = EBB_BUF_INIT;

	ebb_sheet_origin(s, d->key, &from);
	ebb_buf_puts(list->out, list->n++ ? ", {\"key\": " : "{\"key\": ");
	ebb_buf_json(list->out, d->key);
	ebb_buf_puts(list->out, ", \"value\": ");
	ebb_buf_json(list->out, d->value.data);
	ebb_buf_puts(list->out, ", \"default\": ");
	ebb_buf_json(list->out, d->builtin.data);
	ebb_buf_printf(list->out, ", \"science\": %s, \"from\": ",
		       d->row->class == EBB_SCIENCE ? "true" : "false");
	ebb_buf_json(list->out, from.data);
	ebb_buf_puts(list->out, "}");
	ebb_buf_release(&from);
}

static void add_numbers_json(const struct ebb_sheet *s, struct ebb_buf *out)
{
	struct ebb_needs needs;

	ebb_objective_needs(s->o, &needs);
	ebb_buf_printf(out,
		       "{\"parameters\": %" PRId64 ", \"response_limit\": %d, "
		       "\"responses_a_step\": %" PRId64 ", \"response_tokens_a_step\": %" PRId64
		       ", \"steps\": %" PRId64 ", \"mu\": %" PRId64 ", \"K\": %" PRId64
		       ", \"updates\": %" PRId64 ", \"passes\": {\"reference\": %s, "
		       "\"exact_kl\": %s, \"answer\": %s, \"answer_prior\": %s, "
		       "\"base_samples\": %d, \"greedy\": %s, \"values\": %s, \"old\": %s, "
		       "\"own\": %s}}",
		       s->parameters, s->limit, ebb_sheet_rows(s->o),
		       ebb_sheet_rows(s->o) * s->limit, s->o->train.steps, s->o->train.epochs,
		       s->o->train.minibatches, ebb_sheet_updates(s->o),
		       needs.ref_logp ? "true" : "false", needs.exact_kl ? "true" : "false",
		       needs.answer ? "true" : "false", needs.answer_prior ? "true" : "false",
		       needs.reference_samples, needs.greedy ? "true" : "false",
		       needs.critic ? "true" : "false",
		       s->o->sample.mismatch == EBB_MISMATCH_STALE ? "true" : "false",
		       needs.own_pass ? "true" : "false");
}

static void add_arm_json(struct ebb_sheet *s, struct ebb_buf *out)
{
	struct json_list list = {out, 0};

	ebb_buf_puts(out, "  {\"label\": ");
	ebb_buf_json(out, s->arm->label);
	ebb_buf_puts(out, ", \"algorithm\": ");
	ebb_buf_json(out, s->o->algorithm);
	ebb_buf_puts(out, ",\n   \"axes\": {");
	for (int i = 0; i < s->arm->n_axes; i++) {
		ebb_buf_puts(out, i ? ", " : "");
		ebb_buf_json(out, s->arm->axis[i].key);
		ebb_buf_puts(out, ": ");
		ebb_buf_json(out, s->arm->axis[i].value);
	}
	ebb_buf_puts(out, "},\n   \"numbers\": ");
	add_numbers_json(s, out);
	ebb_buf_puts(out, ",\n   \"loss\": ");
	ebb_page_json(&s->page, EBB_SECTION_LOSS, out);
	ebb_buf_puts(out, ",\n   \"training\": ");
	ebb_page_json(&s->page, EBB_SECTION_TRAINING, out);
	ebb_buf_puts(out, ",\n   \"options\": [");
	ebb_sheet_differences(s, add_option_json, &list);
	ebb_buf_puts(out, "],\n   \"trials\": [");
	for (int i = 0; i < s->def->n_seeds; i++) {
		char id[EBB_ID_MAX];

		ebb_sheet_base(s, i, id);
		ebb_buf_printf(out, "%s{\"seed\": %" PRIu64 ", \"id\": \"%s\", \"base\": \"%s\"}",
			       i ? ", " : "", s->def->seed[i], ebb_sheet_trial(s, i), id);
	}
	ebb_buf_puts(out, "]}");
}

/* Names of the section's lines that all arms share. */
static void add_common_json(const struct arms *all, const char *section, struct ebb_buf *out)
{
	const struct ebb_page *p = &all->sheet[0].page;
	int shown = 0;

	ebb_buf_puts(out, "[");
	for (int i = 0; i < p->n; i++) {
		if (strcmp(p->line[i].section, section) != 0 || !is_shared(all, &p->line[i]))
			continue;
		ebb_buf_puts(out, shown++ ? ", " : "");
		ebb_buf_json(out, p->line[i].name);
	}
	ebb_buf_puts(out, "]");
}

static void print_json(const struct ebb_definition *def, const struct arms *all,
		       struct ebb_buf *out)
{
	ebb_buf_puts(out, "{\"name\": ");
	ebb_buf_json(out, def->name);
	ebb_buf_puts(out, ",\n \"about\": ");
	ebb_buf_json(out, def->about);
	ebb_buf_puts(out, ",\n \"seeds\": [");
	for (int i = 0; i < def->n_seeds; i++)
		ebb_buf_printf(out, "%s%" PRIu64, i ? ", " : "", def->seed[i]);
	ebb_buf_printf(out, "],\n \"n_trials\": %d,\n \"figures\": ", def->n_plans);
	add_strings(out, def->figure, def->n_figures);
	ebb_buf_puts(out, ",\n \"claims\": ");
	add_strings(out, def->claim, def->n_claims);
	ebb_buf_puts(out, ",\n \"common\": {\"loss\": ");
	add_common_json(all, EBB_SECTION_LOSS, out);
	ebb_buf_puts(out, ", \"training\": ");
	add_common_json(all, EBB_SECTION_TRAINING, out);
	ebb_buf_puts(out, ", \"options\": ");
	add_common_json(all, EBB_SECTION_OPTIONS, out);
	ebb_buf_puts(out, "},\n \"arms\": [\n");
	for (int i = 0; i < all->n; i++) {
		add_arm_json(&all->sheet[i], out);
		ebb_buf_puts(out, i + 1 < all->n ? ",\n" : "\n");
	}
	ebb_buf_puts(out, " ]}\n");
}

/* ---- the command ---- */

struct arguments {
	const char **name, **override, **label;
	int n_names, n_overrides, n_labels;
	bool json;
};

/* 0, or an exit status + 1 to leave with. */
static int parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("describe", help_text) + 1;
		if (strcmp(s, "--json") == 0) {
			a->json = true;
		} else if (strncmp(s, "--arm=", 6) == 0) {
			a->label[a->n_labels++] = s + 6;
		} else if (strcmp(s, "--arm") == 0) {
			if (i + 1 == argc)
				return ebb_command_usage("describe", "--arm needs a value") + 1;
			a->label[a->n_labels++] = argv[++i];
		} else if (s[0] == '-') {
			return ebb_command_usage("describe", "unknown option '%s'", s) + 1;
		} else if (strchr(s, '=')) {
			a->override[a->n_overrides++] = s;
		} else {
			a->name[a->n_names++] = s;
		}
	}
	if (a->n_names == 0 && a->n_overrides == 0)
		return ebb_command_usage("describe", "which experiment?") + 1;
	return 0;
}

static int find_arm(const struct ebb_definition *def, const char *label, int *arm,
		    struct ebb_err *err)
{
	struct ebb_near near;

	ebb_near_init(&near, label);
	for (*arm = 0; *arm < def->n_arms; ++*arm) {
		if (strcmp(def->arm[*arm].label, label) == 0)
			return 0;
		ebb_near_offer(&near, def->arm[*arm].label);
	}
	if (near.best)
		return ebb_err_set(err, EBB_EINVAL, "no arm '%s': did you mean '%s'?", label,
				   near.best);
	return ebb_err_set(err, EBB_EINVAL, "no arm '%s': without --arm all %d are described",
			   label, def->n_arms);
}

/* The arms to describe: those named, in their order of the definition, or all. */
static int choose(const struct ebb_definition *def, const struct arguments *a, int *arm, int *n,
		  struct ebb_err *err)
{
	bool *wanted = ebb_xcalloc((size_t)def->n_arms, sizeof *wanted);
	int rc = 0, k;

	for (int i = 0; i < a->n_labels && rc == 0; i++) {
		rc = find_arm(def, a->label[i], &k, err);
		if (rc == 0)
			wanted[k] = true;
	}
	*n = 0;
	for (int i = 0; i < def->n_arms; i++)
		if (a->n_labels == 0 || wanted[i])
			arm[(*n)++] = i;
	free(wanted);
	return rc;
}

static int describe(const struct ebb_definition *def, const struct arguments *a,
		    struct ebb_err *err)
{
	struct arms all = {.sheet = ebb_xcalloc((size_t)def->n_arms, sizeof *all.sheet)};
	int *arm = ebb_xcalloc((size_t)def->n_arms, sizeof *arm), n, rc;
	struct ebb_buf out = EBB_BUF_INIT;

	rc = choose(def, a, arm, &n, err);
	while (rc == 0 && all.n < n) {
		rc = ebb_sheet_init(&all.sheet[all.n], def, arm[all.n], err);
		all.n++;
	}
	if (rc == 0) {
		count_lines(&all);
		if (a->json)
			print_json(def, &all, &out);
		else
			print_text(def, &all, &out);
		fputs(out.data, stdout);
	}
	ebb_buf_release(&out);
	ebb_tally_release(&all.tally);
	for (int i = 0; i < all.n; i++)
		ebb_page_release(&all.sheet[i].page);
	free(all.sheet);
	free(arm);
	return rc;
}

int ebb_command_describe(int argc, char **argv)
{
	struct arguments a = {.name = ebb_xcalloc((size_t)argc, sizeof *a.name),
			      .override = ebb_xcalloc((size_t)argc, sizeof *a.override),
			      .label = ebb_xcalloc((size_t)argc, sizeof *a.label)};
	struct ebb_definition def = {0};
	struct ebb_err err = EBB_ERR_INIT;
	int status = parse(argc, argv, &a) - 1;

	if (status < 0)
		status = ebb_experiment_read("describe", a.name, a.n_names, a.override,
					     a.n_overrides, &def);
	else
		goto out;
	if (status == EBB_EXIT_OK && describe(&def, &a, &err) < 0)
		status = ebb_command_fail("describe", &err);
out:
	ebb_definition_release(&def);
	free(a.label);
	free(a.override);
	free(a.name);
	return status;
}
