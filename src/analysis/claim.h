/*
 * A claim: one comparison of numbers taken from the curves of a run, as a definition lists it below
 * claims: (docs/claims.md has the language and its grammar). Parsing knows words and brackets only;
 * ebb_claim_check holds the names against a definition before anything runs.
 *
 * The tree is an array in which operands stand before what uses them, the whole comparison last, so
 * that a claim is evaluated, and checked, in one loop without recursion.
 */
#ifndef EBB_ANALYSIS_CLAIM_H
#define EBB_ANALYSIS_CLAIM_H

#include <stdbool.h>
#include "analysis/series.h"
#include "base/diag.h"
#include "options/definition.h"
#include "options/metrics.h"

#define EBB_CLAIM_MAX       4096 /* bytes of a claim                              */
#define EBB_CLAIM_DEPTH_MAX 64   /* brackets and signs inside each other          */
#define EBB_CLAIM_NODES_MAX 512  /* numbers, operators and functions of one claim */

/* Functions are described in claim.def, the others by what they make of their operands. */
enum ebb_claim_kind {
	EBB_CLAIM_NUMBER,
	EBB_CLAIM_NEGATE, /* -left */
	EBB_CLAIM_ADD,
	EBB_CLAIM_SUBTRACT,
	EBB_CLAIM_MULTIPLY,
	EBB_CLAIM_DIVIDE,
	EBB_CLAIM_COMPARE, /* left relation right, by or within margin */
	EBB_CLAIM_BOTH,    /* left and right, inside share()           */
	EBB_CLAIM_CURVE,   /* a whole curve, inside spearman()         */
#define EBB_CLAIM_FUNCTION(id, ...) EBB_CLAIM_##id,
#include "analysis/claim.def"
#undef EBB_CLAIM_FUNCTION
	EBB_CLAIM_N_KINDS
};

enum ebb_claim_relation {
	EBB_CLAIM_LESS,
	EBB_CLAIM_AT_MOST,
	EBB_CLAIM_GREATER,
	EBB_CLAIM_AT_LEAST,
	EBB_CLAIM_EQUIVALENT
};

/* The numbers of a fit Y = b - a X, as the law R = -a exp(H) + b is written (analysis/fit.h), and what
 * a claim calls them. */
#define EBB_CLAIM_FIELDS(X)                                                                        \
	X(R2, "r2")                                                                                \
	X(A, "a")                                                                                  \
	X(B, "b")                                                                                  \
	X(CEILING, "ceiling")           /* Y where X, the metric, is 0 */                          \
	X(RMSE, "rmse")                                                                            \
	X(AICC, "aicc")                                                                            \
	X(AICC_LINEAR, "aicc_linear")   /* of the line in X                */                      \
	X(AICC_LOG, "aicc_log")         /* of the line in log(step + 1)    */                      \
	X(EARLY_RMSE, "early_rmse")     /* over the later points, predicted from their own X */    \
	X(EARLY_ERROR, "early_error")   /* the same of the last point, without sign        */      \
	X(EARLY_CEILING, "early_ceiling")

enum ebb_claim_field {
#define EBB_CLAIM_FIELD(id, name) EBB_CLAIM_##id,
	EBB_CLAIM_FIELDS(EBB_CLAIM_FIELD)
#undef EBB_CLAIM_FIELD
		EBB_CLAIM_N_FIELDS
};

/* Which number of a correlation of two curves: itself, or an end of its block-bootstrap interval. */
enum ebb_claim_end { EBB_CLAIM_RHO, EBB_CLAIM_LOW, EBB_CLAIM_HIGH };

/* A word of the claim: where it begins in the text, and its own copy. Null: not there. */
struct ebb_claim_word {
	int at;
	const char *text;
};

/* clang-format off */
struct ebb_claim_node {
	enum ebb_claim_kind kind;
	int at;          /* where it begins in the text                                         */
	int left, right; /* operands, -1: none; time_to() has its threshold at the left         */
	int margin;      /* COMPARE: the EPS of "by" and "within", -1: none                     */
	double number;   /* NUMBER; AT: the place on its scale; REALISED: the part of the axis   */
	enum ebb_claim_relation relation; /* COMPARE                                            */
	struct ebb_claim_word metric;     /* whose curve is read; FIT: Y                        */
	struct ebb_claim_word x;          /* FIT: X                                             */
	struct ebb_claim_word key;        /* TREND, SPEARMAN: what left is held against         */
	bool exponential;                 /* FIT: against exp(X)                                */
	bool below;                       /* TIME_TO: the curve comes from above                */
	enum ebb_claim_field field;       /* FIT                                                */
	double early;                     /* FIT: share of the axis fitted early; 0: not said    */
	bool change;                      /* CURVE: from each row to the next                   */
	enum ebb_claim_end end;           /* SPEARMAN of curves                                 */
	int smooth, block;                /* SPEARMAN of curves: rows; 0: not said              */
	enum ebb_scale scale; /* axis=, of AT's place, what CONSUMED counts; NATIVE: not said   */
	int window;           /* rows averaged; 0: not said                                     */
	int select;           /* the first of its selectors, -1: none                           */
};
/* clang-format on */

struct ebb_claim_select { /* key=value */
	struct ebb_claim_word key, value;
	int next; /* -1: the last */
};

struct ebb_claim {
	char *text;
	struct ebb_mark mark; /* where the text stands; its file is borrowed        */
	bool plain;           /* it stands there letter by letter: places inside it are known */
	struct ebb_claim_node *node;
	int n_nodes, node_capacity;
	struct ebb_claim_select *select;
	int n_selects, select_capacity;
	char *words; /* what struct ebb_claim_word points into */
};

/*
 * Parse text (any bytes). False: it is no claim, and the sink has the reason with its place. plain:
 * the text stands at mark as it is, in one line, unquoted. *claim is always safe to release.
 */
bool ebb_claim_parse(struct ebb_claim *claim, const char *text, struct ebb_mark mark, bool plain,
		     struct ebb_diag *diag);
void ebb_claim_release(struct ebb_claim *claim);

/* The place of byte at of the text, as exactly as it is known. */
struct ebb_mark ebb_claim_mark(const struct ebb_claim *claim, int at);

/* Add an error about byte at of the text: the message, and below it the text with a caret. */
void ebb_claim_error(const struct ebb_claim *claim, int at, struct ebb_diag *diag, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

/* "final", "at", ...; null for kinds that are no function. The usage line of one. */
const char *ebb_claim_function_name(enum ebb_claim_kind kind);
const char *ebb_claim_function_usage(enum ebb_claim_kind kind);

/* ---- names, held against a definition (claim_check.c) ---- */

struct ebb_claim_curve { /* a curve that a task declares */
	const char *task;
	const struct ebb_metric *metric;
};

/* What the words of a claim can mean. */
struct ebb_claim_scope {
	const struct ebb_definition *def;
	const struct ebb_catalog *catalog;
	const struct ebb_claim_curve *curve; /* of all tasks the program knows              */
	int n_curves;
	const char *const *algorithm; /* every name: presets, and all rows of algorithms: */
	int n_algorithms;
	bool recorded; /* claims of a run, checked when it began: an ambiguity is not their fault */
};

enum ebb_claim_standing {
	EBB_CLAIM_SOUND,
	EBB_CLAIM_NOT_APPLICABLE, /* known names, but this run has no such arm, value or step */
	EBB_CLAIM_WRONG           /* the sink has the errors                                */
};

/* Why a claim is not applicable. */
struct ebb_claim_reason {
	int at; /* in the claim's text */
	char text[256];
};

/* *why is written for EBB_CLAIM_NOT_APPLICABLE only. */
enum ebb_claim_standing ebb_claim_check(const struct ebb_claim *claim,
					const struct ebb_claim_scope *scope, struct ebb_diag *diag,
					struct ebb_claim_reason *why);

#endif
