#include "command/lineup.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_SHOWN   12 /* options in the text; --json has them all */
#define VALUES_SHOWN 4  /* of one option in one run                 */
#define VALUE_BYTES  40
#define ARMS_SHOWN   8

/* ---- options ---- */

/* What says where results lie and what is kept beside the curves cannot move a number. */
static bool matters(const char *key)
{
	return strncmp(key, "run.", 4) != 0 && strncmp(key, "record.", 7) != 0 &&
	       strcmp(key, "algorithm") != 0; /* the labels say that one */
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool among(const struct ebb_lineup_values *v, const char *value)
{
	for (int i = 0; i < v->n; i++)
		if (same(v->value[i], value))
			return true;
	return false;
}

static struct ebb_lineup_values values_of(const struct ebb_resolved *r, const char *key)
{
	struct ebb_lineup_values v = {ebb_xcalloc((size_t)r->n_arms + 1, sizeof(const char *)), 0};

	for (int a = 0; a < r->n_arms; a++) {
		const char *value = ebb_resolved_option(&r->arm[a], key);

		if (!among(&v, value))
			v.value[v.n++] = value;
	}
	return v;
}

/* No value in common, or arms of the same label have different ones. Where runs share a value and
 * their common arms agree, the labels of the others tell the difference. */
static bool differ(const struct ebb_resolved *a, const struct ebb_lineup_values *x,
		   const struct ebb_resolved *b, const struct ebb_lineup_values *y, const char *key)
{
	bool shared = false;

	for (int i = 0; i < x->n && !shared; i++)
		shared = among(y, x->value[i]);
	if (!shared)
		return true;
	for (int i = 0; i < a->n_arms; i++) {
		const struct ebb_resolved_arm *other = ebb_resolved_arm(b, a->arm[i].label);

		if (other &&
		    !same(ebb_resolved_option(&a->arm[i], key), ebb_resolved_option(other, key)))
			return true;
	}
	return false;
}

static void row_release(struct ebb_lineup_row *row, int n)
{
	for (int i = 0; i < n; i++)
		free(row->of[i].value);
	free(row->of);
	free(row->key);
}

static void offer(struct ebb_lineup *l, const char *key)
{
	struct ebb_lineup_row row = {.key = ebb_xstrdup(key)};
	bool differs = false;

	row.of = ebb_xcalloc((size_t)l->n, sizeof *row.of);
	for (int i = 0; i < l->n; i++) {
		row.of[i] = values_of(&l->side[i].resolved, key);
		differs = differs || (i > 0 && differ(&l->side[0].resolved, &row.of[0],
						      &l->side[i].resolved, &row.of[i], key));
	}
	if (!differs) {
		row_release(&row, l->n);
		return;
	}
	l->option = ebb_xrealloc(l->option, (size_t)l->n_options + 1, sizeof *l->option);
	l->option[l->n_options++] = row;
}

/* What every arm of a run hangs on comes first, then in the order of the names. */
static int weight(const char *key)
{
	static const char *const first[] = {"task.", "model.", "pretrain.",
					    "eval.", "train.", "sample."};

	for (int i = 0; i < (int)(sizeof first / sizeof *first); i++)
		if (strncmp(key, first[i], strlen(first[i])) == 0)
			return i;
	return (int)(sizeof first / sizeof *first);
}

static int by_weight(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return weight(x) != weight(y) ? weight(x) - weight(y) : strcmp(x, y);
}

static void compare_options(struct ebb_lineup *l)
{
	const char **key = NULL;
	size_t n = 0;

	for (int i = 0; i < l->n; i++)
		for (int a = 0; a < l->side[i].resolved.n_arms; a++) {
			const struct ebb_resolved_arm *arm = &l->side[i].resolved.arm[a];

			key = ebb_xrealloc(key, n + (size_t)arm->n_options + 1, sizeof *key);
			for (int k = 0; k < arm->n_options; k++)
				if (matters(arm->option[k].key))
					key[n++] = arm->option[k].key;
		}
	if (n > 0)
		qsort(key, n, sizeof *key, by_weight);
	for (size_t k = 0; k < n; k++)
		if (k == 0 || strcmp(key[k], key[k - 1]) != 0)
			offer(l, key[k]);
	free(key);
}

int ebb_lineup_make(struct ebb_lineup *l, const struct ebb_run *run, struct ebb_err *err)
{
	int rc = 0;

	*l = (struct ebb_lineup){.run = run, .n = run->n_sources};
	if (l->n == 0)
		return 0;
	l->side = ebb_xcalloc((size_t)l->n, sizeof *l->side);
	l->provenance = ebb_xcalloc((size_t)l->n, sizeof *l->provenance);
	for (int i = 0; i < l->n && rc == 0; i++) {
		rc = ebb_side_open(&l->side[i], run->source[i].dir, err);
		if (rc == 0 && i > 0)
			ebb_contrast_provenance(&l->provenance[i], &l->side[0].about.provenance,
						&l->side[i].about.provenance);
	}
	if (rc == 0)
		compare_options(l);
	else
		ebb_lineup_release(l);
	return rc;
}

void ebb_lineup_release(struct ebb_lineup *l)
{
	for (int i = 0; i < l->n_options; i++)
		row_release(&l->option[i], l->n);
	free(l->option);
	for (int i = 0; i < l->n; i++) {
		ebb_contrast_rows_release(&l->provenance[i]);
		ebb_side_release(&l->side[i]);
	}
	free(l->provenance);
	free(l->side);
	*l = (struct ebb_lineup){0};
}

/* ---- text ---- */

static void print_seeds(FILE *out, const uint64_t *seed, int n)
{
	for (int i = 0; i < n; i++) {
		int last = i;

		while (last + 1 < n && seed[last + 1] == seed[last] + 1)
			last++;
		fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)seed[i]);
		if (last > i)
			fprintf(out, "%s%llu", last > i + 1 ? ".." : ", ",
				(unsigned long long)seed[last]);
		i = last;
	}
}

static void print_values(FILE *out, const struct ebb_lineup_values *v)
{
	for (int i = 0; i < v->n && i < VALUES_SHOWN; i++) {
		const char *value = v->value[i] ? v->value[i] : "default";

		fprintf(out, "%s%.*s%s", i ? ", " : "", VALUE_BYTES, *value ? value : "''",
			strlen(value) > VALUE_BYTES ? "..." : "");
	}
	if (v->n > VALUES_SHOWN)
		fprintf(out, " and %d more", v->n - VALUES_SHOWN);
}

static void print_options(const struct ebb_lineup *l, FILE *out, const char *bullet)
{
	int shown = l->n_options > ROWS_SHOWN + 1 ? ROWS_SHOWN : l->n_options;

	for (int k = 0; k < shown; k++) {
		fprintf(out, "%s%s: ", bullet, l->option[k].key);
		for (int i = 0; i < l->n; i++) {
			fputs(i ? "; " : "", out);
			print_values(out, &l->option[k].of[i]);
			fprintf(out, " in %s", l->run->source[i].tag);
		}
		fputs("\n", out);
	}
	if (shown < l->n_options)
		fprintf(out, "%s%d more options; --json lists them, ebb diff tells arms apart\n",
			bullet, l->n_options - shown);
}

static void print_provenance(const struct ebb_lineup *l, FILE *out, const char *bullet)
{
	for (int i = 1; i < l->n; i++) {
		const struct ebb_contrast_rows *p = &l->provenance[i];

		if (p->n == 0)
			continue;
		fprintf(out, "%smade by: %s differs from %s in ", bullet, l->run->source[i].tag,
			l->run->source[0].tag);
		for (int k = 0; k < p->n; k++)
			fprintf(out, "%s%s", k ? ", " : "", p->row[k].key);
		fputs("\n", out);
	}
}

static bool is_shared(uint64_t sources)
{
	return (sources & (sources - 1)) != 0;
}

/* Arms that the same runs share, in one line. */
static void print_shared(const struct ebb_lineup *l, int arm, FILE *out, const char *bullet)
{
	const struct ebb_run *run = l->run;
	uint64_t sources = run->arm_sources[arm];
	int n = 0, told = 0;

	for (int a = arm; a < run->n_arms; a++)
		n += run->arm_sources[a] == sources;
	fprintf(out, "%s%d arm%s the same in ", bullet, n, n == 1 ? " is" : "s are");
	for (int i = 0; i < l->n; i++)
		if (sources >> i & 1)
			fprintf(out, "%s%s", told++ ? " and " : "", run->source[i].tag);
	fprintf(out, "; with the seeds of all, once: ");
	for (int a = arm, shown = 0; a < run->n_arms; a++)
		if (run->arm_sources[a] == sources && shown++ < ARMS_SHOWN)
			fprintf(out, "%s%s", shown > 1 ? ", " : "", run->arm[a].label);
	fprintf(out, "%s\n", n > ARMS_SHOWN ? " ..." : "");
}

static void print_arms(const struct ebb_lineup *l, FILE *out, const char *bullet)
{
	const struct ebb_run *run = l->run;

	for (int a = 0; a < run->n_arms; a++) {
		bool told = false;

		for (int b = 0; b < a && !told; b++)
			told = run->arm_sources[b] == run->arm_sources[a];
		if (!told && is_shared(run->arm_sources[a]))
			print_shared(l, a, out, bullet);
	}
}

void ebb_lineup_print(const struct ebb_lineup *l, FILE *out, bool markdown)
{
	const char *bullet = markdown ? "- " : "  ";
	bool alike = l->n_options == 0;

	if (l->n == 0)
		return;
	fprintf(out, "%d runs\n%s", l->n, markdown ? "\n" : "");
	for (int i = 0; i < l->n; i++) {
		const struct ebb_run *run = &l->side[i].run;

		alike = alike && l->provenance[i].n == 0;
		fprintf(out, "%s%s: %s, %d arm%s, seed%s ", bullet, l->run->source[i].tag, run->dir,
			run->n_arms, run->n_arms == 1 ? "" : "s", run->n_seeds == 1 ? "" : "s");
		print_seeds(out, run->seed, run->n_seeds);
		fputs("\n", out);
	}
	fprintf(out, "%swhat differs\n%s", markdown ? "\n" : "", markdown ? "\n" : "");
	if (alike)
		fprintf(out, "%sno option beyond what the arms are called, and no program\n",
			bullet);
	print_options(l, out, bullet);
	print_provenance(l, out, bullet);
	print_arms(l, out, bullet);
	fputs("\n", out);
}

/* ---- json ---- */

static void put_text(struct ebb_buf *out, const char *text)
{
	if (text)
		ebb_buf_json(out, text);
	else
		ebb_buf_puts(out, "null");
}

static void json_runs(const struct ebb_lineup *l, struct ebb_buf *out)
{
	for (int i = 0; i < l->n; i++) {
		const struct ebb_run *run = &l->side[i].run;
		bool first = true;

		ebb_buf_puts(out, i ? ",\n{\"tag\":" : "\n{\"tag\":");
		ebb_buf_json(out, l->run->source[i].tag);
		ebb_buf_puts(out, ",\"path\":");
		ebb_buf_json(out, run->dir);
		ebb_buf_puts(out, ",\"name\":");
		ebb_buf_json(out, run->name);
		ebb_buf_puts(out, ",\"arms\":[");
		for (int a = 0; a < l->run->n_arms; a++)
			if (l->run->arm_sources[a] >> i & 1) {
				ebb_buf_puts(out, first ? "" : ",");
				ebb_buf_json(out, l->run->arm[a].label);
				first = false;
			}
		ebb_buf_puts(out, "],\"seeds\":[");
		for (int s = 0; s < run->n_seeds; s++)
			ebb_buf_printf(out, "%s%llu", s ? "," : "",
				       (unsigned long long)run->seed[s]);
		ebb_buf_puts(out, "]}");
	}
}

static void json_options(const struct ebb_lineup *l, struct ebb_buf *out)
{
	for (int k = 0; k < l->n_options; k++) {
		ebb_buf_puts(out, k ? ",\n{\"key\":" : "\n{\"key\":");
		ebb_buf_json(out, l->option[k].key);
		ebb_buf_puts(out, ",\"values\":[");
		for (int i = 0; i < l->n; i++) {
			ebb_buf_puts(out, i ? ",[" : "[");
			for (int v = 0; v < l->option[k].of[i].n; v++) {
				ebb_buf_puts(out, v ? "," : "");
				put_text(out, l->option[k].of[i].value[v]);
			}
			ebb_buf_puts(out, "]");
		}
		ebb_buf_puts(out, "]}");
	}
}

/* Every key in which some run differs from the first, once. */
static void json_provenance(const struct ebb_lineup *l, struct ebb_buf *out)
{
	bool any = false;

	for (int i = 1; i < l->n; i++)
		for (int k = 0; k < l->provenance[i].n; k++) {
			const char *key = l->provenance[i].row[k].key;
			bool told = false;

			for (int e = 1; e < i && !told; e++)
				for (int m = 0; m < l->provenance[e].n && !told; m++)
					told = strcmp(l->provenance[e].row[m].key, key) == 0;
			if (told)
				continue;
			ebb_buf_puts(out, any ? ",\n{\"key\":" : "\n{\"key\":");
			any = true;
			ebb_buf_json(out, key);
			ebb_buf_puts(out, ",\"values\":[");
			for (int e = 0; e < l->n; e++) {
				ebb_buf_puts(out, e ? "," : "");
				put_text(out, ebb_about_get(&l->side[e].about.provenance, key));
			}
			ebb_buf_puts(out, "]}");
		}
}

void ebb_lineup_json(const struct ebb_lineup *l, struct ebb_buf *out)
{
	if (l->n == 0)
		return;
	ebb_buf_puts(out, ",\"runs\":[");
	json_runs(l, out);
	ebb_buf_puts(out, "],\n\"differences\":{\"options\":[");
	json_options(l, out);
	ebb_buf_puts(out, "],\n\"provenance\":[");
	json_provenance(l, out);
	ebb_buf_puts(out, "]}");
}
