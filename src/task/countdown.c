/*
 * countdown: reach a target modulo 5 with two numbers, each used once.
 *
 *   prompt   ::= d "," d "=" t ":"      two digits and a target below 5
 *   response ::= d op d "$"             op in { +, -, * }
 *
 * "3,8=4:" is answered by "3*8$" or "8*3$". Only questions with a solution are asked. Several
 * expressions may be right: the choice among them is entropy that reward does not ask to remove.
 */
#include <assert.h>
#include <stddef.h>
#include "task/split.h"
#include "task/task.h"

enum {
	PLUS = 10,
	MINUS = 11,
	TIMES = 12,
	COMMA = 13,
	EQUALS = 14,
	COLON = 15,
	END = 16,
	PAD = 17,
	VOCABULARY = 18
};

#define MODULUS           5
#define PROMPT_TOKENS     6
#define EXPRESSION_TOKENS 3
#define RESPONSE_TOKENS   6 /* two of slack: a policy must learn to stop */
#define CANDIDATES        6 /* two orders, three operators */

static const char *const symbol[VOCABULARY] = {"0", "1", "2", "3", "4", "5", "6", "7", "8",
					       "9", "+", "-", "*", ",", "=", ":", "$", "_"};

struct countdown_options {
	double slip;
};

static_assert(sizeof(struct countdown_options) <= EBB_TASK_OWN_MAX, "own options fit");

/* clang-format off */
static const struct ebb_option option[] = {
	{"task", "slip", EBB_TYPE_F64, "0.5", "[0,1]", "", EBB_SCIENCE, "",
	 "demonstrations: probability of an expression that misses the target",
	 NULL, offsetof(struct countdown_options, slip), true},
};

static const struct ebb_task_preset preset[] = {
	{"main", "task.slip=0.5", "half of the demonstrations miss"},
};

static const struct ebb_metric curve[] = {
	{"task/legal_frac", "legal_frac", "share", "responses that use each number once",
	 EBB_AXIS_STEP, true, ""},
	{"task/entropy_operator", "entropy_operator", "nats", "entropy of the second token",
	 EBB_AXIS_STEP, true, ""},
};
/* clang-format on */

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static_assert(sizeof curve / sizeof *curve <= EBB_TASK_CURVES_MAX, "curves fit");

static int prompt_limit(const struct ebb_options *o)
{
	return PROMPT_TOKENS;
}

static int limit(const struct ebb_options *o)
{
	return RESPONSE_TOKENS;
}

struct expression {
	int32_t token[EXPRESSION_TOKENS]; /* number, operator, number */
};

static bool hits(const struct expression *e, int32_t target)
{
	int32_t a = e->token[0], b = e->token[2];
	int32_t x = e->token[1] == PLUS ? a + b : e->token[1] == MINUS ? a - b : a * b;

	return ((x - target) % MODULUS) == 0;
}

/* All different expressions of a and b that hit the target, or all that miss it. */
static int candidates(int32_t a, int32_t b, int32_t target, bool hit,
		      struct expression found[CANDIDATES])
{
	int n = 0;

	for (int order = 0; order < (a == b ? 1 : 2); order++)
		for (int32_t op = PLUS; op <= TIMES; op++) {
			struct expression e = {{order ? b : a, op, order ? a : b}};

			if (hits(&e, target) == hit)
				found[n++] = e;
		}
	return n;
}

static void question(const struct ebb_options *o, const struct ebb_draw *draw, bool held_out,
		     struct ebb_question *q)
{
	struct ebb_rng r = {*draw, 0};
	struct expression right[CANDIDATES];
	int32_t a, b, low, high, target;
	uint64_t pair;

	/* The two orders of the numbers ask the same: both lie on one side of the split. */
	do {
		a = (int32_t)ebb_rng_below(&r, 10);
		b = (int32_t)ebb_rng_below(&r, 10);
		target = (int32_t)ebb_rng_below(&r, MODULUS);
		low = a < b ? a : b;
		high = a < b ? b : a;
		pair = (uint64_t)((low * 10 + high) * MODULUS + target);
	} while (ebb_split_held_out(pair) != held_out || !candidates(a, b, target, true, right));

	*q = (struct ebb_question){
		.prompt = {a, COMMA, b, EQUALS, target, COLON},
		.n_prompt = PROMPT_TOKENS,
		.gold = {right[0].token[0], right[0].token[1], right[0].token[2]},
		.n_gold = EXPRESSION_TOKENS,
		.key = (a * 10 + b) * MODULUS + target,
		.secret = {a, b, target},
	};
}

static int demonstrate(const struct ebb_options *o, const struct ebb_draw *draw,
		       const struct ebb_question *q, int32_t *token)
{
	const struct countdown_options *c = (const struct countdown_options *)o->task_own;
	struct ebb_rng r = {*draw, 0};
	struct expression found[CANDIDATES];
	int32_t a = (int32_t)q->secret[0], b = (int32_t)q->secret[1],
		target = (int32_t)q->secret[2];
	bool slip = ebb_rng_uniform(&r) < c->slip;
	int n = candidates(a, b, target, !slip, found), pick;

	if (n == 0) /* nothing misses: 0 and 0 make only 0 */
		n = candidates(a, b, target, true, found);
	pick = (int)ebb_rng_below(&r, (uint32_t)n);
	for (int i = 0; i < EXPRESSION_TOKENS; i++)
		token[i] = found[pick].token[i];
	token[EXPRESSION_TOKENS] = END;
	return EXPRESSION_TOKENS + 1;
}

/* The response is the answer: there is no chain before it, so the marker is its first token. */
static void verify(const struct ebb_options *o, const struct ebb_question *q,
		   const struct ebb_answer *a, struct ebb_verdict *v)
{
	const int32_t *k = a->token;
	struct expression e;
	int32_t low, high;

	*v = (struct ebb_verdict){.reward = 0, .answer = -1, .marker = a->n > 0 ? 0 : -1};
	if (a->truncated || a->n != EXPRESSION_TOKENS + 1 || k[EXPRESSION_TOKENS] != END ||
	    k[1] < PLUS || k[1] > TIMES)
		return;
	if (!(k[0] == q->secret[0] && k[2] == q->secret[1]) &&
	    !(k[0] == q->secret[1] && k[2] == q->secret[0]))
		return;
	e = (struct expression){{k[0], k[1], k[2]}};
	v->reward = hits(&e, (int32_t)q->secret[2]);
	/* a + b and b + a are one answer, a - b and b - a are two */
	low = k[1] == MINUS || k[0] < k[2] ? k[0] : k[2];
	high = k[0] + k[2] - low;
	v->answer = (k[1] * 10 + low) * 10 + high;
}

static void observe(const struct ebb_options *o, const struct ebb_question *q,
		    const struct ebb_answer *a, const struct ebb_verdict *v,
		    double value[EBB_TASK_CURVES_MAX], double weight[EBB_TASK_CURVES_MAX])
{
	value[0] = v->answer >= 0;
	weight[0] = 1;
	value[1] = a->entropy && a->n > 1 ? a->entropy[1] : 0;
	weight[1] = a->entropy && a->n > 1;
}

const struct ebb_task ebb_task_countdown = {
	.rows = {"countdown", option, COUNT(option), preset, COUNT(preset)},
	.about = "reach a target modulo 5 with two numbers",
	.vocabulary = VOCABULARY,
	.pad = PAD,
	.eos = END,
	.max_prompt = PROMPT_TOKENS,
	.max_tokens = RESPONSE_TOKENS,
	.symbol = symbol,
	.prompt_limit = prompt_limit,
	.limit = limit,
	.question = question,
	.demonstrate = demonstrate,
	.verify = verify,
	.curve = curve,
	.n_curves = COUNT(curve),
	.observe = observe,
};
