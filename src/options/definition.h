/*
 * An experiment definition: a YAML file and command-line overrides, resolved into arms (points of
 * the sweep), seeds and trials. Reading reports every error of the text in one pass through the
 * diagnostics sink, with file:line:column; nothing may run while the sink holds an error.
 *
 *   top-level keys   name about task model pretrain train sample ... (any option group, as a mapping
 *                    or as "group.key"), aliases (alpha, beta, eps_low, ...), algorithm, algorithms,
 *                    sweep, seeds, seed, figures, claims
 *   overrides        key=value; commas sweep; "seeds=8" a count; an override of a swept key replaces
 *                    its axis, of a fixed key its value
 *   precedence       built-in < task preset < algorithm preset < definition < swept value < override
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

/* One point of the sweep. label: the algorithm's name, then " key=value" for every swept axis other
 * than algorithm and seed, with the shortest key people use (alias before group.name). */
struct ebb_arm {
	char *label;
	struct ebb_setting *axis; /* the swept axes at this point, algorithm included */
	int n_axes;
	struct ebb_options options; /* seed = the first seed */
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
	char *source;	   /* the file's text as read; empty without a file          */
	char *overrides;   /* the overrides as given, one a line                     */
	struct ebb_arm *arm;
	int n_arms;
	uint64_t *seed;
	int n_seeds;
	struct ebb_plan *plan;
	int n_plans;
	int *plan_of;	   /* trial of arm a, seed s            (n_arms, n_seeds)    */
	struct ebb_item *figure, *claim;
	int n_figures, n_claims;
};

/*
 * Read path (may be null: overrides alone) and apply n overrides. Returns 0 with *def filled, or a
 * negative code where the file could not be read or the sink holds errors (then *def is empty).
 * *def is always safe to release.
 */
int ebb_definition_read(struct ebb_definition *def, const struct ebb_catalog *catalog,
			const char *path, const char *const *override, int n_overrides,
			struct ebb_diag *diag, struct ebb_err *err);

/* The resolved definition as YAML: name, arms with every option that differs from the built-in
 * defaults, seeds, trial ids, figures, claims. */
void ebb_definition_print(const struct ebb_definition *def, const struct ebb_catalog *catalog,
			  struct ebb_buf *out);

void ebb_definition_release(struct ebb_definition *def);

/* Rows of presets.def. */
struct ebb_preset {
	const char *name, *settings, *beta, *about;
};
const struct ebb_preset *ebb_preset_rows(int *n);

#endif
