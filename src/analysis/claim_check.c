/*
 * The names of a claim against a definition: metrics, keys, values, and whether every function is
 * left with the one arm it needs. What nobody knows is an error; what the program knows but this
 * run does not contain makes the claim not applicable.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_check.h"

/* The first reason stays. */
void ebb_claim_leave_out(struct ebb_checking *k, int at, const char *fmt, ...)
{
	va_list ap;

	if (k->not_applicable)
		return;
	k->not_applicable = true;
	k->why->at = at;
	va_start(ap, fmt);
	vsnprintf(k->why->text, sizeof k->why->text, fmt, ap);
	va_end(ap);
}

static const struct ebb_claim_node *node_at(const struct ebb_checking *k, int i)
{
	return &k->c->node[i];
}

bool ebb_claim_over_arms(const struct ebb_claim *c, const struct ebb_claim_node *node)
{
	return node->kind == EBB_CLAIM_TREND ||
	       (node->kind == EBB_CLAIM_SPEARMAN && c->node[node->left].kind != EBB_CLAIM_CURVE);
}

bool ebb_claim_reads(const struct ebb_claim *c, const struct ebb_claim_node *node)
{
	return (node->metric.text && node->kind != EBB_CLAIM_CURVE) ||
	       node->kind == EBB_CLAIM_CONSUMED ||
	       (node->kind == EBB_CLAIM_SPEARMAN && !ebb_claim_over_arms(c, node));
}

/* ---- the shape of the tree ---- */

/* Operands stand before their users, so the last node is the root and this loop goes downwards. */
static void place_nodes(struct ebb_checking *k)
{
	for (int i = k->c->n_nodes - 1; i >= 0; i--) {
		const struct ebb_claim_node *node = node_at(k, i);
		int operand[] = {node->left, node->right, node->margin};
		bool holds = node->kind == EBB_CLAIM_SHARE || ebb_claim_over_arms(k->c, node);
		int around = k->around[i];

		if (holds && around >= 0 &&
		    (node->kind == EBB_CLAIM_SHARE ||
		     node_at(k, around)->kind != EBB_CLAIM_SHARE)) {
			WRONG(k, node->at, "%s() cannot stand inside %s()",
			      ebb_claim_function_name(node->kind),
			      ebb_claim_function_name(node_at(k, around)->kind));
			holds = false;
		}
		for (int j = 0; j < 3; j++)
			if (operand[j] >= 0)
				k->around[operand[j]] = holds ? i : around;
	}
}

/* The value of an operator on two numbers. */
static double fold(enum ebb_claim_kind kind, double x, double y)
{
	switch (kind) {
	case EBB_CLAIM_NEGATE:
		return -x;
	case EBB_CLAIM_ADD:
		return x + y;
	case EBB_CLAIM_SUBTRACT:
		return x - y;
	case EBB_CLAIM_MULTIPLY:
		return x * y;
	default:
		return x / y;
	}
}

/* Numbers that depend on nothing of the run are known before it, so worth a look. */
static void check_constants(struct ebb_checking *k)
{
	size_t n = (size_t)k->c->n_nodes;
	bool *constant = ebb_xcalloc(n, sizeof *constant);
	double *value = ebb_xcalloc(n, sizeof *value);

	for (int i = 0; i < k->c->n_nodes; i++) {
		const struct ebb_claim_node *node = node_at(k, i);
		const char *name = ebb_claim_function_name(node->kind);
		int l = node->left, r = node->right, m = node->margin;
		bool left = l >= 0 && constant[l], right = r >= 0 && constant[r];

		if (node->kind == EBB_CLAIM_NUMBER) {
			constant[i] = true;
			value[i] = node->number;
		} else if (node->kind == EBB_CLAIM_DIVIDE && right && value[r] == 0.0) {
			WRONG(k, node->at, "division by zero");
		} else if (node->kind == EBB_CLAIM_COMPARE) {
			if (left && right)
				WRONG(k, node->at,
				      "both sides are plain numbers: nothing of the "
				      "run is compared");
			if (m >= 0 && constant[m] && !(value[m] > 0.0))
				WRONG(k, node_at(k, m)->at, "the margin must be above 0");
		} else if (node->kind == EBB_CLAIM_TREND || node->kind == EBB_CLAIM_ABS) {
			if (left)
				WRONG(k, node->at, "%s() of a plain number", name);
		} else if (node->kind == EBB_CLAIM_SPEARMAN || node->kind == EBB_CLAIM_RATIO) {
			if (left || right)
				WRONG(k, node->at, "%s() of a plain number", name);
		} else if (left && (right || r < 0) && !name) {
			constant[i] = true;
			value[i] = fold(node->kind, value[l], r < 0 ? 0.0 : value[r]);
			if (!isfinite(value[i]))
				WRONG(k, node->at, "the result is too large a number");
		}
	}
	free(constant);
	free(value);
}

/* ---- words ---- */

void ebb_claim_unknown(struct ebb_checking *k, const struct ebb_claim_word *w, const char *what,
		       const struct ebb_near *near, const char *remedy)
{
	if (near->best && (size_t)near->distance < strlen(w->text))
		WRONG(k, w->at, "unknown %s '%.60s': did you mean '%s'?", what, w->text,
		      near->best);
	else
		WRONG(k, w->at, "unknown %s '%.60s': %s", what, w->text, remedy);
}

static bool is_metric(const struct ebb_metric *m, const char *word)
{
	return strcmp(m->name, word) == 0 || strcmp(m->brief, word) == 0;
}

/* A built-in metric, or a curve of some task: that the run has that task is asked per arm. */
static bool check_metric(struct ebb_checking *k, const struct ebb_claim_word *w)
{
	const struct ebb_metric *row;
	struct ebb_near near;
	int n;

	if (ebb_metric_find(w->text))
		return true;
	for (int i = 0; i < k->scope->n_curves; i++)
		if (is_metric(k->scope->curve[i].metric, w->text))
			return true;
	ebb_near_init(&near, w->text);
	row = ebb_metric_rows(&n);
	for (int i = 0; i < n; i++) {
		ebb_near_offer(&near, row[i].brief);
		ebb_near_offer(&near, row[i].name);
	}
	for (int i = 0; i < k->scope->n_curves; i++) {
		ebb_near_offer(&near, k->scope->curve[i].metric->brief);
		ebb_near_offer(&near, k->scope->curve[i].metric->name);
	}
	ebb_claim_unknown(k, w, "metric", &near, "ebb metrics lists them");
	return false;
}

/* Has a task this metric? Built-in ones belong to every task. */
static bool task_measures(const struct ebb_checking *k, const char *task, const char *word)
{
	if (ebb_metric_find(word))
		return true;
	for (int i = 0; i < k->scope->n_curves; i++)
		if (strcmp(k->scope->curve[i].task, task) == 0 &&
		    is_metric(k->scope->curve[i].metric, word))
			return true;
	return false;
}

/* ---- the arms a function is left with ---- */

/* Overrides and later files add and remove arms: then the claim is not to blame. */
static bool is_overridden(const struct ebb_checking *k)
{
	const struct ebb_definition *def = k->scope->def;

	return k->scope->recorded || (def->overrides && def->overrides[0]) || def->n_files > 1;
}

static void too_many(struct ebb_checking *k, const struct ebb_claim_node *node, int n,
		     const char *besides)
{
	const char *name = ebb_claim_function_name(node->kind);
	char *like = ebb_claim_arms_remedy(k, besides);

	if (is_overridden(k))
		ebb_claim_leave_out(k, node->at, "%s() is left with %d arms and needs one", name,
				    n);
	else
		WRONG(k, node->at, "%s() is left with %d arms and needs one: select, like %s", name,
		      n, like);
	free(like);
}

/* Can arms be put in an order by this key? */
static bool has_order(const struct ebb_checking *k, const char *key)
{
	const struct ebb_option *row = ebb_claim_option(k, key);

	return strcmp(key, "beta") == 0 ||
	       (row && (row->type == EBB_TYPE_INT || row->type == EBB_TYPE_F64));
}

void ebb_claim_canonical_key(const struct ebb_checking *k, const char *key, char out[EBB_STR_MAX])
{
	const struct ebb_option *row = ebb_claim_option(k, key);

	if (row)
		snprintf(out, EBB_STR_MAX, "%s.%s", row->group, row->name);
	else
		snprintf(out, EBB_STR_MAX, "%s", key);
}

/* n: arms that the function is left with */
static void check_arms(struct ebb_checking *k, int index, int n)
{
	const struct ebb_claim_node *node = node_at(k, index), *over = NULL;
	char key[EBB_STR_MAX];
	int around = k->around[index];
	size_t bytes = (size_t)k->scope->def->n_arms * sizeof *k->arm;

	while (around >= 0 && !ebb_claim_over_arms(k->c, node_at(k, around)))
		around = k->around[around];
	if (around >= 0)
		over = node_at(k, around);
	if (n < 2)
		return;
	if (!over) {
		if (ebb_claim_arms_differ(k, NULL))
			too_many(k, node, n, NULL);
		return;
	}
	if (over->key.text) {
		if (!has_order(k, over->key.text)) /* check_over_arms says so */
			return;
		ebb_claim_canonical_key(k, over->key.text, key);
		if (ebb_claim_arms_differ(k, key))
			too_many(k, node, n, key);
	} else if (k->varies[around] && memcmp(k->first, k->arm, bytes) != 0) {
		WRONG(k, node->at, "both halves of spearman() must be left with the same arms");
	} else {
		memcpy(k->first, k->arm, bytes);
	}
	k->varies[around] = true;
}

/* ---- one function ---- */

/* "algorithm=grpo, alpha=0.3" as the claim says it. */
static void selectors_text(const struct ebb_checking *k, const struct ebb_claim_node *node,
			   char out[128])
{
	int used = 0;

	out[0] = 0;
	for (int i = node->select; i >= 0 && used < 128; i = k->c->select[i].next) {
		const struct ebb_claim_select *s = &k->c->select[i];

		used += snprintf(out + used, 128 - (size_t)used, "%s%.40s=%.40s", used ? ", " : "",
				 s->key.text, s->value.text);
	}
}

/* The metrics a function reads; returns their number. */
static int metrics_of(const struct ebb_checking *k, const struct ebb_claim_node *node,
		      const struct ebb_claim_word *metric[2])
{
	int n = 0;

	if (node->kind == EBB_CLAIM_SPEARMAN) {
		metric[n++] = &node_at(k, node->left)->metric;
		metric[n++] = &node_at(k, node->right)->metric;
	} else {
		if (node->metric.text)
			metric[n++] = &node->metric;
		if (node->x.text)
			metric[n++] = &node->x;
	}
	return n;
}

/* A step that comes after the last one, and curves that the task does not have. */
static void check_reach(struct ebb_checking *k, const struct ebb_claim_node *node)
{
	const struct ebb_definition *def = k->scope->def;
	const struct ebb_claim_word *metric[2];
	int n = metrics_of(k, node, metric);

	for (int a = 0; a < def->n_arms && !k->not_applicable; a++) {
		const struct ebb_options *o = &def->arm[a].options;
		double last = (double)o->train.steps;

		if (!k->arm[a])
			continue;
		if (node->scale == EBB_SCALE_UPDATE)
			last *= (double)o->train.epochs * (double)o->train.minibatches;
		if (node->kind == EBB_CLAIM_AT && node->number > last &&
		    (node->scale == EBB_SCALE_STEP || node->scale == EBB_SCALE_UPDATE))
			ebb_claim_leave_out(k, node->at, "this run ends at %s %.15g, before %.15g",
					    ebb_scale_name(node->scale), last, node->number);
		for (int i = 0; i < n; i++)
			if (!task_measures(k, o->task.name, metric[i]->text))
				ebb_claim_leave_out(k, metric[i]->at,
						    "the task '%s' has no curve '%.60s'",
						    o->task.name, metric[i]->text);
	}
}

static void check_reading(struct ebb_checking *k, int index)
{
	const struct ebb_claim_node *node = node_at(k, index);
	const struct ebb_claim_word *metric[2];
	char selectors[128];
	int n = metrics_of(k, node, metric), n_arms;
	bool known = true;

	for (int i = 0; i < n; i++)
		known = check_metric(k, metric[i]) && known;
	n_arms = ebb_claim_select_arms(k, node);
	if (!known || n_arms < 0)
		return;
	if (n_arms == 0) {
		selectors_text(k, node, selectors);
		ebb_claim_leave_out(k, k->c->select[node->select].key.at,
				    "this run has no arm with %s", selectors);
		return;
	}
	check_arms(k, index, n_arms);
	check_reach(k, node);
}

/* ---- trends ---- */

static void check_over_arms(struct ebb_checking *k, int index)
{
	const struct ebb_claim_node *node = node_at(k, index);
	const char *name = ebb_claim_function_name(node->kind), *key = node->key.text;

	if (key && !has_order(k, key)) {
		if (ebb_claim_option(k, key) || ebb_claim_plain_key(key))
			WRONG(k, node->key.at,
			      "%s() needs a key whose values are numbers, not '%s'", name, key);
		else
			ebb_claim_unknown_key(k, &node->key);
		return;
	}
	if (k->varies[index] || k->wrong || k->not_applicable)
		return;
	if (is_overridden(k))
		ebb_claim_leave_out(k, key ? node->key.at : node->at,
				    "%s() needs several arms, and this run has one%s%s", name,
				    key ? " value of " : "", key ? key : "");
	else if (key)
		WRONG(k, node->key.at,
		      "%s() needs arms that differ in %s: sweep it, and do not select it inside",
		      name, key);
	else
		WRONG(k, node->at, "%s() needs arms that differ: both halves have one", name);
}

enum ebb_claim_standing ebb_claim_check(const struct ebb_claim *claim,
					const struct ebb_claim_scope *scope, struct ebb_diag *diag,
					struct ebb_claim_reason *why)
{
	size_t n_nodes = (size_t)claim->n_nodes, n_arms = (size_t)scope->def->n_arms;
	struct ebb_checking k = {
		.c = claim,
		.scope = scope,
		.diag = diag,
		.why = why,
		.around = ebb_xcalloc(n_nodes, sizeof *k.around),
		.varies = ebb_xcalloc(n_nodes, sizeof *k.varies),
		.arm = ebb_xcalloc(n_arms + 1, sizeof *k.arm),
		.first = ebb_xcalloc(n_arms + 1, sizeof *k.first),
	};

	k.around[claim->n_nodes - 1] = -1;
	place_nodes(&k);
	check_constants(&k);
	for (int i = 0; i < claim->n_nodes; i++)
		if (ebb_claim_reads(claim, node_at(&k, i)))
			check_reading(&k, i);
	for (int i = 0; i < claim->n_nodes; i++)
		if (ebb_claim_over_arms(claim, node_at(&k, i)))
			check_over_arms(&k, i);
	free(k.around);
	free(k.varies);
	free(k.arm);
	free(k.first);
	return k.wrong            ? EBB_CLAIM_WRONG
	       : k.not_applicable ? EBB_CLAIM_NOT_APPLICABLE
				  : EBB_CLAIM_SOUND;
}
