/* What every node of a claim reads: its arms by the selectors, its seeds, and, inside trend() and
 * spearman() over arms, the slots that its siblings share with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_check.h"
#include "analysis/claim_eval.h"

/* The innermost trend() or spearman() over arms around every node; users stand after operands. */
static void place(struct ebb_evaluation *e)
{
	const struct ebb_claim *c = e->c;

	e->over[c->n_nodes - 1] = -1;
	for (int i = c->n_nodes - 1; i >= 0; i--) {
		const struct ebb_claim_node *node = &c->node[i];
		int operand[] = {node->left, node->right, node->margin};

		for (int j = 0; j < 3; j++)
			if (operand[j] >= 0)
				e->over[operand[j]] = ebb_claim_over_arms(c, node) ? i : e->over[i];
	}
}

/* ---- metrics ---- */

static bool named(const struct ebb_metric *m, const char *word)
{
	return strcmp(m->name, word) == 0 || strcmp(m->brief, word) == 0;
}

const struct ebb_metric *ebb_evaluation_metric(const struct ebb_evaluation *e, const char *word,
					       int arm)
{
	const struct ebb_metric *metric = ebb_metric_find(word);
	const char *task = e->scope->def->arm[arm].options.task.name;

	for (int i = 0; !metric && i < e->scope->n_curves; i++)
		if (strcmp(e->scope->curve[i].task, task) == 0 &&
		    named(e->scope->curve[i].metric, word))
			metric = e->scope->curve[i].metric;
	if (!metric)
		EBB_BUG("a claim was not checked: '%s'", word);
	return metric;
}

/* ---- the slots of a trend ---- */

/* Where an arm stands on the key; NaN: nowhere. */
static double key_value(const struct ebb_checking *k, int arm, const char *key)
{
	const struct ebb_arm *a = &k->scope->def->arm[arm];
	const struct ebb_option *row = ebb_claim_option(k, key);
	struct ebb_buf text = EBB_BUF_INIT;
	double value = (double)NAN;

	for (int i = 0; i < a->n_axes; i++)
		if (strcmp(a->axis[i].key, key) == 0)
			return strtod(a->axis[i].value, NULL);
	if (row) /* an axis of other arms, decided by a preset here */
		row = ebb_option_find(k->scope->catalog, a->options.task.name, key);
	if (row) {
		ebb_option_print(&a->options, row, &text);
		value = strtod(text.data, NULL);
	}
	ebb_buf_release(&text);
	return value;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool has_key(const double *key, int n, double x)
{
	for (int i = 0; i < n; i++)
		if (key[i] == x)
			return true;
	return false;
}

/* The values of the key that all readings so far have, and this one, too. */
static void meet_keys(struct ebb_node_slots *slots, double *key, int n)
{
	int kept = 0;

	qsort(key, (size_t)n, sizeof *key, by_size);
	if (!slots->key) {
		slots->key = ebb_xcalloc((size_t)n, sizeof *key);
		for (int i = 0; i < n; i++)
			if (!has_key(slots->key, kept, key[i]))
				slots->key[kept++] = key[i];
	} else {
		for (int i = 0; i < slots->n; i++)
			if (has_key(key, n, slots->key[i]))
				slots->key[kept++] = slots->key[i];
	}
	slots->n = kept;
}

/* What the arms left of a reading that differs from slot to slot add to the slots of its trend. */
static void meet(struct ebb_checking *k, struct ebb_node_slots *slots, const char *key, int n)
{
	int n_arms = k->scope->def->n_arms, m = 0;
	double *value;

	if (!key) { /* both halves of spearman() have the same arms */
		if (slots->arm)
			return;
		slots->arm = ebb_xcalloc((size_t)n, sizeof *slots->arm);
		for (int a = 0; a < n_arms; a++)
			if (k->arm[a])
				slots->arm[slots->n++] = a;
		return;
	}
	value = ebb_xcalloc((size_t)n, sizeof *value);
	for (int a = 0; a < n_arms; a++)
		if (k->arm[a] && !isnan(key_value(k, a, key))) /* inf stands last */
			value[m++] = key_value(k, a, key);
	meet_keys(slots, value, m);
	free(value);
}

/* ---- readings ---- */

static void read_seeds(struct ebb_evaluation *e, int i)
{
	struct ebb_node_reading *r = &e->reading[i];

	r->seed = ebb_xcalloc((size_t)e->n_seeds + 1, sizeof *r->seed);
	for (int s = 0; s < e->n_seeds; s++) {
		r->seed[s] = true;
		for (int j = e->c->node[i].select; j >= 0; j = e->c->select[j].next) {
			const struct ebb_claim_select *select = &e->c->select[j];

			if (strcmp(select->key.text, "seed") == 0 &&
			    strtoull(select->value.text, NULL, 10) != e->scope->def->seed[s])
				r->seed[s] = false;
		}
		e->asked[s] = e->asked[s] && r->seed[s];
	}
}

/* Does the reading differ from slot to slot of the trend around it? *key: the trend's, canonical. */
static bool is_varying(struct ebb_checking *k, const struct ebb_evaluation *e, int i, int n,
		       const char **key, char canonical[EBB_STR_MAX])
{
	const struct ebb_claim_node *over = e->over[i] >= 0 ? &e->c->node[e->over[i]] : NULL;

	*key = NULL;
	if (over && over->key.text) {
		ebb_claim_canonical_key(k, over->key.text, canonical);
		*key = canonical;
	}
	return over && n > 1;
}

static int select_arms(struct ebb_checking *k, const struct ebb_evaluation *e, int i)
{
	int n = ebb_claim_select_arms(k, &e->c->node[i]);

	if (n < 1)
		EBB_BUG("a claim was not checked: '%s'", e->c->text);
	return n;
}

static void choose_arms(struct ebb_evaluation *e, struct ebb_checking *k, int i)
{
	struct ebb_node_reading *r = &e->reading[i];
	struct ebb_node_slots *slots = e->over[i] >= 0 ? &e->slots[e->over[i]] : NULL;
	char canonical[EBB_STR_MAX];
	const char *key;
	int n_arms = e->scope->def->n_arms, n = select_arms(k, e, i);
	bool varying = is_varying(k, e, i, n, &key, canonical);

	r->n_slots = varying ? slots->n : 1;
	r->arm = ebb_xcalloc((size_t)r->n_slots + 1, sizeof *r->arm);
	for (int slot = 0; slot < r->n_slots; slot++) {
		if (varying && !key) {
			r->arm[slot] = slots->arm[slot];
		} else {
			int a = 0; /* alike in everything swept, arms are the same trials */

			while (a < n_arms && (!k->arm[a] || (varying && key_value(k, a, key) !=
										slots->key[slot])))
				a++;
			if (a == n_arms)
				EBB_BUG("no arm has its own value of '%s'", key);
			r->arm[slot] = a;
		}
		e->reads_arm[r->arm[slot]] = true;
	}
}

/* ---- what it reads, for captions ---- */

static void add_metric(struct ebb_evaluation *e, const char *name)
{
	for (int i = 0; i < e->n_metrics; i++)
		if (strcmp(e->metric[i], name) == 0)
			return;
	e->metric = ebb_xrealloc(e->metric, (size_t)e->n_metrics + 1, sizeof *e->metric);
	e->metric[e->n_metrics++] = ebb_xstrdup(name);
}

static void note_metrics(struct ebb_evaluation *e, int i)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	const char *word[] = {
		node->metric.text, node->x.text,
		node->kind == EBB_CLAIM_SPEARMAN ? e->c->node[node->left].metric.text : NULL,
		node->kind == EBB_CLAIM_SPEARMAN ? e->c->node[node->right].metric.text : NULL};

	for (int slot = 0; slot < e->reading[i].n_slots; slot++)
		for (int j = 0; j < 4; j++)
			if (word[j])
				add_metric(e, ebb_evaluation_metric(e, word[j],
								    e->reading[i].arm[slot])
						      ->name);
}

int ebb_evaluation_plan(struct ebb_evaluation *e, struct ebb_err *err)
{
	size_t n_arms = (size_t)e->scope->def->n_arms;
	struct ebb_diag diag = EBB_DIAG_INIT; /* nothing comes: the claim was checked */
	struct ebb_claim_reason why;
	struct ebb_checking k = {
		.c = e->c,
		.scope = e->scope,
		.diag = &diag,
		.why = &why,
		.arm = ebb_xcalloc(n_arms + 1, sizeof *k.arm),
	};
	char canonical[EBB_STR_MAX];
	const char *key;
	int rc = 0;

	place(e);
	for (int s = 0; s < e->n_seeds; s++)
		e->asked[s] = true;
	for (int i = 0; i < e->c->n_nodes; i++) /* slots first: siblings narrow them */
		if (ebb_claim_reads(e->c, &e->c->node[i])) {
			int n = select_arms(&k, e, i);

			if (is_varying(&k, e, i, n, &key, canonical))
				meet(&k, &e->slots[e->over[i]], key, n);
		}
	for (int i = 0; i < e->c->n_nodes && rc == 0; i++) {
		const struct ebb_claim_node *node = &e->c->node[i];

		if (ebb_claim_over_arms(e->c, node) && e->slots[i].n < 2)
			rc = ebb_err_set(err, EBB_EINVAL,
					 "its parts have fewer than two values of %s in common",
					 node->key.text ? node->key.text : "the arms");
	}
	for (int i = 0; i < e->c->n_nodes && rc == 0; i++)
		if (ebb_claim_reads(e->c, &e->c->node[i])) {
			read_seeds(e, i);
			choose_arms(e, &k, i);
			note_metrics(e, i);
		}
	free(k.arm);
	ebb_diag_release(&diag);
	return rc;
}
