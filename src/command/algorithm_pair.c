/* Two presets side by side: what differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/algorithm.h"
#include "command/formula.h"

/* ---- what differs ---- */

static void add_line(struct ebb_preset_pair *pair, const struct ebb_line *a,
		     const struct ebb_line *b)
{
	if (!a || !b || !ebb_line_same(a, b))
		pair->line[pair->n_lines++] = (struct ebb_pair_line){{a, b}};
}

/* Both pages have their lines in the order of the pipeline: merged, that order stays. */
static void compare_lines(struct ebb_preset_pair *pair)
{
	const struct ebb_page *a = &pair->page[0], *b = &pair->page[1];
	int i = 0, j = 0;

	pair->line = ebb_xcalloc((size_t)(a->n + b->n) + 1, sizeof *pair->line);
	while (i < a->n || j < b->n) {
		const struct ebb_line *x = i < a->n ? &a->line[i] : NULL;
		const struct ebb_line *y = j < b->n ? &b->line[j] : NULL;

		if (x && y && strcmp(x->name, y->name) == 0) {
			add_line(pair, x, y);
			i++;
			j++;
		} else if (x && (!y || !ebb_page_find(b, x->section, x->name))) {
			add_line(pair, x, NULL);
			i++;
		} else if (!x || !ebb_page_find(a, y->section, y->name)) {
			add_line(pair, NULL, y);
			j++;
		} else { /* both have both, in another order: by name */
			add_line(pair, x, ebb_page_find(b, x->section, x->name));
			i++;
			j++;
		}
	}
}

static void compare_options(struct ebb_preset_pair *pair)
{
	const struct ebb_option *row;
	int n_rows, n[2], at[2] = {0, 0};

	row = ebb_option_rows(&n_rows);
	for (int k = 0; k < 2; k++)
		n[k] = ebb_preset_settings(pair->preset[k], pair->setting[k]);
	for (int i = 0; i < n_rows; i++) {
		struct ebb_pair_option o = {.row = &row[i]};

		for (int k = 0; k < 2; k++)
			if (at[k] < n[k] && pair->setting[k][at[k]].row == &row[i]) {
				o.value[k] = pair->setting[k][at[k]].value;
				o.builtin = pair->setting[k][at[k]++].builtin;
			}
		if (!o.builtin)
			continue;
		for (int k = 0; k < 2; k++)
			o.value[k] = o.value[k] ? o.value[k] : o.builtin;
		if (strcmp(o.value[0], o.value[1]) != 0)
			pair->option[pair->n_options++] = o;
	}
}

void ebb_preset_pair_make(struct ebb_preset_pair *pair, const struct ebb_preset *a,
			  const struct ebb_preset *b)
{
	*pair = (struct ebb_preset_pair){.preset = {a, b}};
	ebb_preset_formula(a, &pair->page[0]);
	ebb_preset_formula(b, &pair->page[1]);
	compare_lines(pair);
	compare_options(pair);
}

void ebb_preset_pair_release(struct ebb_preset_pair *pair)
{
	ebb_page_release(&pair->page[0]);
	ebb_page_release(&pair->page[1]);
	free(pair->line);
}

/* ---- in words ---- */

static int wider(int width, const char *text)
{
	int n = (int)strlen(text);

	return n > width ? n : width;
}

static void print_lines(const struct ebb_preset_pair *pair)
{
	const int width = wider(wider(0, pair->preset[0]->name), pair->preset[1]->name);
	struct ebb_buf out = EBB_BUF_INIT;

	for (int i = 0; i < pair->n_lines; i++) {
		const struct ebb_line *const *of = pair->line[i].of;

		ebb_buf_printf(&out, "  %s\n", (of[0] ? of[0] : of[1])->name);
		for (int k = 0; k < 2; k++) {
			ebb_buf_printf(&out, "    %-*s  ", width, pair->preset[k]->name);
			if (of[k])
				ebb_line_print(of[k], width + 6, &out);
			else
				ebb_buf_puts(&out, "-\n");
		}
	}
	if (pair->n_lines > 0)
		printf("the loss, lines that differ\n%s\n%s\n", out.data, ebb_formula_sources);
	else
		printf("the loss is the same\n\n");
	ebb_buf_release(&out);
}

static void print_options(const struct ebb_preset_pair *pair)
{
	const char *a = pair->preset[0]->name, *b = pair->preset[1]->name;
	int key = 6, width[2] = {wider(0, a), wider(0, b)}, builtin = 7;

	if (pair->n_options == 0) {
		printf("they set the same options\n");
		return;
	}
	for (int i = 0; i < pair->n_options; i++) {
		const struct ebb_pair_option *o = &pair->option[i];
		int n = (int)(strlen(o->row->group) + 1 + strlen(o->row->name));

		key = n > key ? n : key;
		width[0] = wider(width[0], o->value[0]);
		width[1] = wider(width[1], o->value[1]);
		builtin = wider(builtin, o->builtin);
	}
	printf("%-*s  %-*s  %-*s  %-*s  meaning\n", key, "option", width[0], a, width[1], b,
	       builtin, "default");
	for (int i = 0; i < pair->n_options; i++) {
		const struct ebb_pair_option *o = &pair->option[i];
		char name[2 * EBB_STR_MAX];

		snprintf(name, sizeof name, "%s.%s", o->row->group, o->row->name);
		printf("%-*s  %-*s  %-*s  %-*s  ", key, name, width[0], o->value[0], width[1],
		       o->value[1], builtin, o->builtin);
		ebb_print_wrapped(o->row->help, key + width[0] + width[1] + builtin + 8);
	}
}

void ebb_algorithms_pair(const struct ebb_preset *a, const struct ebb_preset *b)
{
	struct ebb_preset_pair pair;

	ebb_preset_pair_make(&pair, a, b);
	for (int k = 0; k < 2; k++) {
		printf("%s\n", pair.preset[k]->name);
		ebb_print_wrapped(pair.preset[k]->about, 0);
		printf("from ");
		ebb_print_wrapped(ebb_preset_source(pair.preset[k])->paper, 5);
		printf("\n");
	}
	print_lines(&pair);
	print_options(&pair);
	ebb_preset_pair_release(&pair);
}
