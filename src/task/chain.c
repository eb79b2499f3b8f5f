/*
 * chain: arithmetic modulo m, solved by writing reduction after reduction or by answering at once.
 *
 *   prompt   ::= d op d op d op d "="     n operands below m, op in { +, * }
 *   response ::= ( expr sep )* ">" d "$"
 *   expr     ::= d ( op d )*              sep ::= "=", or one of K style marks
 *
 * "3+5*2+4=" may be answered "3+3+4=6+4=>3$" (m = 7) or ">3$". Only the end is judged, so three
 * kinds of entropy are told apart: the route (chain or shortcut), the order of reductions, and
 * slips, which cost reward; style marks add a fourth that reward never sees.
 */
#include <assert.h>
#include <stddef.h>
#include "task/split.h"
#include "task/task.h"

enum {
	PLUS = 10,
	TIMES = 11,
	EQUALS = 13,
	MARK = 14, /* the answer follows */
	END = 15,
	PAD = 16,
	STYLE = 18, /* a..f */
	VOCABULARY = 24
};

#define OPERANDS_MAX     8
#define STYLES_MAX       (VOCABULARY - STYLE)
#define PROMPT_TOKENS(n) (2 * (n))
/* Expressions of n-1 .. 2 operands with separators, then mark, digit and end: n (n-1) + 1; one
 * token of slack, so that a policy can also be too long by one. */
#define RESPONSE_TOKENS(n) ((n) * ((n)-1) + 2)

static_assert(PROMPT_TOKENS(OPERANDS_MAX) <= EBB_PROMPT_MAX, "prompts fit struct ebb_question");

static const char *const symbol[VOCABULARY] = {"0", "1", "2", "3", "4", "5", "6", "7",
					       "8", "9", "+", "*", "-", "=", ">", "$",
					       "_", ";", "a", "b", "c", "d", "e", "f"};

struct chain_options {
	double slip, pshort;
	int64_t styles, modulus, operands;
};

static_assert(sizeof(struct chain_options) <= EBB_TASK_OWN_MAX, "own options fit");

/* clang-format off */
static const struct ebb_option option[] = {
	{"task", "slip", EBB_TYPE_F64, "0.2", "[0,1]", "", EBB_SCIENCE, "",
	 "demonstrations: probability that a reduction is written wrong",
	 NULL, offsetof(struct chain_options, slip), true},
	{"task", "pshort", EBB_TYPE_F64, "0.25", "[0,1]", "", EBB_SCIENCE, "",
	 "demonstrations: probability of answering at once, correctly",
	 NULL, offsetof(struct chain_options, pshort), true},
	{"task", "styles", EBB_TYPE_INT, "0", "[0,6]", "", EBB_SCIENCE, "",
	 "separators that mean the same, drawn uniformly by the demonstrator; 0: always =",
	 NULL, offsetof(struct chain_options, styles), true},
	{"task", "modulus", EBB_TYPE_INT, "7", "[2,10]", "", EBB_SCIENCE, "",
	 "all arithmetic is modulo this",
	 NULL, offsetof(struct chain_options, modulus), true},
	{"task", "operands", EBB_TYPE_INT, "4", "[2,8]", "", EBB_SCIENCE, "",
	 "numbers in a question",
	 NULL, offsetof(struct chain_options, operands), true},
};

static const struct ebb_task_preset preset[] = {
	{"main", "task.slip=0.2 task.pshort=0.25 task.styles=0",
	 "collapse curves: a base that knows its tables and slips"},
	{"style", "task.slip=0.2 task.pshort=0.25 task.styles=6 pretrain.steps=700",
	 "neutral entropy: six separators that reward does not tell apart"},
	{"rare99",
	 "task.slip=0.3 task.pshort=0.99 task.styles=0 pretrain.from=main pretrain.steps=80 "
	 "pretrain.lr=1e-3 pretrain.warmup=0",
	 "exploration matters: the better route has one percent of the mass"},
	{"trap", "task.slip=0.35 task.pshort=0.5 task.styles=0",
	 "the shortcut is better than the base policy's chain"},
};

static const struct ebb_metric curve[] = {
	{"task/shortcut_frac", "shortcut_frac", "share", "responses that answer at once",
	 EBB_AXIS_STEP, true, ""},
	{"task/entropy_answer", "entropy_answer", "nats", "entropy of the answer digit",
	 EBB_AXIS_STEP, true, ""},
	{"task/entropy_style", "entropy_style", "nats", "entropy of the style separators",
	 EBB_AXIS_STEP, true, ""},
};
/* clang-format on */

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static_assert(sizeof curve / sizeof *curve <= EBB_TASK_CURVES_MAX, "curves fit");

static const struct chain_options *own(const struct ebb_options *o)
{
	return (const struct chain_options *)o->task_own;
}

static int prompt_limit(const struct ebb_options *o)
{
	return PROMPT_TOKENS((int)own(o)->operands);
}

static int limit(const struct ebb_options *o)
{
	return RESPONSE_TOKENS((int)own(o)->operands);
}

/* ---- expressions ---- */

struct expression {
	int32_t d[OPERANDS_MAX], op[OPERANDS_MAX]; /* op[i] stands between d[i] and d[i+1] */
	int n;                                     /* operands */
};

static int32_t apply(int32_t op, int32_t a, int32_t b, int32_t m)
{
	return (op == TIMES ? a * b : a + b) % m;
}

/* Put the value of pair i in its place. */
static void reduce(struct expression *e, int i, int32_t value)
{
	e->d[i] = value;
	for (int j = i + 1; j + 1 < e->n; j++) {
		e->d[j] = e->d[j + 1];
		e->op[j - 1] = e->op[j];
	}
	e->n--;
}

/* Pairs that precedence allows to be reduced next: every product, and a sum with no product beside
 * it. There is one in every expression of two operands or more. */
static int reducible(const struct expression *e, int pair[OPERANDS_MAX])
{
	int n = 0, last = e->n - 2;

	for (int i = 0; i <= last; i++)
		if (e->op[i] == TIMES ||
		    ((i == 0 || e->op[i - 1] == PLUS) && (i == last || e->op[i + 1] == PLUS)))
			pair[n++] = i;
	return n;
}

static int32_t evaluate(struct expression e, int32_t m)
{
	int pair[OPERANDS_MAX];

	while (e.n > 1) {
		reducible(&e, pair);
		reduce(&e, pair[0], apply(e.op[pair[0]], e.d[pair[0]], e.d[pair[0] + 1], m));
	}
	return e.d[0] % m;
}

static int print(const struct expression *e, int32_t *token)
{
	int n = 0;

	for (int i = 0; i < e->n; i++) {
		if (i > 0)
			token[n++] = e->op[i - 1];
		token[n++] = e->d[i];
	}
	return n;
}

static void parse(struct expression *e, const int32_t *token, int n_operands)
{
	e->n = n_operands;
	for (int i = 0; i < n_operands; i++) {
		e->d[i] = token[2 * i];
		if (i + 1 < n_operands)
			e->op[i] = token[2 * i + 1];
	}
}

/* Digits in base 10, then one bit an operator. */
static uint64_t key_of(const struct expression *e)
{
	uint64_t key = 0;

	for (int i = 0; i < e->n; i++)
		key = 10 * key + (uint64_t)e->d[i];
	for (int i = 0; i + 1 < e->n; i++)
		key = 2 * key + (e->op[i] == TIMES);
	return key;
}

/* ---- questions ---- */

/* Step through all expressions of e->n operands; false after the last. */
static bool advance(struct expression *e, int32_t m)
{
	for (int i = 0; i + 1 < e->n; i++) {
		e->op[i] = e->op[i] == PLUS ? TIMES : PLUS;
		if (e->op[i] == TIMES)
			return true;
	}
	for (int i = 0; i < e->n; i++) {
		e->d[i] = (e->d[i] + 1) % m;
		if (e->d[i] != 0)
			return true;
	}
	return false;
}

/* Few prompts may all fall on one side of the split; drawing from the other would never end. */
static int check(const struct ebb_options *o, struct ebb_err *err)
{
	const struct chain_options *c = own(o);
	struct expression e = {.n = (int)c->operands};
	bool side[2] = {false, false};

	for (int i = 0; i < e.n; i++)
		e.op[i] = PLUS;
	do
		side[ebb_split_held_out(key_of(&e))] = true;
	while (!(side[0] && side[1]) && advance(&e, (int32_t)c->modulus));
	if (side[0] && side[1])
		return EBB_OK;
	return ebb_err_set(err, EBB_EINVAL,
			   "task.modulus=%d and task.operands=%d leave no %s question; raise "
			   "task.modulus or task.operands",
			   (int)c->modulus, (int)c->operands, side[0] ? "held-out" : "training");
}

static void question(const struct ebb_options *o, const struct ebb_draw *draw, bool held_out,
		     struct ebb_question *q)
{
	const struct chain_options *c = own(o);
	struct ebb_rng r = {*draw, 0};
	struct expression e = {.n = (int)c->operands};
	uint64_t key;

	do {
		for (int i = 0; i < e.n; i++)
			e.d[i] = (int32_t)ebb_rng_below(&r, (uint32_t)c->modulus);
		for (int i = 0; i + 1 < e.n; i++)
			e.op[i] = ebb_rng_below(&r, 2) ? TIMES : PLUS;
		key = key_of(&e);
	} while (ebb_split_held_out(key) != held_out);

	*q = (struct ebb_question){.key = (int64_t)key, .n_gold = 1};
	q->n_prompt = print(&e, q->prompt);
	q->prompt[q->n_prompt++] = EQUALS;
	q->gold[0] = evaluate(e, (int32_t)c->modulus);
	q->secret[0] = q->gold[0];
}

static int demonstrate(const struct ebb_options *o, const struct ebb_draw *draw,
		       const struct ebb_question *q, int32_t *token)
{
	const struct chain_options *c = own(o);
	struct ebb_rng r = {*draw, 0};
	struct expression e;
	int32_t value, m = (int32_t)c->modulus;
	int n = 0, n_pairs, i, pair[OPERANDS_MAX];

	parse(&e, q->prompt, (int)c->operands);
	if (ebb_rng_uniform(&r) < c->pshort) {
		e.d[0] = (int32_t)q->secret[0];
		e.n = 1;
	}
	while (e.n > 1) {
		n_pairs = reducible(&e, pair);
		i = pair[ebb_rng_below(&r, (uint32_t)n_pairs)];
		value = apply(e.op[i], e.d[i], e.d[i + 1], m);
		if (ebb_rng_uniform(&r) < c->slip)
			value = (value + 1 + (int32_t)ebb_rng_below(&r, (uint32_t)m - 1)) % m;
		reduce(&e, i, value);
		if (e.n == 1)
			break; /* the last value is the answer itself */
		n += print(&e, token + n);
		token[n++] = c->styles > 0 ? STYLE + (int32_t)ebb_rng_below(&r, (uint32_t)c->styles)
					   : EQUALS;
	}
	token[n++] = MARK;
	token[n++] = e.d[0];
	token[n++] = END;
	return n;
}

/* ---- answers ---- */

static void verify(const struct ebb_options *o, const struct ebb_question *q,
		   const struct ebb_answer *a, struct ebb_verdict *v)
{
	const int32_t *last = a->token + a->n; /* one past the end */

	*v = (struct ebb_verdict){.reward = 0, .answer = -1, .marker = -1};
	for (int t = 0; t < a->n; t++)
		if (a->token[t] == MARK)
			v->marker = t;
	if (a->truncated || a->n < 3 || last[-3] != MARK || last[-1] != END || last[-2] < 0 ||
	    last[-2] >= own(o)->modulus)
		return;
	v->answer = last[-2];
	v->reward = v->answer == q->secret[0];
}

static void observe(const struct ebb_options *o, const struct ebb_question *q,
		    const struct ebb_answer *a, const struct ebb_verdict *v,
		    double value[EBB_TASK_CURVES_MAX], double weight[EBB_TASK_CURVES_MAX])
{
	const int styles = (int)own(o)->styles;

	for (int i = 0; i < COUNT(curve); i++)
		value[i] = weight[i] = 0;
	value[0] = a->n > 0 && a->token[0] == MARK;
	weight[0] = 1;
	if (!a->entropy)
		return;
	for (int t = 0; t < a->n; t++) {
		int32_t k = a->token[t];

		if (t > 0 && a->token[t - 1] == MARK) {
			value[1] += a->entropy[t];
			weight[1]++;
		}
		if (k >= STYLE && k < STYLE + styles) {
			value[2] += a->entropy[t];
			weight[2]++;
		}
	}
	for (int i = 1; i < COUNT(curve); i++)
		if (weight[i] > 0)
			value[i] /= weight[i];
}

static_assert(STYLES_MAX == 6, "the range of task.styles");

const struct ebb_task ebb_task_chain = {
	.rows = {"chain", option, COUNT(option), preset, COUNT(preset)},
	.about = "arithmetic modulo m by a chain of reductions or at once",
	.vocabulary = VOCABULARY,
	.pad = PAD,
	.eos = END,
	.max_prompt = PROMPT_TOKENS(OPERANDS_MAX),
	.max_tokens = RESPONSE_TOKENS(OPERANDS_MAX),
	.symbol = symbol,
	.prompt_limit = prompt_limit,
	.limit = limit,
	.check = check,
	.question = question,
	.demonstrate = demonstrate,
	.verify = verify,
	.cue = {MARK},
	.n_cue = 1,
	.separator = {EQUALS, STYLE, STYLE + 1, STYLE + 2, STYLE + 3, STYLE + 4, STYLE + 5},
	.n_separators = 1 + STYLES_MAX,
	.curve = curve,
	.n_curves = COUNT(curve),
	.observe = observe,
};
