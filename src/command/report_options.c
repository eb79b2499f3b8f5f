/* What was asked of the arms: where they differ, and what all have other than by default. */
#include <stdlib.h>
#include <string.h>
#include "command/html.h"
#include "command/report.h"
#include "task/task.h"

#define ARMS_ACROSS 8 /* more arms than these stand one below the other */

struct keys {
	const char **key;
	int n, capacity;
};

static void add_key(struct keys *k, const char *key)
{
	for (int i = 0; i < k->n; i++)
		if (strcmp(k->key[i], key) == 0)
			return;
	if (k->n == k->capacity) {
		k->capacity = k->capacity ? 2 * k->capacity : 32;
		k->key = ebb_xrealloc(k->key, (size_t)k->capacity, sizeof *k->key);
	}
	k->key[k->n++] = key;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Split what any arm has set into what all set alike and what differs. */
static void split(const struct ebb_resolved *resolved, struct keys *differ, struct keys *alike)
{
	struct keys all = {0};

	for (int a = 0; a < resolved->n_arms; a++)
		for (int i = 0; i < resolved->arm[a].n_options; i++)
			add_key(&all, resolved->arm[a].option[i].key);
	for (int i = 0; i < all.n; i++) {
		const char *first = ebb_resolved_option(&resolved->arm[0], all.key[i]);
		bool is_alike = true;

		for (int a = 1; a < resolved->n_arms && is_alike; a++)
			is_alike = same(first, ebb_resolved_option(&resolved->arm[a], all.key[i]));
		add_key(is_alike ? alike : differ, all.key[i]);
	}
	free(all.key);
}

/* A value of an arm; what it has by default is printed pale, as its record has it. */
static void put_value(struct ebb_buf *out, const struct ebb_report *r, int arm, const char *key)
{
	const char *set = ebb_resolved_option(&r->resolved.arm[arm], key);
	const char *recorded = NULL;

	for (int a = 0; a < r->roster.run.n_arms && !set && !recorded; a++)
		if (strcmp(r->roster.run.arm[a].label, r->resolved.arm[arm].label) == 0)
			recorded = ebb_about_get(&r->arm[a].option, key);
	if (set)
		ebb_html(out, "<td><code>%s</code></td>", set);
	else
		ebb_html(out, "<td class=\"default\"><code>%s</code></td>",
			 recorded ? recorded : "default");
}

static void put_arms_across(struct ebb_buf *out, const struct ebb_report *r, const struct keys *k)
{
	const struct ebb_resolved *resolved = &r->resolved;

	ebb_html(out, "<table class=\"options\"><thead><tr><th scope=\"col\">Option</th>");
	for (int a = 0; a < resolved->n_arms; a++)
		ebb_html(out, "<th scope=\"col\">%s</th>", resolved->arm[a].label);
	ebb_html(out, "</tr></thead><tbody>\n");
	for (int i = 0; i < k->n; i++) {
		ebb_html(out, "<tr><th scope=\"row\"><code>%s</code></th>", k->key[i]);
		for (int a = 0; a < resolved->n_arms; a++)
			put_value(out, r, a, k->key[i]);
		ebb_html(out, "</tr>\n");
	}
	ebb_html(out, "</tbody></table>");
}

static void put_arms_down(struct ebb_buf *out, const struct ebb_report *r, const struct keys *k)
{
	const struct ebb_resolved *resolved = &r->resolved;

	ebb_html(out, "<table class=\"options sortable\"><thead><tr><th scope=\"col\">Arm</th>");
	for (int i = 0; i < k->n; i++)
		ebb_html(out, "<th scope=\"col\"><code>%s</code></th>", k->key[i]);
	ebb_html(out, "</tr></thead><tbody>\n");
	for (int a = 0; a < resolved->n_arms; a++) {
		ebb_html(out, "<tr><th scope=\"row\">%s</th>", resolved->arm[a].label);
		for (int i = 0; i < k->n; i++)
			put_value(out, r, a, k->key[i]);
		ebb_html(out, "</tr>\n");
	}
	ebb_html(out, "</tbody></table>");
}

/* The default as this program has it; null for what is no option of its. */
static const char *default_of(const struct ebb_report *r, const char *key)
{
	const char *task = ebb_resolved_option(&r->resolved.arm[0], "task.name");
	const struct ebb_option *row;

	for (int a = 0; a < r->roster.run.n_arms && !task; a++)
		task = ebb_about_get(&r->arm[a].option, "task.name");
	row = ebb_option_find(ebb_task_catalog(), task ? task : "", key);
	return row ? row->default_text : NULL;
}

static void put_alike(struct ebb_buf *out, const struct ebb_report *r, const struct keys *k)
{
	if (k->n == 0)
		return;
	ebb_html(out, "<p>All arms have these, other than by default:</p>\n<ul class=\"alike\">\n");
	for (int i = 0; i < k->n; i++) {
		const char *builtin = default_of(r, k->key[i]);

		ebb_html(out, "<li><code>%s = %s</code>", k->key[i],
			 ebb_resolved_option(&r->resolved.arm[0], k->key[i]));
		if (builtin && *builtin)
			ebb_html(out, " <small>not %s</small>", builtin);
		ebb_html(out, "</li>\n");
	}
	ebb_html(out, "</ul>\n");
}

void ebb_report_options(struct ebb_buf *out, const struct ebb_report *r)
{
	struct keys differ = {0}, alike = {0};

	split(&r->resolved, &differ, &alike);
	ebb_html(out, "<section id=\"options\">\n<h2>What differs between the arms</h2>\n");
	if (differ.n == 0) {
		ebb_html(out, "<p>%s</p>\n",
			 r->resolved.n_arms == 1 ? "There is one arm." : "Nothing.");
	} else {
		ebb_html(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
			      "aria-label=\"options that differ\">");
		if (r->resolved.n_arms <= ARMS_ACROSS)
			put_arms_across(out, r, &differ);
		else
			put_arms_down(out, r, &differ);
		ebb_html(out, "</div>\n<p class=\"legend\">Pale: the built-in default.</p>\n");
	}
	put_alike(out, r, &alike);
	ebb_html(out, "</section>\n");
	free(differ.key);
	free(alike.key);
}
