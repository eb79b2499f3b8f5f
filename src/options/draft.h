/*
 * A definition while it is being read: what was given, where, and not yet what follows from it.
 * read.c and override.c fill a draft, sweep.c reads axes and seeds, link.c
 * joins names, arm.c and resolve.c make arms of it.
 * Every finding goes to the sink; a part that is wrong is left out and reading goes on.
 */
#ifndef EBB_OPTIONS_DRAFT_H
#define EBB_OPTIONS_DRAFT_H

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

/* key: "group.name", "beta" or "algorithm"; value: canonical text. at: the value's place. */
struct ebb_given {
	char *key, *value;
	struct ebb_mark mark, at;
};

struct ebb_givens {
	struct ebb_given *given;
	int n, capacity;
};

struct ebb_draft_axis {
	char *key;
	struct ebb_mark mark;
	struct ebb_givens values; /* one each, all of this key                             */
	bool override;            /* from the command line                                 */
};

/* A row of algorithms:. */
struct ebb_variant {
	char *name, *from; /* from: null for the built-in defaults                         */
	struct ebb_mark mark, from_mark;
	struct ebb_givens settings;
	const struct ebb_variant *parent; /* what from names, where it is a variant         */
	const struct ebb_preset *root;    /* the preset at the chain's end; null: it is broken */
	int depth;                        /* links to the root                                */
};

struct ebb_draft {
	const struct ebb_catalog *catalog;
	struct ebb_diag *diag;
	int first;             /* entries of the sink from here on are this draft's        */
	const char *file;      /* null: overrides alone                                    */
	struct ebb_mark whole; /* where a finding goes that has no better place            */

	char *name, *about;
	struct ebb_mark name_mark;
	struct ebb_givens fixed, override;
	struct ebb_variant *variant;
	int n_variants;
	struct ebb_draft_axis *axis;
	int n_axes;
	uint64_t *seed;
	int n_seeds;
	bool has_seeds; /* given, rightly or wrongly                                       */
	struct ebb_mark seeds_mark;
	struct ebb_item *figure, *claim;
	int n_figures, n_claims;

	char **doubtful; /* keys and groups unknown after an error: checks spare them       */
	int n_doubtful;
};

#define EBB_COMMAND_LINE ((struct ebb_mark){"command line", 0, 0})

/* draft.c */
void ebb_draft_release(struct ebb_draft *d);
void ebb_draft_error(struct ebb_draft *d, struct ebb_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, but only if the same text was not yet said (at any place). */
void ebb_draft_once(struct ebb_draft *d, enum ebb_severity severity, struct ebb_mark mark,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void ebb_draft_doubt(struct ebb_draft *d, const char *key);
bool ebb_draft_doubts(const struct ebb_draft *d, const char *key);
/* " (first at line 3)" for the message about a repetition. */
const char *ebb_draft_first_at(char out[48], struct ebb_mark mark);

/* What a user's key means. words: keys that are not options but allowed here, null-terminated.
 * *row is null for such a word. False: unknown, and said so. */
bool ebb_draft_key(struct ebb_draft *d, const char *text, struct ebb_mark mark,
		   const char *const *words, char key[EBB_KEY_MAX], const struct ebb_option **row);
/* Canonical text of a value (caller frees), null where it is wrong, and said so. */
char *ebb_draft_value(struct ebb_draft *d, const char *key, const struct ebb_option *row,
		      const char *text, struct ebb_mark mark);

const struct ebb_given *ebb_givens_find(const struct ebb_givens *list, const char *key);
/* Takes value. False if the key is there already, and said so. */
bool ebb_givens_add(struct ebb_draft *d, struct ebb_givens *list, const char *key, char *value,
		    struct ebb_mark mark, struct ebb_mark at);
void ebb_givens_release(struct ebb_givens *list);

/* document.c: one YAML document without anchors, aliases, tags. False: the sink has the reason. */
bool ebb_document_load(yaml_document_t *doc, const char *data, size_t n, const char *file,
		       struct ebb_diag *diag);

/* read.c */
void ebb_draft_read(struct ebb_draft *d, yaml_document_t *doc);
bool ebb_draft_set_name(struct ebb_draft *d, const char *text, struct ebb_mark mark);
/* The text of a scalar; null where it is none, and said so. what: the subject of the message. */
const char *ebb_draft_scalar(struct ebb_draft *d, const yaml_node_t *node, const char *what);
struct ebb_mark ebb_draft_mark(const struct ebb_draft *d, const yaml_node_t *node);

/* sweep.c */
struct ebb_draft_axis *ebb_draft_axis_find(struct ebb_draft *d, const char *key);
/* Set or replace an axis's values; texts are the user's. */
void ebb_draft_axis_set(struct ebb_draft *d, const char *key, const struct ebb_option *row,
			char *const *text, const struct ebb_mark *at, int n, struct ebb_mark mark,
			bool override);
void ebb_draft_read_axis(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			 const struct ebb_option *row, struct ebb_mark mark,
			 const yaml_node_t *value);
void ebb_draft_read_seeds(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			  struct ebb_mark mark, const yaml_node_t *value);
/* Seeds from texts; count: a single number is how many. */
void ebb_draft_set_seeds(struct ebb_draft *d, const char *key, char *const *text, int n, bool count,
			 struct ebb_mark mark);

/* override.c */
void ebb_draft_override(struct ebb_draft *d, const char *text);

/* link.c */
void ebb_draft_link(struct ebb_draft *d);
const struct ebb_variant *ebb_draft_variant(const struct ebb_draft *d, const char *name);

/* arm.c: at[i] is the value taken of axis i */
void ebb_draft_make_arm(struct ebb_draft *d, const struct ebb_options *builtin, const int *at,
			struct ebb_arm *arm);

/* resolve.c: fills arms, seeds and trials */
void ebb_draft_resolve(struct ebb_draft *d, struct ebb_definition *def);

#endif
