/*
 * An experiment definition: YAML files and command-line overrides, resolved into arms (points of
 * the sweep), seeds and trials. Reading reports every error of the texts in one pass through the
 * diagnostics sink, with file:line:column; nothing may run while the sink holds an error.
 * docs/definition.md is the user's page, with an example of every construct.
 *
 *   file       := { entry }                     one YAML mapping; no anchors, aliases, tags
 *   entry      := setting | name: N | about: TEXT | algorithm: NAME
 *               | algorithms: { NAME: { from: NAME, about: TEXT, setting... } }
 *               | sweep: { axis | zip | when(CONDITION): { axis | zip } | seed: seeds }
 *               | when(CONDITION): { setting }
 *               | seeds: COUNT | seeds: seeds | seed: NUMBER | figures: [...] | claims: [...]
 *   setting    := KEY: value                    KEY: group.option, an alias, beta; or
 *               | GROUP: { OPTION: value }
 *   axis       := KEY: [value | range, ...] | KEY: range       also algorithm, and in a GROUP
 *   range      := A..B                          whole numbers, both ends included
 *               | log:A..B:N | linear:A..B:N    N values, N in [2,4096]; log: 0 < A
 *               | {log: [A, B], n: N} | {linear: [A, B], n: N} | {linear: [A, B], step: S}
 *   zip        := zip: { KEY: list, KEY: list } | zip: [{...}, {...}]    lists of equal length
 *   CONDITION  := term, term...                 all must hold
 *   term       := KEY=value|value... | KEY!=value|value...     also algorithm
 *   seeds      := [NUMBER | A..B, ...] | A..B   a COUNT n means 100..100+n-1
 *   override   := KEY=value | KEY=v,v,range | KEY=[v,v] | seeds=... | seed=... | name=... | about=...
 *
 *   arms         the product of the axes, a zip being one, the first turning slowest; a when adds
 *                its axes to the arms that it holds for, or replaces the plain axes of its keys
 *   conditions   are judged against the arm as it is without any when
 *   precedence   built-in < task preset < algorithm preset and rows < definition < swept value
 *                < when < override
 *   overrides    of a swept key replace its axis, of a fixed key its value. In a zip a list must
 *                be as long as the others; one value leaves the zip. A when that then holds for no
 *                arm is not applicable: a note
 *   files        from left to right: settings and rows merge by key, axes, seeds, figures and
 *                claims replace, a single value takes an earlier file's axis out of the sweep
 *
 * beta is whatever the arm's preset calls beta; where that is kl.coef and kl.place is none it also
 * sets kl.place=loss kl.estimator=k3. A note in the sink says what it set.
 */
#ifndef EBB_OPTIONS_DEFINITION_H
#define EBB_OPTIONS_DEFINITION_H

#include "base/diag.h"
#include "options/options.h"

#define EBB_SEED_FIRST 100 /* "seeds: 8" means 100..107 */

struct ebb_setting {
	char *key, *value; /* canonical key, canonical text */
};

/* The place of the setting that decided an option of an arm. row: null for "algorithm". */
struct ebb_place {
	const struct ebb_option *row;
	struct ebb_mark mark; /* of the key; its file belongs to the definition */
};

/* One point of the sweep. label: the algorithm's name, then " key=value" for every swept axis other
 * than algorithm and seed, with the shortest key people use (alias before group.name). */
struct ebb_arm {
	char *label;
	struct ebb_setting *axis; /* the swept axes at this point, algorithm included */
	int n_axes;
	struct ebb_options options;      /* seed = the first seed */
	const struct ebb_preset *preset; /* the built-in algorithm that it is made from  */
	struct ebb_place *place;         /* what the user's text set, for ebb_arm_mark */
	int n_places;
};

/* One trial to run. Trials of several arms that resolve to the same identity appear once. */
struct ebb_plan {
	char id[EBB_ID_MAX];
	struct ebb_options options;
	int arm; /* the first arm it belongs to */
};

struct ebb_item { /* an entry of figures: or claims:, kept as text */
	char *text;
	struct ebb_mark mark;
};

struct ebb_definition {
	char *name, *about;
	char *source; /* the file's text as read; of several, each below "# path" */
	char **file;  /* their paths, for marks                                 */
	int n_files;
	char *overrides; /* the overrides as given, one a line                     */
	struct ebb_arm *arm;
	int n_arms;
	uint64_t *seed;
	int n_seeds;
	struct ebb_plan *plan;
	int n_plans;
	int *plan_of; /* trial of arm a, seed s            (n_arms, n_seeds)    */
	struct ebb_item *figure, *claim;
	int n_figures, n_claims;
};

/*
 * Read n_paths files from left to right (none: overrides alone) and apply n overrides. Returns 0
 * with *def filled, or a negative code where a file could not be read or the sink holds errors
 * (then *def is empty). *def is always safe to release; marks in the sink borrow the paths given
 * here, those of *def are its own.
 */
int ebb_definition_read(struct ebb_definition *def, const struct ebb_catalog *catalog,
			const char *const *path, int n_paths, const char *const *override,
			int n_overrides, struct ebb_diag *diag, struct ebb_err *err);

/* What only a reader of runs knows of one trial's options: fills it in, or says what is wrong. */
typedef int ebb_plan_fix(struct ebb_options *o, void *ctx, struct ebb_err *err);

/* Make the trials of the arms and seeds (anew), each with its options as `fix` (may be null) leaves
 * them. A negative code is fix's, and nothing is changed then. */
int ebb_definition_plan(struct ebb_definition *def, const struct ebb_catalog *catalog,
			ebb_plan_fix *fix, void *ctx, struct ebb_err *err);

/* Did the user's text set this option of the arm (definition, when, row of algorithms:, sweep or
 * override)? key: "group.name" or "algorithm". beta counts for the option it stands for. */
bool ebb_arm_given(const struct ebb_arm *arm, const char *key);

/* Where: the key's place in the setting that won; file "command line" and line 0 for an override,
 * {null, 0, 0} where the user's text did not set it. */
struct ebb_mark ebb_arm_mark(const struct ebb_arm *arm, const char *key);

/* The resolved definition as YAML: name, arms with every option that differs from the built-in
 * defaults, seeds, trial ids, figures, claims. */
void ebb_definition_print(const struct ebb_definition *def, const struct ebb_catalog *catalog,
			  struct ebb_buf *out);

void ebb_definition_release(struct ebb_definition *def);

/* Rows of presets.def. */
struct ebb_preset {
	const char *name, *settings, *beta;
	int updates; /* recommended ones a rollout batch; 0: any */
	const char *about;
};
const struct ebb_preset *ebb_preset_rows(int *n);

#endif
