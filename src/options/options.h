/*
 * The resolved options of one trial, made from options.def: struct ebb_options has one member struct
 * a group (o->clip.low), and ebb_option_rows() the same rows as data for parsers, help and records.
 */
#ifndef EBB_OPTIONS_OPTIONS_H
#define EBB_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "options/choices.def"

/* enum ebb_loss_aggregate { EBB_AGGREGATE_TOKEN_MEAN, ... } and so on. */
#define EBB_CHOICE_ENUMERATOR(name, text) EBB_##name,
#define EBB_GROUP(group, about)
#define EBB_END(group)
#define EBB_STR(...)
#define EBB_INT(...)
#define EBB_F64(...)
#define EBB_BOOL(...)
#define EBB_ENUM(group, name, ...)                                                                 \
	enum ebb_##group##_##name { EBB_CHOICES_##group##_##name(EBB_CHOICE_ENUMERATOR) };
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_END
#undef EBB_STR
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_ENUM
#undef EBB_CHOICE_ENUMERATOR

#define EBB_STR_MAX 160	     /* bytes of a string option, zero included                  */
#define EBB_TASK_OWN_MAX 256 /* bytes of the struct a task keeps its own options in       */

struct ebb_options {
#define EBB_GROUP(group, about) struct {
#define EBB_END(group) } group;
#define EBB_STR(group, name, ...) char name[EBB_STR_MAX];
#define EBB_INT(group, name, ...) int64_t name;
#define EBB_F64(group, name, ...) double name;
#define EBB_BOOL(group, name, ...) bool name;
#define EBB_ENUM(group, name, ...) enum ebb_##group##_##name name;
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_END
#undef EBB_STR
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_ENUM
	char algorithm[EBB_STR_MAX]; /* preset or variant it came from: a label, not identity  */
	uint64_t seed;
	_Alignas(16) char task_own[EBB_TASK_OWN_MAX]; /* the task's own option struct           */
};

enum ebb_type { EBB_TYPE_STR, EBB_TYPE_INT, EBB_TYPE_F64, EBB_TYPE_BOOL, EBB_TYPE_ENUM };
enum ebb_class { EBB_SCIENCE, EBB_RUN };

struct ebb_option {
	const char *group, *name;  /* key is "group.name"                                    */
	enum ebb_type type;
	const char *default_text;  /* as a file would write it                               */
	const char *range;	   /* "[0,1]"; empty for strings, booleans and enumerations  */
	const char *unit;
	enum ebb_class class;
	const char *alias;	   /* empty: none                                            */
	const char *help;
	const char *const *choice; /* texts of an enumeration, null-terminated; else null    */
	size_t offset;		   /* in struct ebb_options, or in the task's own struct     */
	bool own;		   /* a row of a task: offset counts from task_own           */
};

/* Rows of options.def in order. */
const struct ebb_option *ebb_option_rows(int *n);
const char *ebb_option_group_about(const char *group);

/* What the room must know of a task, handed in by whoever assembles the program: its name, its own
 * option rows (own = true) and its presets, each a text of "key=value" pairs separated by spaces. */
struct ebb_task_rows {
	const char *name;
	const struct ebb_option *option;
	int n_options;
	const struct ebb_task_preset {
		const char *name, *settings, *about;
	} *preset;
	int n_presets;
};

/* The tables a definition is read against. One constant object for the whole program. */
struct ebb_catalog {
	const struct ebb_task_rows *task;
	int n_tasks;
};

/* Built-in defaults, the default task's own defaults included. */
void ebb_options_init(struct ebb_options *o, const struct ebb_catalog *catalog);

/* Find a row by "group.name" or alias, among the built-in rows and those of task. Null: unknown. */
const struct ebb_option *ebb_option_find(const struct ebb_catalog *catalog, const char *task,
					 const char *key);

/* Parse text into the option's member. On failure the member keeps its value and err names the
 * value, the allowed range or choices and, for choices, the nearest. */
int ebb_option_set(struct ebb_options *o, const struct ebb_option *row, const char *text,
		   struct ebb_err *err);

/* Make name the task of o: its own options take their defaults, nothing else changes. */
int ebb_options_task(struct ebb_options *o, const struct ebb_catalog *catalog, const char *name,
		     struct ebb_err *err);

/* Apply "key=value" words separated by spaces (values without spaces, below EBB_STR_MAX bytes) in order;
 * task.name as ebb_options_task does, task.preset as a mere label. */
int ebb_options_apply(struct ebb_options *o, const struct ebb_catalog *catalog,
		      const char *settings, struct ebb_err *err);

/* Append the member's value as canonical text that ebb_option_set reads back to the same bits. */
void ebb_option_print(const struct ebb_options *o, const struct ebb_option *row,
		      struct ebb_buf *out);

/* Text of enumerator value of a row of type EBB_TYPE_ENUM. */
const char *ebb_option_choice(const struct ebb_option *row, int value);

/* Checks that need several options at once (heads divide width, groups and mini-batches, group
 * baselines and group size, target above the vocabulary ...): names both operands and the remedy.
 * Returns the number of problems found; report(ctx, text) is called for each. */
int ebb_options_check(const struct ebb_options *o, void (*report)(void *ctx, const char *text),
		      void *ctx);

/*
 * Canonical identity text: schema version, seed and every SCIENCE option (task's own included) that
 * differs from its built-in default, "key=value" a line in table order. algorithm, labels and RUN
 * options never enter.
 */
#define EBB_IDENTITY_SCHEMA 1
void ebb_options_identity(const struct ebb_options *o, const struct ebb_catalog *catalog,
			  struct ebb_buf *out);

/* The same for the base policy: only groups task (without task.noise), model and pretrain, and the
 * seed. */
void ebb_options_base_identity(const struct ebb_options *o, const struct ebb_catalog *catalog,
			       struct ebb_buf *out);

/* The first 16 hexadecimal digits of the identity's SHA-256. */
#define EBB_ID_MAX 17
void ebb_options_id(const struct ebb_options *o, const struct ebb_catalog *catalog,
		    char id[EBB_ID_MAX]);

/* Responses a prompt of a tree, EI 5.3: b0 + (rounds - 1) width branch. */
static inline int64_t ebb_tree_group(const struct ebb_options *o)
{
	return o->tree.b0 + (o->tree.rounds - 1) * o->tree.width * o->tree.branch;
}

/* Responses a prompt, G: train.group, or what follows from the tree. */
static inline int64_t ebb_group_size(const struct ebb_options *o)
{
	return o->tree.sampler == EBB_TREE_OFF ? o->train.group : ebb_tree_group(o);
}

/* Do steps of a tree have an advantage of their own beside the group's, EI 5.5 A_IB? */
static inline bool ebb_local_advantage(const struct ebb_options *o)
{
	return o->advantage.center == EBB_CENTER_TREE && o->ib.lambda > 0.0;
}

/* Does the entropy term ever have a weight? A controller may begin at 0. */
static inline bool ebb_weighs_entropy(const struct ebb_options *o)
{
	return o->entropy.coef > 0.0 || o->entropy.control == EBB_CONTROL_BANG_BANG ||
	       (o->entropy.control != EBB_CONTROL_NONE && o->entropy.min > 0.0);
}

/* Does the policy term choose tokens by their covariance? EI 2.7, 2.8. */
static inline bool ebb_chooses_tokens(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_CLIP_COV || o->loss.policy == EBB_POLICY_KL_COV;
}

/* Does the score of a preference read the reference's log-probabilities? DPO's always does. */
static inline bool ebb_scores_reference(const struct ebb_options *o)
{
	const bool regret = o->preference.method == EBB_PREFERENCE_PPL ||
			    o->preference.method == EBB_PREFERENCE_REPO;

	return o->loss.policy == EBB_POLICY_PREFERENCE &&
	       (o->preference.method == EBB_PREFERENCE_DPO ||
		(regret && (o->preference.c_ref > 0.0 || o->preference.label == EBB_LABEL_REF)));
}

/* Does the loss read the log-probability of a token that was drawn? A state that drew none, or another
 * temperature than the sampler's, goes only with a loss that does not. */
static inline bool ebb_reads_drawn(const struct ebb_options *o)
{
	return o->loss.policy != EBB_POLICY_NONE || o->kl_old.coef > 0.0 ||
	       (o->kl.place == EBB_KL_LOSS && o->kl.coef > 0.0 && o->kl.estimator != EBB_KL_FULL) ||
	       (o->info.coef > 0.0 && o->info.grad != EBB_INFO_REWARD);
}

/* The temperature of the update's pass. */
static inline double ebb_update_temperature(const struct ebb_options *o)
{
	return o->em.temperature > 0.0 ? o->em.temperature : o->sample.temperature;
}

/* Does the update judge the states as they were drawn from? */
static inline bool ebb_update_as_drawn(const struct ebb_options *o)
{
	return ebb_update_temperature(o) == o->sample.temperature && o->em.mask == EBB_EM_ALIGNED;
}

/* The numbers of eval.temperatures in t; their count, or -1 with err where the text is none of them. */
#define EBB_TEMPERATURES_MAX 16
int ebb_temperatures(const struct ebb_options *o, double t[EBB_TEMPERATURES_MAX],
		     struct ebb_err *err);

/* The same without train.steps, unless a schedule is stretched over them: trials that share it are one
 * trajectory, stopped sooner or later. */
void ebb_options_trajectory(const struct ebb_options *o, const struct ebb_catalog *catalog,
			    char id[EBB_ID_MAX]);

/* Bytes of the RUN/TRIAL@STEP that s begins with: its end is @STEP before a blank or the end of the
 * text, for run and trial may have blanks; the rest of the text where there is none. */
size_t ebb_policy_word(const char *s);

#endif
