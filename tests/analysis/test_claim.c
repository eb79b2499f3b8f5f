/*
 * Claims: texts against the trees they must make, mistakes against the byte they are made at, names
 * against a definition, and random bytes against the promise that any text ends in one or the other.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/claim.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "task/task.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static const struct ebb_mark here = {"case.yaml", 7, 5};

/* ---- trees ---- */

static void print_node(struct ebb_buf *out, const struct ebb_claim *c, int i);

static void print_operands(struct ebb_buf *out, const struct ebb_claim *c,
			   const struct ebb_claim_node *node)
{
	int operand[] = {node->left, node->right, node->margin};

	for (int j = 0; j < 3; j++)
		if (operand[j] >= 0) {
			ebb_buf_puts(out, j == 2 ? " margin " : " ");
			print_node(out, c, operand[j]);
		}
}

/* "(< (final entropy algorithm=grpo) 1)" */
static void print_node(struct ebb_buf *out, const struct ebb_claim *c, int i)
{
	static const char *const symbol[] = {
		[EBB_CLAIM_NEGATE] = "neg",  [EBB_CLAIM_ADD] = "+",    [EBB_CLAIM_SUBTRACT] = "-",
		[EBB_CLAIM_MULTIPLY] = "*",  [EBB_CLAIM_DIVIDE] = "/", [EBB_CLAIM_BOTH] = "and",
		[EBB_CLAIM_CURVE] = "curve",
	};
	static const char *const relation[] = {"<", "<=", ">", ">=", "~="};
	static const char *const field[] = {
#define FIELD(id, text) text,
		EBB_CLAIM_FIELDS(FIELD)
#undef FIELD
	};
	static const char *const end[] = {"", ".low", ".high"};
	const struct ebb_claim_node *node = &c->node[i];
	const char *name = ebb_claim_function_name(node->kind);

	if (node->kind == EBB_CLAIM_NUMBER) {
		ebb_buf_printf(out, "%g", node->number);
		return;
	}
	ebb_buf_printf(out, "(%s",
		       name                              ? name
		       : node->kind == EBB_CLAIM_COMPARE ? relation[node->relation]
							 : symbol[node->kind]);
	if (node->kind == EBB_CLAIM_FIT)
		ebb_buf_printf(out, ".%s", field[node->field]);
	ebb_buf_printf(out, "%s%s", end[node->end], node->change ? " change" : "");
	if (node->metric.text)
		ebb_buf_printf(out, " %s", node->metric.text);
	if (node->x.text)
		ebb_buf_printf(out, node->exponential ? " exp:%s" : " %s", node->x.text);
	if (node->kind == EBB_CLAIM_TIME_TO)
		ebb_buf_puts(out, node->below ? " below" : " above");
	if (node->kind == EBB_CLAIM_AT)
		ebb_buf_printf(out, " %s:%g", ebb_scale_name(node->scale), node->number);
	else if (node->scale != EBB_SCALE_NATIVE)
		ebb_buf_printf(out, " on:%s", ebb_scale_name(node->scale));
	if (node->kind == EBB_CLAIM_REALISED)
		ebb_buf_printf(out, " part:%.3g", node->number);
	if (node->early > 0)
		ebb_buf_printf(out, " early:%.3g", node->early);
	if (node->window)
		ebb_buf_printf(out, " window:%d", node->window);
	if (node->smooth)
		ebb_buf_printf(out, " smooth:%d", node->smooth);
	if (node->block)
		ebb_buf_printf(out, " block:%d", node->block);
	print_operands(out, c, node);
	if (node->key.text)
		ebb_buf_printf(out, " key:%s", node->key.text);
	for (int s = node->select; s >= 0; s = c->select[s].next)
		ebb_buf_printf(out, " %s=%s", c->select[s].key.text, c->select[s].value.text);
	ebb_buf_puts(out, ")");
}

static void is_tree(const char *text, const char *tree)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_buf out = EBB_BUF_INIT;
	struct ebb_claim c;

	if (!ebb_claim_parse(&c, text, here, true, &diag))
		cr_expect_fail("'%s': %s", text, diag.entry[0].text);
	else
		print_node(&out, &c, c.n_nodes - 1);
	cr_expect_str_eq(out.data ? out.data : "", tree, "'%s' is %s, not %s", text, out.data,
			 tree);
	for (int i = 0; i < c.n_nodes; i++) /* operands first: evaluation is one loop */
		cr_expect(c.node[i].left < i && c.node[i].right < i && c.node[i].margin < i);
	ebb_buf_release(&out);
	ebb_claim_release(&c);
	ebb_diag_release(&diag);
}

Test(claim, comparisons)
{
	is_tree("final(entropy) < 1", "(< (final entropy) 1)");
	is_tree("final(entropy)<=1", "(<= (final entropy) 1)");
	is_tree("final(actor/entropy) > .5e-1", "(> (final actor/entropy) 0.05)");
	is_tree(" 1e3\n>=\tfinal ( eval/pass@k ) ", "(>= 1000 (final eval/pass@k))");
	is_tree("final(a) > final(b) by 0.01", "(> (final a) (final b) margin 0.01)");
	is_tree("final(a) ~= final(b) within 2 * 0.01",
		"(~= (final a) (final b) margin (* 2 0.01))");
}

Test(claim, arithmetic_binds_as_usual)
{
	is_tree("1 - 2 - 3 < final(a)", "(< (- (- 1 2) 3) (final a))");
	is_tree("1 - 2 * 3 < final(a)", "(< (- 1 (* 2 3)) (final a))");
	is_tree("(1 - 2) * 3 < final(a)", "(< (* (- 1 2) 3) (final a))");
	is_tree("8 / 4 / 2 < final(a)", "(< (/ (/ 8 4) 2) (final a))");
	is_tree("-final(a)-start(a)<--1", "(< (- (neg (final a)) (start a)) (neg (neg 1)))");
	is_tree("-2 * 3 < final(a)", "(< (* (neg 2) 3) (final a))");
	is_tree("final(a)/final(b) < 1", "(< (/ (final a) (final b)) 1)");
}

Test(claim, functions_and_their_arguments)
{
	is_tree("final(a, algorithm=grpo, window=5, axis=tokens, alpha = 0.1) > 0",
		"(> (final a on:tokens window:5 algorithm=grpo alpha=0.1) 0)");
	is_tree("start(a, window=3) > 0", "(> (start a window:3) 0)");
	is_tree("at(a, step=40, clip.high=inf) > 0", "(> (at a step:40 clip.high=inf) 0)");
	is_tree("at(a, tokens=1e5) > 0", "(> (at a tokens:100000) 0)");
	is_tree("at(a, updates=3) + at(a, rollout=4) > 0",
		"(> (+ (at a update:3) (at a rollouts:4)) 0)");
	is_tree("auc(a, axis=steps) > slope(a, axis=update)",
		"(> (auc a on:step) (slope a on:update))");
	is_tree("time_to(a, above=0.5, axis=tokens) < peak(b)",
		"(< (time_to a above on:tokens 0.5) (peak b))");
	is_tree("time_to(a, x=1, below=0.35*start(a, x=2), y=3) < 60",
		"(< (time_to a below (* 0.35 (start a x=2)) x=1 y=3) 60)");
	is_tree("fit(y ~ exp(x), k=1, window=10).r2 > 0.9",
		"(> (fit.r2 y exp:x window:10 k=1) 0.9)");
	is_tree("fit(y~x).a > fit(y ~ exp).b", "(> (fit.a y x) (fit.b y exp))");
	is_tree("consumed(rollouts, k=v) > consumed(steps)",
		"(> (consumed on:rollouts k=v) (consumed on:step))");
	is_tree("trend(final(a) - start(a), alpha) > 0",
		"(> (trend (- (final a) (start a)) key:alpha) 0)");
	is_tree("spearman(final(a), final(b)) > 0", "(> (spearman (final a) (final b)) 0)");
	is_tree("spearman(final(a), entropy.coef) > 0",
		"(> (spearman (final a) key:entropy.coef) 0)");
	is_tree("spearman(a, b, k=1, window=20) > 0",
		"(> (spearman window:20 (curve a) (curve b) k=1) 0)");
	is_tree("spearman(change(a), b, k=1, smooth=20) < 0",
		"(< (spearman smooth:20 (curve change a) (curve b) k=1) 0)");
	is_tree("spearman(a, change ( b ), block=5).high < 0",
		"(< (spearman.high block:5 (curve a) (curve change b)) 0)");
	is_tree("spearman(change, b).low > 0", "(> (spearman.low (curve change) (curve b)) 0)");
	is_tree("realised(a, 1/3, k=1, window=2) > .8",
		"(> (realised a part:0.333 window:2 k=1) 0.8)");
	is_tree("fit(y ~ exp(x), early = 3 / 20).early_error < 1",
		"(< (fit.early_error y exp:x early:0.15) 1)");
	is_tree("ratio(abs(final(a)), 2) > 1", "(> (ratio (abs (final a)) 2) 1)");
	is_tree("share(final(a) < 1 and start(a) > 2 by 1 and 1 < peak(a)) >= 7/8",
		"(>= (share (and (and (< (final a) 1) (> (start a) 2 margin 1)) (< 1 (peak a)))) "
		"(/ 7 8))");
}

/* Twenty selectors: more than the arrays begin with. */
Test(claim, arrays_grow)
{
	struct ebb_buf text = EBB_BUF_INIT, tree = EBB_BUF_INIT;

	ebb_buf_puts(&text, "0 < final(a");
	ebb_buf_puts(&tree, "(< 0 (final a");
	for (int i = 0; i < 20; i++) {
		ebb_buf_printf(&text, ", k%d=v%d", i, i);
		ebb_buf_printf(&tree, " k%d=v%d", i, i);
	}
	ebb_buf_puts(&text, ")");
	ebb_buf_puts(&tree, "))");
	is_tree(text.data, tree.data);
	ebb_buf_release(&text);
	ebb_buf_release(&tree);
}

/* ---- mistakes ---- */

/* The text is wrong at this byte, once, and the message says so. */
static void is_wrong(const char *text, int at, const char *part)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim c;
	bool parsed = ebb_claim_parse(&c, text, here, true, &diag);

	cr_expect(!parsed, "'%.80s' passed", text);
	cr_expect_eq(diag.n, 1, "'%.80s': %d messages", text, diag.n);
	if (diag.n > 0) {
		cr_expect_eq(diag.entry[0].severity, EBB_ERROR);
		cr_expect_eq(diag.entry[0].mark.line, here.line);
		cr_expect_eq(diag.entry[0].mark.column - here.column, at, "'%.80s': %s", text,
			     diag.entry[0].text);
		cr_expect(strstr(diag.entry[0].text, part), "'%.80s': '%s' not in: %s", text, part,
			  diag.entry[0].text);
	}
	ebb_claim_release(&c);
	ebb_diag_release(&diag);
}

Test(claim, mistakes_are_shown_where_they_are)
{
	is_wrong("", 0, "empty");
	is_wrong("  ", 2, "empty");
	is_wrong("final(a)", 8, "expected <, <=, >, >= or ~=, not the end");
	is_wrong("final(a) <", 10, "expected a number, a function or '(', not the end");
	is_wrong("final(a < 1", 8, "expected ',' or ')' in final(), not '<'");
	is_wrong("final(a", 7, "not closed");
	is_wrong("final() < 1", 6, "final() needs a metric here; final(METRIC, SEL)");
	is_wrong("final(a,) < 1", 8, "expected key=value");
	is_wrong("final(a, b) < 1", 9, "expected key=value");
	is_wrong("final(a, b=) < 1", 11, "b= needs a value");
	is_wrong("final(a, b==1) < 1", 9, "expected key=value");
	is_wrong("final(a, b=1, b=2) < 1", 14, "'b' is selected twice");
	is_wrong("final(a, window=2, window=2) < 1", 19, "'window' is given twice");
	is_wrong("final(a, window=0) < 1", 16, "window= needs a whole number from 1 on");
	is_wrong("final(a, window=1.5) < 1", 16, "window= needs a whole number");
	is_wrong("final(a, axis=seconds) < 1", 14, "not 'seconds'");
	is_wrong("final(a, step=4) < 1", 9, "final() takes no step=");
	is_wrong("peak(a, window=4) < 1", 8, "peak() takes no window=");
	is_wrong("at(a) < 1", 0, "at() needs a place");
	is_wrong("at(a, step=1, tokens=2) < 1", 14, "one place already");
	is_wrong("at(a, step=-1) < 1", 11, "step= needs a whole number from 0 on");
	is_wrong("time_to(a) < 1", 0, "time_to() needs a threshold");
	is_wrong("time_to(a, above=1, below=2) < 1", 20, "one threshold already");
	is_wrong("fit(a) < 1", 5, "expected '~'");
	is_wrong("fit(a ~ b) < 1", 10, "like .r2, .a or .ceiling");
	is_wrong("fit(a ~ b, early=1).r2 < 1", 17, "between 0 and 1");
	is_wrong("fit(a ~ b, early=1/0).r2 < 1", 17, "between 0 and 1");
	is_wrong("fit(a ~ b, early=.1, early=.2).r2 < 1", 21, "given twice");
	is_wrong("final(a, early=0.1) < 1", 9, "takes no early=");
	is_wrong("realised(a) < 1", 10, "expected ','");
	is_wrong("realised(a, 2) < 1", 12, "between 0 and 1");
	is_wrong("realised(a, k=1) < 1", 12, "expected a number");
	is_wrong("fit(a ~ b).r3 < 1", 11, "no '.r3'");
	is_wrong("fit(a ~ exp(b).r2 < 1", 14, "expected ',' or ')'");
	is_wrong("consumed(seconds) < 1", 9, "not 'seconds'");
	is_wrong("trend(final(a)) > 0", 14, "expected ','");
	is_wrong("trend(final(a), 3 + 4) > 0", 18, "expected ')'");
	is_wrong("spearman(a, final(b)) > 0", 12, "must be a metric too");
	is_wrong("spearman(change(a), final(b)) > 0", 20, "must be a metric too");
	is_wrong("spearman(change(a, b) > 0", 17, "the metric of change()");
	is_wrong("spearman(a, b).mid > 0", 15, ".low and .high");
	is_wrong("spearman(a, b, block=3) > 0", 0, ".low or .high");
	is_wrong("spearman(a, b, window=2, smooth=2) > 0", 0, "one or the other");
	is_wrong("spearman(final(a), final(b), smooth=2) > 0", 0, "is for two curves");
	is_wrong("change(a) > 0", 0, "unknown function");
	is_wrong("spearman(final(a), final(b), k=1) > 0", 29, "inside the functions of spearman()");
	is_wrong("ratio(final(a)) > 0", 14, "expected ','");
	is_wrong("share(final(a)) > 0", 14, "expected <");
	is_wrong("fnal(a) < 1", 0, "did you mean 'final'?");
	is_wrong("frobnicate(a) < 1", 0, "unknown function 'frobnicate'");
	is_wrong("entropy < 1", 0, "no number by itself");
	is_wrong("final(a) = 1", 9, "never equal");
	is_wrong("final(a) == 1", 9, "never equal");
	is_wrong("final(a) != 1", 9, "never equal");
	is_wrong("final(a) ~= 1", 13, "within EPS");
	is_wrong("final(a) ~= 1 by 2", 14, "within EPS");
	is_wrong("final(a) < 1 within 2", 13, "goes with ~=");
	is_wrong("final(a) < 1 < 2", 13, "make two claims");
	is_wrong("final(a) < 1 and final(b) < 2", 13, "make two claims");
	is_wrong("final(a) < 1 )", 13, "expected the end of the claim, not ')'");
	is_wrong("final(a) < 40%", 13, "0.4");
	is_wrong("final(a) < 1.2.3", 11, "'1.2.3' is no number");
	is_wrong("final(a) < 0x10", 11, "no number");
	is_wrong("final(a) < 1e999", 11, "too large");
	is_wrong("final(a) < 1e-999", 11, "too small");
	is_wrong("final(a) < +1", 11, "not '+'");
	is_wrong("final(a) \x01< 1", 9, "not this letter");
	is_wrong("final(a) < (1", 13, "expected ')'");
}

Test(claim, limits)
{
	char text[2 * EBB_CLAIM_MAX], *end;
	const struct {
		int depth;
		bool fine;
	} nested[] = {{EBB_CLAIM_DEPTH_MAX - 1, true}, {EBB_CLAIM_DEPTH_MAX, false}};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim c;

	for (int i = 0; i < 2; i++) {
		memset(text, 0, sizeof text);
		memset(text, '(', (size_t)nested[i].depth);
		strcat(text, "1");
		memset(text + strlen(text), ')', (size_t)nested[i].depth);
		strcat(text, " < final(a)");
		if (!nested[i].fine) {
			is_wrong(text, EBB_CLAIM_DEPTH_MAX, "nested more than 64 deep");
			continue;
		}
		cr_expect(ebb_claim_parse(&c, text, here, true, &diag));
		ebb_claim_release(&c);
	}
	/* 256 numbers and 255 operators; the other side makes it 513 with the comparison */
	end = stpcpy(text, "1");
	for (int i = 1; i < 256; i++)
		end = stpcpy(end, "+1");
	strcpy(end, " < 1");
	is_wrong(text, (int)(end - text) + 1, "more than 512");
	memset(text, ' ', sizeof text);
	strcpy(text + EBB_CLAIM_MAX - 12, "final(a) < 1");
	cr_expect(ebb_claim_parse(&c, text, here, true, &diag));
	ebb_claim_release(&c);
	strcpy(text + EBB_CLAIM_MAX - 12, "final(a) < 1 ");
	is_wrong(text, 0, "4097 bytes are too long");
	ebb_diag_release(&diag);
}

/* ---- places ---- */

Test(claim, columns_count_letters_and_quoted_claims_point_at_their_beginning)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim c;

	/* two letters of two bytes each before the mistake */
	cr_expect(!ebb_claim_parse(&c, "final(a, b=\xc3\xa4\xc3\xb6) < 1", here, true, &diag));
	cr_expect_eq(ebb_claim_mark(&c, 15).column, here.column + 13);
	ebb_claim_release(&c);
	cr_expect(!ebb_claim_parse(&c, "final(a) < ", here, false, &diag));
	cr_expect_eq(diag.entry[1].mark.column, here.column);
	cr_expect(strstr(diag.entry[1].text, "\n    final(a) < \n               ^") != NULL, "%s",
		  diag.entry[1].text);
	ebb_claim_release(&c);
	/* no place at all: a claim of a record */
	cr_expect(!ebb_claim_parse(&c, "1 <", (struct ebb_mark){0}, true, &diag));
	cr_expect_eq(diag.entry[2].mark.line, 0);
	ebb_claim_release(&c);
	ebb_diag_release(&diag);
}

/* What is shown below a message: never a control byte or broken UTF-8, the caret below the place. */
Test(claim, the_caret_stands_below_the_place)
{
	static const struct {
		const char *text, *shown;
	} row[] = {
		{"1 < \x1b[31m", "\n    1 < ?[31m\n        ^"},
		{"1 < \xe4\xb8\xad", "\n    1 < \xe4\xb8\xad\n        ^"},
		{"1 <\n\xff", "\n    1 < ?\n        ^"},
	};
	struct ebb_buf text = EBB_BUF_INIT;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim c;
	const char *line, *caret;

	for (int i = 0; i < COUNT(row); i++) {
		cr_expect(!ebb_claim_parse(&c, row[i].text, here, false, &diag));
		cr_expect(strstr(diag.entry[i].text, row[i].shown), "%s", diag.entry[i].text);
		ebb_claim_release(&c);
	}
	for (int i = 0; i < 100; i++)
		ebb_buf_puts(&text, "final(a) + ");
	ebb_buf_puts(&text, "fnal(a)");
	for (int i = 0; i < 100; i++)
		ebb_buf_puts(&text, " + final(a)");
	cr_expect(!ebb_claim_parse(&c, text.data, here, false, &diag));
	line = strchr(diag.entry[COUNT(row)].text, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	cr_expect(caret - line < 110, "an excerpt, not the whole: %s", line);
	cr_expect_eq(strncmp(line + (strchr(caret, '^') - caret), "fnal(a)", 7), 0, "%s", line);
	ebb_claim_release(&c);
	ebb_buf_release(&text);
	ebb_diag_release(&diag);
}

/* ---- names ---- */

struct names {
	struct ebb_definition def;
	struct ebb_claim_scope scope;
	struct ebb_claim_curve curve[64];
};

static const char *const algorithm[] = {"grpo", "dapo", "gspo", "gipo", "mine", "unused"};

#define SWEEP                                                                                      \
	"algorithms:\n  mine: {from: grpo, clip.high: 0.3}\n"                                      \
	"sweep: {algorithm: [grpo, mine], alpha: [0, 0.1, 0.3]}\n"                                 \
	"seeds: 2\ntrain: {steps: 100}\n"

/* yaml null: overrides alone. The overrides end in a null. */
static void read_names(struct names *n, const char *yaml, const char *const *override)
{
	char path[] = "/tmp/ebb-claim-XXXXXX";
	const char *file = path;
	const struct ebb_task *const *task;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int n_overrides = 0, n_tasks, fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	while (override[n_overrides])
		n_overrides++;
	memset(n, 0, sizeof *n);
	cr_assert_eq(ebb_definition_read(&n->def, ebb_task_catalog(), &file, 1, override,
					 n_overrides, &diag, &err),
		     0, "%s: %s", err.text, diag.n ? diag.entry[0].text : "");
	unlink(path);
	ebb_diag_release(&diag);
	n->scope = (struct ebb_claim_scope){
		.def = &n->def,
		.catalog = ebb_task_catalog(),
		.curve = n->curve,
		.algorithm = algorithm,
		.n_algorithms = COUNT(algorithm),
	};
	task = ebb_task_all(&n_tasks);
	for (int i = 0; i < n_tasks; i++)
		for (int c = 0; c < task[i]->n_curves && n->scope.n_curves < 64; c++)
			n->curve[n->scope.n_curves++] =
				(struct ebb_claim_curve){task[i]->rows.name, &task[i]->curve[c]};
}

#define READ_NAMES(n, yaml, ...)                                                                   \
	read_names(n, yaml, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* at < 0: nothing is said of the place. */
static void stands(const struct names *n, const char *text, enum ebb_claim_standing standing,
		   int at, const char *part)
{
	static const char *const word[] = {"sound", "not applicable", "wrong"};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_claim_reason why = {-1, ""};
	enum ebb_claim_standing is;
	const char *said = "";
	struct ebb_claim c;
	int place = -1;

	cr_assert(ebb_claim_parse(&c, text, here, true, &diag), "'%s': %s", text,
		  diag.entry[0].text);
	is = ebb_claim_check(&c, &n->scope, &diag, &why);
	cr_expect_eq((is == EBB_CLAIM_WRONG), (diag.n_errors > 0), "'%s'", text);
	if (is == EBB_CLAIM_WRONG) {
		said = diag.entry[0].text;
		place = diag.entry[0].mark.column - here.column;
		cr_expect_eq(diag.n, 1, "'%s': %d messages", text, diag.n);
	} else if (is == EBB_CLAIM_NOT_APPLICABLE) {
		said = why.text;
		place = why.at;
	}
	cr_expect_eq(is, standing, "'%s' is %s, not %s: %s", text, word[is], word[standing], said);
	cr_expect(strstr(said, part), "'%s': '%s' not in: %s", text, part, said);
	cr_expect_eq(place, at, "'%s' at %d, not %d: %s", text, place, at, said);
	ebb_claim_release(&c);
	ebb_diag_release(&diag);
}

#define SOUND(n, text)           stands(n, text, EBB_CLAIM_SOUND, -1, "")
#define IDLE(n, text, at, part)  stands(n, text, EBB_CLAIM_NOT_APPLICABLE, at, part)
#define WRONG(n, text, at, part) stands(n, text, EBB_CLAIM_WRONG, at, part)

Test(claim_names, what_the_definition_has_is_sound)
{
	struct names n;

	READ_NAMES(&n, SWEEP);
	SOUND(&n, "final(entropy, algorithm=grpo, alpha=0.1) > 0");
	SOUND(&n, "final(actor/entropy, algorithm=grpo, entropy.coef=1e-1) > 0");
	SOUND(&n, "final(shortcut_frac, algorithm=mine, alpha=0) > 0");
	SOUND(&n, "final(task/shortcut_frac, clip.high=0.3, alpha=0) > 0");
	SOUND(&n, "final(entropy, algorithm=grpo, alpha=0.10, seed=101, task.name=chain) > 0");
	SOUND(&n, "trend(final(entropy, algorithm=mine), alpha) > 0");
	SOUND(&n, "trend(final(entropy, algorithm=grpo) - final(entropy, algorithm=grpo, alpha=0), "
		  "entropy.coef) > 0");
	SOUND(&n, "spearman(final(entropy), final(accuracy)) < 0");
	SOUND(&n, "spearman(final(entropy, algorithm=grpo), alpha) < 0");
	SOUND(&n, "spearman(entropy, accuracy, algorithm=grpo, alpha=0) < 0");
	SOUND(&n, "at(entropy, step=100, algorithm=grpo, alpha=0) < 1");
	SOUND(&n, "at(entropy, update=400, algorithm=grpo, alpha=0) < 1");
	SOUND(&n, "share(trend(final(entropy, algorithm=grpo), alpha) > 0) >= 1");
	ebb_definition_release(&n.def);
}

Test(claim_names, what_nobody_knows_is_wrong)
{
	struct names n;

	READ_NAMES(&n, SWEEP);
	WRONG(&n, "final(entrpy) > 0", 6, "unknown metric 'entrpy': did you mean 'entropy'?");
	WRONG(&n, "final(xyzzyplugh) > 0", 6, "ebb metrics lists them");
	WRONG(&n, "final(shortcut, algorithm=grpo, alpha=0) > 0", 6, "unknown metric");
	WRONG(&n, "fit(accuracy ~ exp(entropyseq)).r2 > 0", 19, "did you mean 'entropy_seq'?");
	WRONG(&n, "spearman(entropy, acuracy) > 0", 18, "did you mean 'accuracy'?");
	WRONG(&n, "final(entropy, algoritm=grpo) > 0", 15,
	      "unknown key 'algoritm': did you mean "
	      "'algorithm'?");
	WRONG(&n, "final(entropy, alhpa=0) > 0", 15, "did you mean 'alpha'?");
	WRONG(&n, "final(entropy, algorithm=dapoo) > 0", 25, "did you mean 'dapo'?");
	WRONG(&n, "final(entropy, algorithm=unusd) > 0", 25, "did you mean 'unused'?");
	WRONG(&n, "final(entropy, alpha=much) > 0", 21, "needs a number in");
	WRONG(&n, "final(entropy, alpha=-1) > 0", 21, "cannot be -1");
	WRONG(&n, "final(entropy, kl.place=los) > 0", 24, "did you mean 'loss'?");
	WRONG(&n, "final(entropy, task.slip=7) > 0", 25, "[0,1]");
	WRONG(&n, "final(entropy, task.name=chian) > 0", 25, "did you mean 'chain'?");
	WRONG(&n, "final(entropy, seed=first) > 0", 20, "'seed' needs a whole number");
	WRONG(&n, "final(entropy, beta=big) > 0", 20, "'beta' needs a number");
	WRONG(&n, "trend(final(entropy, algorithm=grpo), alhpa) > 0", 38, "did you mean 'alpha'?");
	ebb_definition_release(&n.def);
}

Test(claim_names, what_makes_no_sense_is_wrong)
{
	struct names n;

	READ_NAMES(&n, SWEEP);
	WRONG(&n, "1 < 2", 2, "plain numbers");
	WRONG(&n, "final(entropy, algorithm=grpo, alpha=0) < 1 / (2 - 2)", 44, "division by zero");
	WRONG(&n, "final(entropy, algorithm=grpo, alpha=0) < 1e308 * 10", 48, "too large");
	WRONG(&n, "final(entropy, algorithm=grpo, alpha=0) < 1 by 0", 47, "above 0");
	WRONG(&n, "abs(3) < final(entropy, algorithm=grpo, alpha=0)", 0, "abs() of a plain number");
	WRONG(&n, "trend(trend(final(entropy, algorithm=grpo), alpha), alpha) > 0", 6,
	      "trend() cannot stand inside trend()");
	WRONG(&n, "share(share(final(entropy, algorithm=grpo, alpha=0) < 1) < 1) < 1", 6,
	      "share() cannot stand inside share()");
	WRONG(&n, "trend(final(entropy, algorithm=grpo), algorithm) > 0", 38,
	      "values are numbers, not 'algorithm'");
	WRONG(&n, "trend(final(entropy, algorithm=grpo, alpha=0), kl.place) > 0", 47,
	      "values are numbers");
	WRONG(&n, "trend(final(entropy, algorithm=grpo, alpha=0), alpha) > 0", 47,
	      "needs arms that differ in alpha");
	WRONG(&n, "trend(final(entropy, algorithm=grpo, alpha=0), lr) > 0", 47,
	      "needs arms that differ in lr");
	WRONG(&n, "spearman(final(entropy, alpha=0), final(accuracy, alpha=0.1)) > 0", 34,
	      "the same arms");
	ebb_definition_release(&n.def);
}

Test(claim_names, several_arms_are_wrong_and_the_remedy_names_what_tells_them_apart)
{
	struct names n;

	READ_NAMES(&n, SWEEP);
	WRONG(&n, "final(entropy) > 0", 0,
	      "final() is left with 6 arms and needs one: select, like algorithm=grpo, alpha=0\n");
	WRONG(&n, "0 < peak(entropy, alpha=0.1)", 4, "select, like algorithm=grpo\n");
	WRONG(&n, "trend(final(entropy), alpha) > 0", 6, "select, like algorithm=grpo\n");
	WRONG(&n, "consumed(tokens, algorithm=grpo) > 0", 0, "select, like alpha=0\n");
	ebb_definition_release(&n.def);
}

Test(claim_names, what_this_run_does_not_contain_is_not_applicable)
{
	struct names n;

	READ_NAMES(&n, SWEEP);
	IDLE(&n, "final(entropy, algorithm=dapo) > 0", 15, "no arm with algorithm=dapo");
	IDLE(&n, "0 < final(entropy, algorithm=unused)", 19, "algorithm=unused");
	IDLE(&n, "final(entropy, algorithm=grpo, alpha=0.03) > 0", 15,
	     "algorithm=grpo, alpha=0.03");
	IDLE(&n, "final(entropy, beta=0.1) > 0", 15, "beta=0.1");
	IDLE(&n, "final(entropy, seed=99, algorithm=grpo, alpha=0) > 0", 15, "no seed 99");
	IDLE(&n, "at(entropy, step=101, algorithm=grpo, alpha=0) > 0", 0, "ends at step 100");
	IDLE(&n, "at(entropy, update=401, algorithm=grpo, alpha=0) > 0", 0, "ends at update 400");
	IDLE(&n, "final(legal_frac, algorithm=grpo, alpha=0) > 0", 6,
	     "task 'chain' has no curve 'legal_frac'");
	IDLE(&n, "trend(final(entropy, algorithm=dapo), alpha) > 0", 21, "algorithm=dapo");
	IDLE(&n, "final(entropy, task.name=countdown) > 0", 15, "task.name=countdown");
	/* an error is an error, whatever else the claim names */
	WRONG(&n, "final(entropy, algorithm=dapo) > final(entrpy)", 39, "unknown metric");
	ebb_definition_release(&n.def);
}

Test(claim_names, overrides_are_not_the_claims_fault)
{
	struct names n;

	READ_NAMES(&n, SWEEP, "algorithm=grpo", "alpha=0", "train.steps=6", "seeds=1");
	IDLE(&n, "trend(final(entropy, algorithm=grpo), alpha) > 0", 38, "one value of alpha");
	IDLE(&n, "at(entropy, step=40) > 0", 0, "ends at step 6");
	IDLE(&n, "final(entropy, algorithm=mine) > 0", 15, "algorithm=mine");
	SOUND(&n, "final(entropy) > 0");
	WRONG(&n, "final(entropy, algorithm=dapoo) > 0", 25, "unknown algorithm");
	ebb_definition_release(&n.def);
	READ_NAMES(&n, "algorithm: grpo\n", "algorithm=grpo,dapo");
	IDLE(&n, "final(entropy) > 0", 0, "left with 2 arms");
	ebb_definition_release(&n.def);
}

Test(claim_names, beta_is_compared_where_it_is_swept)
{
	struct names n;

	READ_NAMES(&n, "sweep: {algorithm: [grpo, gipo], beta: [0.1, 0.3]}\n");
	SOUND(&n, "final(entropy, algorithm=gipo, beta=0.10) > 0");
	SOUND(&n, "trend(final(entropy, algorithm=gipo), beta) > 0");
	SOUND(&n, "final(entropy, info.coef=0.3) > 0");
	IDLE(&n, "final(entropy, algorithm=gipo, beta=0.2) > 0", 15, "beta=0.2");
	ebb_definition_release(&n.def);
}

/* ---- the page ---- */

static char *page(void)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *path, *text;
	size_t n;

	cr_assert_not_null(getenv("EBB_SOURCE_ROOT"), "run through meson test");
	path = ebb_path_join(getenv("EBB_SOURCE_ROOT"), "docs/claims.md");
	cr_assert_eq(ebb_file_read(path, 1 << 20, &text, &n, &err), 0, "%s", err.text);
	free(path);
	return text;
}

Test(claim_page, every_example_is_a_claim)
{
	char *text = page(), *line = strstr(text, "```claims\n"), *save;
	int n = 0;

	cr_assert_not_null(line);
	line += strlen("```claims\n");
	*strstr(line, "```") = 0;
	for (line = strtok_r(line, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
		struct ebb_diag diag = EBB_DIAG_INIT;
		struct ebb_claim c;

		cr_expect(ebb_claim_parse(&c, line, here, true, &diag), "%s",
			  diag.n ? diag.entry[0].text : line);
		ebb_claim_release(&c);
		ebb_diag_release(&diag);
	}
	cr_expect_gt(n, 15);
	free(text);
}

Test(claim_page, every_function_has_a_row)
{
	char *text = page();

	for (int k = 0; k < EBB_CLAIM_N_KINDS; k++) {
		const char *usage = ebb_claim_function_usage((enum ebb_claim_kind)k);
		char *row = usage ? ebb_xprintf("| `%s` |", usage) : NULL;

		cr_expect(!row || strstr(text, row), "no row '%s'", row);
		free(row);
	}
	free(text);
}

/* ---- any bytes ---- */

#define ROOM 512

static uint32_t pick(struct ebb_rng *r, size_t n)
{
	return ebb_rng_below(r, (uint32_t)n);
}

/* One edit: cut a piece out, put a piece of another text in, replace a byte by any other or by one
 * that means something. */
static void edit(struct ebb_rng *r, char text[ROOM], const char *other)
{
	size_t n = strlen(text), at = pick(r, n + 1), m = pick(r, 24), from;

	switch (pick(r, 4)) {
	case 0:
		m = m > n - at ? n - at : m;
		memmove(text + at, text + at + m, n - at - m + 1);
		break;
	case 1:
		from = pick(r, strlen(other));
		m = m > strlen(other + from) ? strlen(other + from) : m;
		if (n + m < ROOM) {
			memmove(text + at + m, text + at, n - at + 1);
			memcpy(text + at, other + from, m);
		}
		break;
	case 2:
		if (at < n)
			text[at] = (char)(1 + pick(r, 255));
		break;
	default:
		if (at < n)
			text[at] = "(),=<>~+-*/. 0e"[pick(r, 15)];
	}
}

/* Every text ends in a tree or in exactly one error inside it, and every tree in a standing;
 * sanitizers watch the rest. */
Test(claim_bytes, any_text_ends_well, .timeout = 120)
{
	static const char *const seed[] = {
		"final(entropy, algorithm=grpo, alpha=0, window=5) < 0.35 * 7",
		"time_to(entropy, below=2*3, axis=tokens, algorithm=mine, alpha=0) ~= 3 within 1",
		"fit(accuracy ~ exp(skew), algorithm=mine, alpha=0.1).r2 > (1 - -2) / 3 by 1e-3",
		"share(trend(final(accuracy, algorithm=grpo), alpha) > 0 and 1 < 2) >= 7/8",
		"spearman(final(reward), final(skew)) + spearman(final(lr), final(lr)) > 0",
		"ratio(consumed(tokens), abs(at(skew, step=40))) <= auc(loss, seed=101) - 0",
	};
	struct ebb_rng r = {{.seed = 4, .stream = EBB_STREAM_TEST}, 0};
	int parsed = 0, passed = 0;
	char text[ROOM];
	struct names n;

	READ_NAMES(&n, SWEEP);
	for (int round = 0; round < 60000; round++) {
		struct ebb_diag diag = EBB_DIAG_INIT;
		struct ebb_claim_reason why;
		struct ebb_claim c;
		bool tree;

		strcpy(text, seed[pick(&r, COUNT(seed))]);
		for (uint32_t edits = 1 + pick(&r, 4); edits > 0; edits--)
			edit(&r, text, seed[pick(&r, COUNT(seed))]);
		tree = ebb_claim_parse(&c, text, here, true, &diag);
		cr_assert_eq(diag.n, !tree, "%d messages for '%s'", diag.n, text);
		parsed += tree;
		if (tree)
			passed += ebb_claim_check(&c, &n.scope, &diag, &why) != EBB_CLAIM_WRONG;
		for (int i = 0; i < diag.n; i++) {
			int column = diag.entry[i].mark.column - here.column;

			cr_assert_eq(diag.entry[i].severity, EBB_ERROR);
			cr_assert(column >= 0 && column <= (int)strlen(text), "'%s' at %d", text,
				  column);
		}
		ebb_claim_release(&c);
		ebb_diag_release(&diag);
	}
	/* the corpus reaches all three ends */
	cr_expect(parsed > 1000 && parsed < 59000, "%d parsed", parsed);
	cr_expect(passed > 100 && passed < parsed, "%d of %d passed", passed, parsed);
	ebb_definition_release(&n.def);
}
