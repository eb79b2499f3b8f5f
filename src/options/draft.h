/*
 * A definition while it is being read: what was given, where, and not yet what follows from it.
 * node.c and read.c walk files into a draft, override.c adds the command line; sweep.c keeps axes
 * and zips, range.c spreads ranges, seeds.c reads seeds, when.c conditions. link.c joins names,
 * settle.c says what does not fit together, arm.c and resolve.c make arms of what is left.
 * Every finding goes to the sink; a part that is wrong is left out and reading goes on.
 */
#ifndef EBB_OPTIONS_DRAFT_H
#define EBB_OPTIONS_DRAFT_H

#include <limits.h>
#include <stdarg.h>
#include <yaml.h>
#include "options/definition.h"
#include "options/text.h"

#define EBB_FILE_MAX    (1u << 20) /* bytes of a definition file            */
#define EBB_NESTING_MAX 16         /* levels of lists and mappings          */
#define EBB_ENTRIES_MAX 512        /* entries of one mapping                */
#define EBB_VALUES_MAX  4096       /* values of one axis, seeds apart       */
#define EBB_TRIALS_MAX  65536      /* arms times seeds, and seeds           */
#define EBB_NAME_MAX    100        /* bytes of an experiment's name         */
#define EBB_KEY_MAX     160        /* "group.name" of the longest row       */
#define EBB_ALIASES_MAX 1000       /* YAML aliases: no tree beyond             */
#define EBB_WHENS_MAX   256        /* whens of all files                    */

/* Who gave something: a file by its index, or the command line. The same thing twice from one
 * source is an error; a later source replaces what an earlier one gave. */
#define EBB_FROM_LINE INT_MAX

/* key: "group.name", "beta" or "algorithm"; value: canonical text. at: the value's place. */
struct ebb_given {
	char *key, *value;
	struct ebb_mark mark, at;
	int source;
};

struct ebb_givens {
	struct ebb_given *given;
	int n, capacity;
};

struct ebb_draft_axis {
	char *key;
	struct ebb_mark mark;
	struct ebb_givens values; /* one each, all of this key                             */
	int zip;                  /* which it belongs to, from 1; 0: none                  */
	int source;
	bool broken; /* some of its values were wrong                                      */
};

/* Axes of a sweep, of the definition's or of one when's. Those of one zip share their index. */
struct ebb_axes {
	struct ebb_draft_axis *axis;
	int n;
};

struct ebb_zip {
	struct ebb_mark mark;
	bool changed; /* a later source replaced or removed one of its keys                */
};

/* The texts of an axis's values while they are read, ranges spread out. */
struct ebb_texts {
	char **text;
	struct ebb_mark *at;
	int n, capacity;
	bool broken; /* one of them could not be read, and that was said                   */
};

/* A row of algorithms:. */
struct ebb_variant {
	char *name, *from; /* from: null for the built-in defaults                         */
	struct ebb_mark mark, from_mark;
	int source;
	bool used; /* an arm of this run is made of it                                     */
	struct ebb_givens settings;
	const struct ebb_variant *parent; /* what from names, where it is a variant         */
	const struct ebb_preset *root;    /* the preset at the chain's end; null: it is broken */
	int depth;                        /* links to the root                                */
};

/* One term of a condition: key=value|value or key!=value|value. */
struct ebb_term {
	char *key;
	bool unequal;
	struct ebb_givens values;
};

/* when(...): single values at the top level, axes below sweep:. */
struct ebb_when {
	char *text; /* "when(...)" as written                                              */
	struct ebb_mark mark, at; /* of the key, quotes included; of its first letter      */
	struct ebb_term *term;
	int n_terms;
	struct ebb_givens settings;
	struct ebb_axes axes;
	bool held; /* for some arm                                                         */
};

struct ebb_draft {
	const struct ebb_catalog *catalog;
	struct ebb_diag *diag;
	int first;             /* entries of the sink from here on are this draft's        */
	const char *file;      /* null: overrides alone                                    */
	int source;            /* of what is being read now                                */
	struct ebb_mark whole; /* where a finding goes that has no better place            */

	char *name, *about;
	struct ebb_mark name_mark;
	struct ebb_givens fixed, override;
	struct ebb_variant *variant;
	int n_variants;
	struct ebb_axes sweep;
	struct ebb_zip *zip; /* number z is zip[z - 1]                                     */
	int n_zips;
	struct ebb_when *when;
	int n_whens;
	uint64_t *seed;
	int n_seeds;
	bool has_seeds; /* given, rightly or wrongly                                       */
	struct ebb_mark seeds_mark;
	int seeds_source;
	struct ebb_item *figure, *claim;
	int n_figures, n_claims;
	int n_overrides;

	struct ebb_mark *alias; /* places of YAML aliases: one error told of them already  */
	int n_aliases;
	char **doubtful; /* keys and groups unknown after an error: checks spare them       */
	int n_doubtful;
};

#define EBB_COMMAND_LINE ((struct ebb_mark){"command line", 0, 0})
#define EBB_PLACE_MAX    300

/* draft.c */
void ebb_draft_release(struct ebb_draft *d);
void ebb_draft_error(struct ebb_draft *d, struct ebb_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, but only if the same text was not yet said (at any place). */
void ebb_draft_once(struct ebb_draft *d, enum ebb_severity severity, struct ebb_mark mark,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Does a YAML alias stand here? Findings at its place are dropped. */
bool ebb_draft_is_alias(const struct ebb_draft *d, struct ebb_mark mark);
void ebb_draft_doubt(struct ebb_draft *d, const char *key);
bool ebb_draft_doubts(const struct ebb_draft *d, const char *key);
/* " (first at line 3)" for the message about a repetition. */
const char *ebb_draft_first_at(char out[48], struct ebb_mark mark);
/* "line 3, column 5", with its file where that is not the one of from; "the command line". */
const char *ebb_draft_place(char out[EBB_PLACE_MAX], struct ebb_mark mark, struct ebb_mark from);

/* What a user's key means. words: keys that are not options but allowed here, null-terminated.
 * *row is null for such a word. False: unknown, and said so. */
bool ebb_draft_key(struct ebb_draft *d, const char *text, struct ebb_mark mark,
		   const char *const *words, char key[EBB_KEY_MAX], const struct ebb_option **row);
/* Canonical text of a value (caller frees), null where it is wrong, and said so. */
char *ebb_draft_value(struct ebb_draft *d, const char *key, const struct ebb_option *row,
		      const char *text, struct ebb_mark mark);

struct ebb_given *ebb_givens_find(const struct ebb_givens *list, const char *key);
/* Takes value. It replaces what an earlier source gave; false if this one did, and said so. */
bool ebb_givens_add(struct ebb_draft *d, struct ebb_givens *list, const char *key, char *value,
		    struct ebb_mark mark, struct ebb_mark at);
/* Takes value; keys may repeat. */
void ebb_givens_append(struct ebb_givens *list, const char *key, char *value, struct ebb_mark mark,
		       struct ebb_mark at, int source);
void ebb_givens_release(struct ebb_givens *list);

/* document.c: one YAML document without anchors, aliases, tags; data is changed where it has
 * aliases. False: there is no tree, and the sink has the reason. */
bool ebb_document_load(struct ebb_draft *d, yaml_document_t *doc, char *data, size_t n);

/* node.c */
struct ebb_mark ebb_node_mark(const struct ebb_draft *d, const yaml_node_t *node);
/* The text of a scalar; null where it is none, and said so. what: the subject of the message. */
const char *ebb_node_scalar(struct ebb_draft *d, const yaml_node_t *node, const char *what);
bool ebb_node_is_map(struct ebb_draft *d, const yaml_node_t *node, const char *what,
		     const char *like);
int ebb_node_entries(const yaml_node_t *map);
/* Where the first letter of a scalar stands, behind its quote; line 0:
 * escapes or line breaks stand for some of its letters. */
struct ebb_mark ebb_node_letters(const struct ebb_draft *d, const yaml_node_t *node);
/* The text of entry i's key, null where it is unusable, and said so. */
const char *ebb_node_key(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map, int i);
struct ebb_mark ebb_node_key_mark(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map,
				  int i);
yaml_node_t *ebb_node_value(yaml_document_t *doc, const yaml_node_t *map, int i);

/* read.c */
void ebb_draft_read(struct ebb_draft *d, yaml_document_t *doc);
bool ebb_draft_set_name(struct ebb_draft *d, const char *text, struct ebb_mark mark);

/* range.c: one value or one range of values into texts. row: null for beta and algorithm. */
void ebb_texts_release(struct ebb_texts *t);
/* Is text a range, "2..5", "log:..." or "linear:...", where the option is a number? */
bool ebb_range_is(const char *key, const struct ebb_option *row, const char *text);
void ebb_range_add(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		   const struct ebb_option *row, const char *text, struct ebb_mark at);
/* {log: [a, b], n: 5}, {linear: [a, b], n: 5} or {linear: [a, b], step: s}. */
void ebb_range_read(struct ebb_draft *d, yaml_document_t *doc, struct ebb_texts *t, const char *key,
		    const struct ebb_option *row, const yaml_node_t *map);

/* sweep.c */
struct ebb_draft_axis *ebb_axis_find(const struct ebb_axes *axes, const char *key);
/* Set or replace an axis's values. zip: the zip that is being read, 0 outside of one. */
void ebb_axis_set(struct ebb_draft *d, struct ebb_axes *axes, int zip, const char *key,
		  const struct ebb_option *row, const struct ebb_texts *texts,
		  struct ebb_mark mark);
void ebb_axis_read(struct ebb_draft *d, yaml_document_t *doc, struct ebb_axes *axes, int zip,
		   const char *key, const struct ebb_option *row, struct ebb_mark mark,
		   const yaml_node_t *value);
/* Forget an axis that a later source gave one value. */
void ebb_axis_drop(struct ebb_draft *d, struct ebb_axes *axes, const char *key);
void ebb_axes_release(struct ebb_axes *axes);
int ebb_zip_new(struct ebb_draft *d, struct ebb_mark mark);
/* The first axis of the zip that axis i belongs to; i itself outside of zips. */
int ebb_axis_leader(const struct ebb_axes *axes, int i);
/* Number of points of the axes' product, limit + 1 where it is larger than limit. */
int64_t ebb_axes_points(const struct ebb_axes *axes, int64_t limit);
/* From one point to the next, the last axis turning fastest; at holds an index an axis. */
void ebb_axes_step(const struct ebb_axes *axes, int *at);

/* seeds.c */
void ebb_seeds_read(struct ebb_draft *d, yaml_document_t *doc, const char *key,
		    struct ebb_mark mark, const yaml_node_t *value);
/* Seeds from texts; count: a single number is how many. */
void ebb_seeds_set(struct ebb_draft *d, const char *key, char *const *text, int n, bool count,
		   struct ebb_mark mark);

/* when.c */
/* A new when of this text; null where the condition is wrong, and said so. at: where its first
 * letter stands; line 0: the text is not in the file letter by letter. */
struct ebb_when *ebb_when_new(struct ebb_draft *d, const char *text, struct ebb_mark mark,
			      struct ebb_mark at);
bool ebb_when_mentions(const struct ebb_when *w, const char *key);
/* Does the condition hold for options as they are without any when? */
bool ebb_when_holds(const struct ebb_draft *d, const struct ebb_when *w,
		    const struct ebb_options *o);
void ebb_when_release(struct ebb_when *w);

/* override.c */
void ebb_draft_override(struct ebb_draft *d, const char *text);

/* link.c */
void ebb_draft_link(struct ebb_draft *d);
const struct ebb_variant *ebb_draft_variant(const struct ebb_draft *d, const char *name);

/* settle.c: what does not fit together in the files, then with the overrides. */
void ebb_draft_settle_files(struct ebb_draft *d);
void ebb_draft_settle(struct ebb_draft *d);

/* arm.c. What one axis gives an arm; named: the label says so. */
struct ebb_pick {
	const struct ebb_draft_axis *axis;
	int value;
	bool when, named;
};

/* A point of the sweep: a value of each axis, and the whens that hold here. */
struct ebb_point {
	struct ebb_pick *pick;
	int n_picks;
	const struct ebb_when **when;
	int n_whens;
};
void ebb_draft_make_arm(struct ebb_draft *d, const struct ebb_options *builtin,
			const struct ebb_point *point, struct ebb_arm *arm);
void ebb_arm_release(struct ebb_arm *arm);

/* resolve.c: fills arms, seeds and trials */
void ebb_draft_resolve(struct ebb_draft *d, struct ebb_definition *def);

#endif
