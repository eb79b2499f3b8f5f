/* Reading the arrays and configs of ebb oracle: shapes, words and places of errors. */
#ifndef EBB_COMMAND_ORACLE_INPUT_H
#define EBB_COMMAND_ORACLE_INPUT_H

#include <jansson.h>
#include "base/arena.h"
#include "base/buf.h"
#include "objective/objective.h"

struct ebb_oracle_set {
	struct ebb_arena arena;
	struct ebb_batch batch;
	int *group;
	unsigned char *mask;
	double *logp, *old, *roll, *ref, *entropy; /* (R, T); roll, ref, entropy may be absent */
	double *flag;                              /* the mask as read                  (R, T) */
	double *select_key;                        /* in the place of random numbers    (R, T) */
	bool has_group, has_roll, has_ref, has_entropy, has_keys;
};

/* d is zeroed before; release its arena whatever is returned. */
int ebb_oracle_read_set(json_t *j, struct ebb_oracle_set *d, struct ebb_err *err);

/* A key of a config that is no option: true takes logp_new for logp_old, as at a first update. */
#define EBB_ORACLE_ON_POLICY "old_equals_current"

/* Options of a case. config may be null. */
int ebb_oracle_read_config(struct ebb_options *o, json_t *config, const struct ebb_oracle_set *d,
			   struct ebb_err *err);

/* (R, T) real numbers of the set's shape under a key; "nan" may stand in padding. */
int ebb_oracle_read_reals(json_t *object, const char *key, const struct ebb_oracle_set *d,
			  double *to, struct ebb_err *err);

/* One line of help for every key of a config. */
void ebb_oracle_config_help(struct ebb_buf *out);

/* A user's word for a message: without control bytes, cut at a character's boundary. */
#define EBB_ORACLE_SHOWN 64
const char *ebb_oracle_show(char out[EBB_ORACLE_SHOWN], const char *word);

/* "an array", "null", "missing" ... */
const char *ebb_oracle_kind(const json_t *v);

#endif
