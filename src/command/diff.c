/* ebb diff: two runs, or two trials, side by side: what was asked for, what made them, and whether
 * the numbers are the same to the last bit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "command/command.h"
#include "command/contrast.h"
#include "record/differ.h"
#include "record/pack.h"

#define SHOWN_BYTES 48 /* of a value; --json has it all */

static const char help[] =
	"  RUN_A RUN_B   two run directories, or two files of trials (RUN/trials/ID.h5)\n"
	"  --json        one object: {\"a\",\"b\",\"options\":[{\"key\",\"a\",\"b\",\"arms\"}],"
	"\"arms_only_a\",\n"
	"                "
	"\"arms_only_b\",\"seeds_only_a\",\"seeds_only_b\",\"provenance\":[{\"key\","
	"\"a\",\"b\"}],\n"
	"                \"trials\":[{\"id\",\"arm\",\"seed\",\"agree\",\"compared\",\"differing\","
	"\"only_a\",\"only_b\",\n"
	"                \"first_step\",\"dataset\",\"values\",\"error\"}],\"trials_only_a\","
	"\"trials_only_b\",\n"
	"                \"unfinished\",\"agree\"}; null where an option has its default, or "
	"nothing "
	"differs\n\n"
	"First the definitions: options that differ arm by arm (arms are matched by their "
	"labels),\n"
	"seeds and arms that only one has, and the programs and processors that wrote the files. "
	"Then\n"
	"the trials that both have finished, matched by id: every dataset marked deterministic is\n"
	"compared byte by byte, and the first step where one differs is named.\n\n"
	"exit status: 0 the common trials agree bit for bit, 1 something differs (also a dataset "
	"that\n"
	"only one of them has, as of two builds) or no trial is common, 2 usage or bad input\n";

struct request {
	const char *path[2];
	int n;
	bool json, done;
};

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			q->done = true;
			return ebb_command_help("diff", help);
		}
		if (strcmp(argv[i], "--json") == 0)
			q->json = true;
		else if (argv[i][0] == '-' && argv[i][1])
			return ebb_command_usage("diff", "unknown option '%s'", argv[i]);
		else if (q->n == 2)
			return ebb_command_usage("diff", "two runs at a time; '%s' is too much",
						 argv[i]);
		else
			q->path[q->n++] = argv[i];
	}
	if (q->n < 2)
		return ebb_command_usage("diff", "name two runs");
	return 0;
}

/* ---- trials ---- */

struct pair {
	const char *id, *label; /* of side a, borrowed */
	uint64_t seed;
	struct ebb_difference difference;
	char *error; /* why it could not be compared; null: it was */
	bool agree;
};

struct pairs {
	struct pair *pair;
	int n, agree;
	int only_a, only_b; /* planned in one alone                    */
	int unfinished;     /* planned in both, not finished in both   */
};

static void compare(struct pair *p, const char *path_a, const char *path_b)
{
	struct ebb_err err = EBB_ERR_INIT;

	if (ebb_differ(path_a, path_b, &p->difference, &err) < 0)
		p->error = ebb_xstrdup(err.text);
	else
		p->agree = p->difference.differing == 0 && p->difference.only_a == 0 &&
			   p->difference.only_b == 0;
}

struct cell {
	const char *id;
	int at;
};

static int by_id(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ? order : x->at - y->at;
}

/* The trials of a run, each once, by id. */
static struct cell *cells_of(const struct ebb_run *run, int *n)
{
	int cells = run->n_arms * run->n_seeds;
	struct cell *cell = ebb_xcalloc((size_t)cells + 1, sizeof *cell);

	for (int i = 0; i < cells; i++)
		cell[i] = (struct cell){run->trial[i], i};
	qsort(cell, (size_t)cells, sizeof *cell, by_id);
	*n = 0;
	for (int i = 0; i < cells; i++)
		if (*n == 0 || strcmp(cell[i].id, cell[*n - 1].id) != 0)
			cell[(*n)++] = cell[i];
	return cell;
}

static int by_place(const void *a, const void *b)
{
	return ((const struct cell *)a)->at - ((const struct cell *)b)->at;
}

static void compare_runs(struct pairs *out, const struct ebb_side *a, const struct ebb_side *b)
{
	int n_a, n_b, common = 0;
	struct cell *x = cells_of(&a->run, &n_a), *y = cells_of(&b->run, &n_b);

	out->pair = ebb_xcalloc((size_t)n_a + 1, sizeof *out->pair);
	for (int i = 0, k = 0; i < n_a; i++) {
		while (k < n_b && strcmp(y[k].id, x[i].id) < 0)
			k++;
		if (k == n_b || strcmp(y[k].id, x[i].id) != 0) {
			out->only_a++;
			continue;
		}
		if (!a->run.finished[x[i].at] || !b->run.finished[y[k].at])
			out->unfinished++;
		else
			x[common++] = x[i];
	}
	out->only_b = n_b - (n_a - out->only_a);
	qsort(x, (size_t)common, sizeof *x, by_place);
	for (int i = 0; i < common; i++) {
		char *path_a = ebb_trial_path(a->run.dir, x[i].id);
		char *path_b = ebb_trial_path(b->run.dir, x[i].id);
		struct pair *p = &out->pair[out->n++];

		p->id = x[i].id;
		p->label = a->run.arm[x[i].at / a->run.n_seeds].label;
		p->seed = a->run.seed[x[i].at % a->run.n_seeds];
		compare(p, path_a, path_b);
		out->agree += p->agree;
		free(path_b);
		free(path_a);
	}
	free(y);
	free(x);
}

static void compare_files(struct pairs *out, const struct ebb_side *a, const struct ebb_side *b)
{
	const char *id = ebb_about_get(&a->about.root, "trial_id");
	const char *label = ebb_about_get(&a->about.root, "label");
	const char *seed = ebb_about_get(&a->about.root, "seed");

	out->pair = ebb_xcalloc(1, sizeof *out->pair);
	out->n = 1;
	out->pair->id = id ? id : "";
	out->pair->label = label ? label : "";
	out->pair->seed = seed ? strtoull(seed, NULL, 10) : 0;
	compare(out->pair, a->path, b->path);
	out->agree = out->pair->agree;
}

static void pairs_release(struct pairs *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->pair[i].error);
	free(p->pair);
}

static bool all_agree(const struct pairs *p)
{
	return p->n > 0 && p->agree == p->n;
}

/* ---- text ---- */

static void print_value(const char *value)
{
	if (!value)
		printf("(default)");
	else if (strlen(value) > SHOWN_BYTES || strchr(value, '\n'))
		printf("%.*s...",
		       (int)strcspn(value, "\n") < SHOWN_BYTES ? (int)strcspn(value, "\n")
							       : SHOWN_BYTES,
		       value);
	else
		printf("%s", value[0] ? value : "''");
}

static void print_options(const struct ebb_contrast *c)
{
	for (int i = 0; i < c->option.n; i++) {
		const struct ebb_contrast_row *row = &c->option.row[i];

		printf("  %-24s ", row->key);
		print_value(row->a);
		printf(" against ");
		print_value(row->b);
		if (row->n_arms > 1 && row->n_arms == c->common_arms)
			printf("  (every arm)");
		else if (row->n_arms > 3)
			printf("  (%d arms: %s, %s ...)", row->n_arms, row->arm[0], row->arm[1]);
		else
			for (int k = 0; k < row->n_arms; k++)
				printf("%s%s%s", k ? ", " : "  (", row->arm[k],
				       k + 1 == row->n_arms ? ")" : "");
		printf("\n");
	}
}

static void print_only(const char *side, const char *const *label, int n)
{
	for (int i = 0; i < n; i++)
		printf("  arm '%s' only in %s\n", label[i], side);
}

static void print_seeds(const char *side, const uint64_t *seed, int n)
{
	if (n == 0)
		return;
	printf("  seed%s only in %s:", n == 1 ? "" : "s", side);
	for (int i = 0; i < n; i++) {
		int last = i;

		while (last + 1 < n && seed[last + 1] == seed[last] + 1)
			last++;
		printf(" %llu", (unsigned long long)seed[i]);
		if (last > i)
			printf("%s%llu", last > i + 1 ? ".." : " ", (unsigned long long)seed[last]);
		i = last;
	}
	printf("\n");
}

static void print_definitions(const struct ebb_side *a, const struct ebb_side *b,
			      const struct ebb_contrast *c)
{
	bool equal = c->option.n == 0 && c->n_only_a + c->n_only_b + c->n_seed_a + c->n_seed_b == 0;

	printf("definitions: %s\n", equal ? "the same" : "they differ");
	print_options(c);
	print_only(a->path, c->only_a, c->n_only_a);
	print_only(b->path, c->only_b, c->n_only_b);
	print_seeds(a->path, c->seed_a, c->n_seed_a);
	print_seeds(b->path, c->seed_b, c->n_seed_b);
	printf("made by: %s\n", c->provenance.n == 0
					? "the same program on the same kind of processor"
					: "they differ");
	for (int i = 0; i < c->provenance.n; i++) {
		const struct ebb_contrast_row *row = &c->provenance.row[i];

		if (strcmp(row->key, "git_diff") == 0) { /* pages of text */
			printf("  %-24s uncommitted changes differ\n", row->key);
			continue;
		}
		printf("  %-24s ", row->key);
		print_value(row->a ? row->a : "(not recorded)");
		printf(" against ");
		print_value(row->b ? row->b : "(not recorded)");
		printf("\n");
	}
}

/* Do they agree in all that both have, while one has more? */
static bool has_more(const struct pair *p)
{
	return !p->error && !p->agree && p->difference.differing == 0;
}

/* Two builds, of which one records more: is that all, and the same in every trial? */
static bool all_have_more(const struct pairs *p)
{
	for (int i = 0; i < p->n; i++)
		if (!has_more(&p->pair[i]) ||
		    p->pair[i].difference.compared != p->pair[0].difference.compared ||
		    p->pair[i].difference.only_a != p->pair[0].difference.only_a ||
		    p->pair[i].difference.only_b != p->pair[0].difference.only_b)
			return false;
	return p->n > 1;
}

static bool any_differs(const struct pairs *p)
{
	for (int i = 0; i < p->n; i++)
		if (!p->pair[i].agree && !has_more(&p->pair[i]))
			return true;
	return false;
}

static void print_more(const struct ebb_difference *d)
{
	if (d->only_a > 0)
		printf("%lld dataset%s only in the first", (long long)d->only_a,
		       d->only_a == 1 ? "" : "s");
	if (d->only_b > 0)
		printf("%s%lld dataset%s only in the second", d->only_a > 0 ? ", " : "",
		       (long long)d->only_b, d->only_b == 1 ? "" : "s");
	printf(" (%s%s)", d->alone, d->only_a + d->only_b > 1 ? " ..." : "");
}

static void print_difference(const struct pair *p)
{
	const struct ebb_difference *d = &p->difference;

	if (p->error) {
		printf("not comparable: %s\n", p->error);
		return;
	}
	if (d->differing > 0) {
		printf("%lld of %lld datasets differ", (long long)d->differing,
		       (long long)d->compared);
		if (d->first[0])
			printf(", first at step %lld in %s: %s", (long long)d->first_step, d->first,
			       d->values);
	}
	if (has_more(p))
		printf("the %lld datasets in both agree", (long long)d->compared);
	if (d->only_a + d->only_b > 0) {
		printf("; ");
		print_more(d);
	}
	printf("\n");
}

static void print_pairs(const struct pairs *p)
{
	if (all_have_more(p)) {
		printf("  every one: ");
		print_difference(&p->pair[0]);
		return;
	}
	for (int i = 0; i < p->n; i++)
		if (!p->pair[i].agree) {
			printf("  %s  %s seed %llu: ", p->pair[i].id, p->pair[i].label,
			       (unsigned long long)p->pair[i].seed);
			print_difference(&p->pair[i]);
		}
}

static void print_text(const struct ebb_side *a, const struct ebb_side *b,
		       const struct ebb_contrast *c, const struct pairs *p)
{
	print_definitions(a, b, c);
	printf("trials: %d in both", p->n);
	if (p->unfinished > 0)
		printf(" (%d more not finished)", p->unfinished);
	if (!a->trial)
		printf(", %d only in %s, %d only in %s", p->only_a, a->path, p->only_b, b->path);
	printf("\n");
	print_pairs(p);
	if (p->n == 0)
		printf("no finished trial is in both: nothing to compare\n");
	else if (all_agree(p))
		printf("%s agree%s bit for bit\n",
		       a->trial   ? "the two trials"
		       : p->n > 1 ? "all trials in both"
				  : "the trial in both",
		       a->trial || p->n > 1 ? "" : "s");
	else if (!any_differs(p))
		printf("no number differs; what differs is what they record\n");
	else
		printf("%d of %d agree bit for bit\n", p->agree, p->n);
}

/* ---- json ---- */

static void add_text(struct ebb_buf *b, const char *name, const char *value)
{
	ebb_buf_printf(b, "\"%s\":", name);
	if (value)
		ebb_buf_json(b, value);
	else
		ebb_buf_puts(b, "null");
}

static void add_rows(struct ebb_buf *b, const char *name, const struct ebb_contrast_rows *rows,
		     bool arms)
{
	ebb_buf_printf(b, ",\n\"%s\":[", name);
	for (int i = 0; i < rows->n; i++) {
		const struct ebb_contrast_row *row = &rows->row[i];

		ebb_buf_puts(b, i ? ",\n{" : "\n{");
		add_text(b, "key", row->key);
		ebb_buf_puts(b, ",");
		add_text(b, "a", row->a);
		ebb_buf_puts(b, ",");
		add_text(b, "b", row->b);
		for (int k = 0; k < row->n_arms; k++) {
			ebb_buf_puts(b, k ? "," : ",\"arms\":[");
			ebb_buf_json(b, row->arm[k]);
		}
		ebb_buf_puts(b, row->n_arms > 0 ? "]}" : arms ? ",\"arms\":[]}" : "}");
	}
	ebb_buf_puts(b, "]");
}

static void add_labels(struct ebb_buf *b, const char *name, const char *const *label, int n)
{
	ebb_buf_printf(b, ",\n\"%s\":[", name);
	for (int i = 0; i < n; i++) {
		ebb_buf_puts(b, i ? "," : "");
		ebb_buf_json(b, label[i]);
	}
	ebb_buf_puts(b, "]");
}

static void add_seeds(struct ebb_buf *b, const char *name, const uint64_t *seed, int n)
{
	ebb_buf_printf(b, ",\"%s\":[", name);
	for (int i = 0; i < n; i++)
		ebb_buf_printf(b, "%s%llu", i ? "," : "", (unsigned long long)seed[i]);
	ebb_buf_puts(b, "]");
}

static void add_pair(struct ebb_buf *b, const struct pair *p)
{
	const struct ebb_difference *d = &p->difference;

	ebb_buf_puts(b, "{");
	add_text(b, "id", p->id);
	ebb_buf_puts(b, ",");
	add_text(b, "arm", p->label);
	ebb_buf_printf(b,
		       ",\"seed\":%llu,\"agree\":%s,\"compared\":%lld,\"differing\":%lld,"
		       "\"only_a\":%lld,\"only_b\":%lld,\"first_step\":",
		       (unsigned long long)p->seed, p->agree ? "true" : "false",
		       (long long)d->compared, (long long)d->differing, (long long)d->only_a,
		       (long long)d->only_b);
	if (d->first[0])
		ebb_buf_printf(b, "%lld,", (long long)d->first_step);
	else
		ebb_buf_puts(b, "null,");
	add_text(b, "dataset", d->first[0] ? d->first : NULL);
	ebb_buf_puts(b, ",");
	add_text(b, "values", d->first[0] ? d->values : NULL);
	ebb_buf_puts(b, ",");
	add_text(b, "error", p->error);
	ebb_buf_puts(b, "}");
}

static void print_json(const struct ebb_side *a, const struct ebb_side *b,
		       const struct ebb_contrast *c, const struct pairs *p)
{
	struct ebb_buf out = EBB_BUF_INIT;

	ebb_buf_puts(&out, "{");
	add_text(&out, "a", a->path);
	ebb_buf_puts(&out, ",");
	add_text(&out, "b", b->path);
	add_rows(&out, "options", &c->option, true);
	add_labels(&out, "arms_only_a", c->only_a, c->n_only_a);
	add_labels(&out, "arms_only_b", c->only_b, c->n_only_b);
	add_seeds(&out, "seeds_only_a", c->seed_a, c->n_seed_a);
	add_seeds(&out, "seeds_only_b", c->seed_b, c->n_seed_b);
	add_rows(&out, "provenance", &c->provenance, false);
	ebb_buf_puts(&out, ",\n\"trials\":[");
	for (int i = 0; i < p->n; i++) {
		ebb_buf_puts(&out, i ? ",\n" : "\n");
		add_pair(&out, &p->pair[i]);
	}
	ebb_buf_printf(&out,
		       "],\n\"trials_only_a\":%d,\"trials_only_b\":%d,\"unfinished\":%d,"
		       "\"agree\":%s}\n",
		       p->only_a, p->only_b, p->unfinished, all_agree(p) ? "true" : "false");
	fputs(out.data, stdout);
	ebb_buf_release(&out);
}

int ebb_command_diff(int argc, char **argv)
{
	struct ebb_side a = {0}, b = {0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_contrast contrast = {0};
	struct pairs pairs = {0};
	struct request q = {0};
	int status = parse(argc, argv, &q), rc;

	if (status != 0 || q.done)
		return status;
	ebb_record_setup();
	rc = ebb_side_open(&a, q.path[0], &err);
	if (rc == 0)
		rc = ebb_side_open(&b, q.path[1], &err);
	if (rc == 0 && a.trial != b.trial)
		rc = ebb_err_set(&err, EBB_EINVAL,
				 "'%s' is a run and '%s' a single trial; give two of a kind",
				 a.trial ? b.path : a.path, a.trial ? a.path : b.path);
	if (rc < 0) {
		status = ebb_command_fail("diff", &err);
		goto out;
	}
	ebb_contrast_make(&contrast, &a, &b);
	if (a.trial)
		compare_files(&pairs, &a, &b);
	else
		compare_runs(&pairs, &a, &b);
	if (q.json)
		print_json(&a, &b, &contrast, &pairs);
	else
		print_text(&a, &b, &contrast, &pairs);
	status = all_agree(&pairs) ? EBB_EXIT_OK : EBB_EXIT_FAILED;
out:
	pairs_release(&pairs);
	ebb_contrast_release(&contrast);
	ebb_side_release(&b);
	ebb_side_release(&a);
	return status;
}
