/*
 * The text of a claim: parsed, and where it parses held against a definition. A first byte '=' says
 * that the text stands in the file letter by letter, so that places inside it are known.
 */
#include <string.h>
#include "analysis/claim.h"
#include "fuzz.h"
#include "options/text.h"
#include "task/task.h"

static const char base[] = "task: {name: chain}\n"
			   "algorithms: {mine: {from: gipo, clip.low: 0.1}}\n"
			   "sweep: {algorithm: [grpo, mine], clip.high: [0.2, 0.3]}\n"
			   "train.steps: 40\nseeds: 2\n";

static void make_scope(struct ebb_claim_scope *scope)
{
	static struct ebb_definition def;
	static struct ebb_claim_curve *curve;
	static const char **algorithm;
	static int n_curves, n_algorithms;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;

	if (!curve) {
		const char *path[1] = {fuzz_file(0, base, sizeof base - 1)};
		const struct ebb_task *const *task;
		const struct ebb_preset *preset;
		int n_tasks, n_presets;

		if (ebb_definition_read(&def, ebb_task_catalog(), path, 1, NULL, 0, &diag, &err) <
		    0)
			EBB_BUG("%s: %s", err.text, diag.n ? diag.entry[0].text : "");
		ebb_diag_release(&diag);
		task = ebb_task_all(&n_tasks);
		preset = ebb_preset_rows(&n_presets);
		curve = ebb_xcalloc((size_t)n_tasks * EBB_TASK_CURVES_MAX, sizeof *curve);
		algorithm = ebb_xcalloc((size_t)n_presets + 1, sizeof *algorithm);
		for (int t = 0; t < n_tasks; t++)
			for (int c = 0; c < task[t]->n_curves; c++)
				curve[n_curves++] = (struct ebb_claim_curve){task[t]->rows.name,
									     &task[t]->curve[c]};
		for (int i = 0; i < n_presets; i++)
			algorithm[n_algorithms++] = preset[i].name;
		algorithm[n_algorithms++] = "mine";
	}
	*scope = (struct ebb_claim_scope){.def = &def,
					  .catalog = ebb_task_catalog(),
					  .curve = curve,
					  .n_curves = n_curves,
					  .algorithm = algorithm,
					  .n_algorithms = n_algorithms};
}

/* Operands stand before what uses them; places are inside the text. */
static void check_tree(const struct ebb_claim *c, size_t n)
{
	FUZZ_HOLDS(c->n_nodes > 0 && c->n_nodes <= EBB_CLAIM_NODES_MAX, "%d nodes", c->n_nodes);
	for (int i = 0; i < c->n_nodes; i++) {
		const struct ebb_claim_node *node = &c->node[i];
		int left = 0;

		FUZZ_HOLDS(node->left < i && node->right < i && node->margin < i &&
				   node->left >= -1,
			   "node %d of %d: %d, %d, %d", i, c->n_nodes, node->left, node->right,
			   node->margin);
		FUZZ_HOLDS(node->at >= 0 && (size_t)node->at <= n, "node %d at %d of %zu", i,
			   node->at, n);
		for (int s = node->select; s >= 0; s = c->select[s].next, left++)
			FUZZ_HOLDS(s < c->n_selects && left <= c->n_selects, "selector %d of %d", s,
				   c->n_selects);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool plain = size > 0 && data[0] == '=';
	struct ebb_claim_reason why = {0};
	struct ebb_claim_scope scope;
	struct ebb_claim claim;
	struct ebb_diag diag = EBB_DIAG_INIT;
	char *text = ebb_xcalloc(size + 1, 1);
	enum ebb_claim_standing standing;
	bool good;

	if (size > 0)
		memcpy(text, data + plain, size - plain);
	make_scope(&scope);
	good = ebb_claim_parse(&claim, text, (struct ebb_mark){"claim.yaml", 1, 1}, plain, &diag);
	FUZZ_HOLDS(good == (diag.n_errors == 0), "%d, %d errors", good, diag.n_errors);
	if (good) {
		check_tree(&claim, strlen(text));
		standing = ebb_claim_check(&claim, &scope, &diag, &why);
		FUZZ_HOLDS((standing == EBB_CLAIM_WRONG) == (diag.n_errors > 0), "%d, %d errors",
			   standing, diag.n_errors);
		if (standing == EBB_CLAIM_NOT_APPLICABLE)
			fuzz_check_text(why.text);
		good = standing != EBB_CLAIM_WRONG;
	}
	fuzz_check_findings(&diag, data, size);
	fuzz_accepted = good;
	ebb_claim_release(&claim);
	ebb_diag_release(&diag);
	free(text);
	return 0;
}

static void words(struct fuzz_list *to)
{
	static const char *const mark[] = {"<",
					   "<=",
					   ">",
					   ">=",
					   "~",
					   "by",
					   "within",
					   "==",
					   "(",
					   ")",
					   ",",
					   "algorithm=grpo",
					   "axis=",
					   "window=",
					   "seed=100",
					   "clip.high=0.2",
					   ".r2",
					   ".early_rmse",
					   ".high",
					   "early=1/3",
					   "smooth=",
					   "block=",
					   "change(entropy)",
					   "exp(",
					   "final(",
					   "start(",
					   "fit(accuracy ~ exp(entropy))",
					   "share(",
					   "and",
					   "1e-3",
					   "40"};
	const struct ebb_metric *row;
	const char *name;
	int n;

	for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
		fuzz_list_puts(to, mark[i]);
	for (int k = 0; k < EBB_CLAIM_N_KINDS; k++) {
		name = ebb_claim_function_name((enum ebb_claim_kind)k);
		if (name)
			fuzz_list_puts(to, name);
		name = ebb_claim_function_usage((enum ebb_claim_kind)k);
		if (name)
			fuzz_list_puts(to, name);
	}
	row = ebb_metric_rows(&n);
	for (int i = 0; i < n; i++) {
		fuzz_list_puts(to, row[i].name);
		if (row[i].brief && row[i].brief[0])
			fuzz_list_puts(to, row[i].brief);
	}
	fuzz_words_of_options(to);
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_claim",
	.text = true,
	.max_bytes = 6000,
	.words = words,
};
