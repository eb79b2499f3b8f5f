/* The input of ebb oracle: every wrong shape or word is refused with its place. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/near.h"
#include "command/oracle_input.h"

#define CELL_LIMIT ((size_t)1 << 26) /* R times T of a dataset */
#define SHOWN      EBB_ORACLE_SHOWN

/* ---- messages ---- */

const char *ebb_oracle_show(char out[SHOWN], const char *word)
{
	size_t n = strlen(word), used = 0;
	const bool cut = n >= SHOWN;

	if (cut) {
		n = SHOWN - 4;
		while (n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)word[i];
		const bool c1 = c == 0xc2 && (unsigned char)word[i + 1] < 0xa0;

		out[used++] = c < 0x20 || c == 0x7f || c1 ? '?' : word[i];
		i += c1; /* U+0080 to U+009F drive terminals, too, and take two bytes */
	}
	strcpy(out + used, cut ? "..." : "");
	return out;
}

const char *ebb_oracle_kind(const json_t *v)
{
	static const char *const names[] = {"an object", "an array", "a string", "an integer",
					    "a number",  "true",     "false",    "null"};

	return v ? names[json_typeof(v)] : "missing";
}

/* ---- arrays ---- */

enum cells { LOGS, REALS, FLAGS };

/* A number; "nan" may stand in padding, infinities where a log-probability is meant. */
static int read_cell(const json_t *v, enum cells cells, double *x, struct ebb_err *err)
{
	const char *s = json_string_value(v);

	if (cells == FLAGS) {
		*x = json_is_true(v) ? 1.0 : json_is_false(v) ? 0.0 : json_number_value(v);
		if ((json_is_number(v) || json_is_boolean(v)) && (*x == 0.0 || *x == 1.0))
			return 0;
		return ebb_err_set(err, EBB_EFORMAT, "is not 0 or 1");
	}
	if (json_is_number(v)) {
		*x = json_number_value(v);
		return 0;
	}
	if (s && strcasecmp(s, "nan") == 0) {
		*x = (double)NAN;
		return 0;
	}
	if (s && cells == LOGS && (strcasecmp(s, "-inf") == 0 || strcasecmp(s, "inf") == 0)) {
		*x = s[0] == '-' ? -(double)INFINITY : (double)INFINITY;
		return 0;
	}
	return ebb_err_set(err, EBB_EFORMAT, "is %s, not a number%s", ebb_oracle_kind(v),
			   cells == LOGS ? " or \"-inf\"" : "");
}

/* (R, T) numbers; shapes and entries that do not fit are errors with their place. */
static int read_matrix(json_t *array, int R, int T, enum cells cells, double *to,
		       struct ebb_err *err)
{
	if (!json_is_array(array))
		return ebb_err_set(err, EBB_EFORMAT, "is %s, not an array of rows",
				   ebb_oracle_kind(array));
	if (json_array_size(array) != (size_t)R)
		return ebb_err_set(err, EBB_EFORMAT, "has %zu rows, the mask has %d",
				   json_array_size(array), R);
	for (int i = 0; i < R; i++) {
		json_t *row = json_array_get(array, (size_t)i);

		if (!json_is_array(row))
			return ebb_err_set(err, EBB_EFORMAT, "row %d is %s, not an array", i,
					   ebb_oracle_kind(row));
		if (json_array_size(row) != (size_t)T)
			return ebb_err_set(err, EBB_EFORMAT,
					   "row %d has %zu entries, the mask's first row has %d", i,
					   json_array_size(row), T);
		for (int t = 0; t < T; t++)
			if (read_cell(json_array_get(row, (size_t)t), cells, &to[(size_t)i * T + t],
				      err) != 0)
				return ebb_err_wrap(err, "[%d][%d]", i, t);
	}
	return 0;
}

/* The same under a key of an object; absent where that is allowed. */
static int read_key(json_t *object, const char *key, const struct ebb_batch *b, enum cells cells,
		    double *to, bool *present, struct ebb_err *err)
{
	json_t *v = json_object_get(object, key);

	if (present)
		*present = v != NULL;
	if (!v)
		return present ? 0 : ebb_err_set(err, EBB_EFORMAT, "'%s' is missing", key);
	if (read_matrix(v, b->R, b->T, cells, to, err) != 0)
		return ebb_err_wrap(err, "%s", key);
	return 0;
}

/* ---- datasets ---- */

static int compare_int(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Group labels are any whole numbers; ranks take their place. */
static int read_groups(json_t *j, struct ebb_oracle_set *d, struct ebb_err *err)
{
	const int R = d->batch.R;
	json_t *array = json_object_get(j, "group");
	int *sorted, n = 0;

	d->batch.n_groups = 1;
	d->has_group = array != NULL;
	if (!array)
		return 0;
	if (!json_is_array(array) || json_array_size(array) != (size_t)R)
		return ebb_err_set(err, EBB_EFORMAT, "group: is not an array of %d whole numbers",
				   R);
	for (int i = 0; i < R; i++) {
		const json_t *v = json_array_get(array, (size_t)i);
		const double x = json_number_value(v);

		if (!json_is_number(v) || x != floor(x) || fabs(x) > INT_MAX)
			return ebb_err_set(err, EBB_EFORMAT, "group: [%d] is no whole number", i);
		d->group[i] = (int)x;
	}
	sorted = ebb_xcalloc((size_t)R, sizeof *sorted);
	memcpy(sorted, d->group, (size_t)R * sizeof *sorted);
	qsort(sorted, (size_t)R, sizeof *sorted, compare_int);
	for (int i = 0; i < R; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			sorted[n++] = sorted[i];
	for (int i = 0; i < R; i++)
		d->group[i] = (int)((int *)bsearch(&d->group[i], sorted, (size_t)n, sizeof *sorted,
						   compare_int) -
				    sorted);
	d->batch.n_groups = n;
	free(sorted);
	return 0;
}

/* R and T are the mask's; where the file says them, too, they must agree. */
static int read_shape(json_t *j, struct ebb_oracle_set *d, struct ebb_err *err)
{
	json_t *mask = json_object_get(j, "mask"), *row = json_array_get(mask, 0);
	const size_t R = json_array_size(mask), T = json_array_size(row);
	const struct {
		const char *key;
		size_t n;
	} said[] = {{"R", R}, {"T", T}};

	if (!mask)
		return ebb_err_set(err, EBB_EFORMAT, "'mask' is missing");
	if (R < 1 || T < 1)
		return ebb_err_set(err, EBB_EFORMAT, "mask: needs at least one row of one entry");
	if (R > CELL_LIMIT || T > CELL_LIMIT || R * T > CELL_LIMIT)
		return ebb_err_set(err, EBB_EFORMAT, "mask: %zu x %zu entries are more than %zu", R,
				   T, CELL_LIMIT);
	/* The first row says how wide all are: no memory is taken on its word alone. */
	for (size_t i = 1; i < R; i++)
		if (json_array_size(json_array_get(mask, i)) != T)
			return ebb_err_set(err, EBB_EFORMAT,
					   "mask: row %zu is not an array of %zu entries like the "
					   "first row",
					   i, T);
	for (int k = 0; k < 2; k++) {
		const json_t *v = json_object_get(j, said[k].key);

		if (v && (!json_is_number(v) || json_number_value(v) != (double)said[k].n))
			return ebb_err_set(err, EBB_EFORMAT, "%s is not the mask's %zu",
					   said[k].key, said[k].n);
	}
	d->batch.R = (int)R;
	d->batch.T = (int)T;
	return 0;
}

/* No probability is above 1. Padding may hold anything. */
static int check_logs(const struct ebb_oracle_set *d, struct ebb_err *err)
{
	const struct {
		const char *key;
		const double *x;
		bool has;
	} logs[] = {{"logp_new", d->logp, true},
		    {"logp_old", d->old, true},
		    {"logp_roll", d->roll, d->has_roll},
		    {"logp_ref", d->ref, d->has_ref}};

	for (size_t k = 0; k < sizeof logs / sizeof *logs; k++)
		for (int at = 0; logs[k].has && at < d->batch.R * d->batch.T; at++)
			if (d->mask[at] && logs[k].x[at] > 0.0)
				return ebb_err_set(err, EBB_EFORMAT,
						   "%s: [%d][%d] is %g, but no log-probability is "
						   "above 0; give logarithms, not probabilities",
						   logs[k].key, at / d->batch.T, at % d->batch.T,
						   logs[k].x[at]);
	return 0;
}

int ebb_oracle_read_set(json_t *j, struct ebb_oracle_set *d, struct ebb_err *err)
{
	struct ebb_batch *b = &d->batch;
	size_t n;
	int rc;

	if (!json_is_object(j))
		return ebb_err_set(err, EBB_EFORMAT, "is %s, not an object", ebb_oracle_kind(j));
	if (read_shape(j, d, err) != 0)
		return err->code;
	n = (size_t)b->R * b->T;
	ebb_arena_add(&d->arena, &d->group, (size_t)b->R, sizeof *d->group);
	ebb_arena_add(&d->arena, &d->mask, n, 1);
	ebb_arena_add(&d->arena, &d->logp, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->old, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->roll, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->ref, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->entropy, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->select_key, n, sizeof(double));
	ebb_arena_add(&d->arena, &d->flag, n, sizeof(double));
	rc = ebb_arena_commit(&d->arena, err);
	if (rc == 0)
		rc = read_key(j, "mask", b, FLAGS, d->flag, NULL, err);
	if (rc == 0)
		rc = read_groups(j, d, err);
	if (rc == 0)
		rc = read_key(j, "logp_new", b, LOGS, d->logp, NULL, err);
	if (rc == 0)
		rc = read_key(j, "logp_old", b, LOGS, d->old, NULL, err);
	if (rc == 0)
		rc = read_key(j, "logp_roll", b, LOGS, d->roll, &d->has_roll, err);
	if (rc == 0)
		rc = read_key(j, "logp_ref", b, LOGS, d->ref, &d->has_ref, err);
	if (rc == 0)
		rc = read_key(j, "entropy", b, REALS, d->entropy, &d->has_entropy, err);
	if (rc == 0)
		rc = read_key(j, "keys", b, REALS, d->select_key, &d->has_keys, err);
	if (rc != 0)
		return rc;
	for (size_t at = 0; at < n; at++)
		d->mask[at] = d->flag[at] != 0.0;
	b->group = d->group;
	b->mask = d->mask;
	b->old = d->old;
	b->roll = d->has_roll ? d->roll : NULL;
	b->ref = d->has_ref ? d->ref : NULL;
	return check_logs(d, err);
}

/* ---- config ---- */

static const struct {
	const char *key, *option;
} config_key[] = {
	{"algo", "loss.policy"},
	{"ratio_level", "ratio.level"},
	{"eps_low", "clip.low"},
	{"eps_high", "clip.high"},
	{"dual_c", "clip.dual"},
	{"log_clamp", "ratio.log_clamp"},
	{"logp_floor", "ratio.logp_floor"},
	{"agg", "loss.aggregate"},
	{"agg_const", "loss.constant"},
	{"seq_den", "loss.seq_den"},
	{"kl_place", "kl.place"},
	{"kl_est", "kl.estimator"},
	{"kl_coef", "kl.coef"},
	{"kl_log_clamp", "kl.log_clamp"},
	{"kl_old_coef", "kl_old.coef"},
	{"kl_old_est", "kl_old.estimator"},
	{"tis", "tis.kind"},
	{"tis_cmax", "tis.max"},
	{"tis_cmin", "tis.min"},
	{"tis_norm", "tis.normalise"},
	{"ent_coef", "entropy.coef"},
	{"ent_agg", "entropy.aggregate"},
	{"ratio", "covariance.fraction"},
	{"lb", "covariance.low"},
	{"ub", "covariance.high"},
	{"k", "covariance.fraction"},
	{"coef", "covariance.coef"},
	{"penalty", "covariance.penalty"},
	{"alpha", "entropy.coef"},
	{"tau", "sample.temperature"},
};
#define N_KEYS (sizeof config_key / sizeof *config_key)

static const char *option_of(const char *key, struct ebb_err *err)
{
	struct ebb_near near;
	char word[SHOWN];

	ebb_near_init(&near, key);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(config_key[i].key, key) == 0)
			return config_key[i].option;
		ebb_near_offer(&near, config_key[i].key);
	}
	ebb_oracle_show(word, key);
	if (near.best)
		ebb_err_set(err, EBB_EFORMAT, "unknown key '%s'; did you mean '%s'?", word,
			    near.best);
	else
		ebb_err_set(err, EBB_EFORMAT,
			    "unknown key '%s'; the keys are those of ebb oracle "
			    "--help",
			    word);
	return NULL;
}

static int set_key(struct ebb_options *o, const char *key, const json_t *v, struct ebb_err *err)
{
	static const struct ebb_catalog none = {0};
	const char *name = option_of(key, err), *s = json_string_value(v), *wants = NULL;
	const struct ebb_option *row = name ? ebb_option_find(&none, NULL, name) : NULL;
	struct ebb_buf text = EBB_BUF_INIT;
	int rc;

	if (!name)
		return err->code;
	if (!row)
		EBB_BUG("no option '%s'", name);
	if (row->type == EBB_TYPE_ENUM && !s)
		wants = "a string";
	if (row->type == EBB_TYPE_BOOL && !json_is_boolean(v))
		wants = "true or false";
	if (row->type == EBB_TYPE_F64 && !json_is_number(v) && !(s && strcmp(s, "inf") == 0))
		wants = "a number";
	if (wants)
		return ebb_err_set(err, EBB_EFORMAT, "%s: is %s, not %s", key, ebb_oracle_kind(v),
				   wants);
	if (json_is_boolean(v))
		ebb_buf_puts(&text, json_is_true(v) ? "true" : "false");
	else if (json_is_number(v))
		ebb_buf_double(&text, json_number_value(v));
	else /* the file's word for a switched-off weight is none */
		ebb_buf_puts(&text, strcmp(key, "tis") == 0 && strcmp(s, "none") == 0 ? "off" : s);
	rc = ebb_option_set(o, row, text.data, err);
	ebb_buf_release(&text);
	return rc == 0 ? 0 : ebb_err_wrap(err, "%s", key);
}

#define EBB_WORD(name, text) text,
static const char *const token_loss[] = {EBB_CHOICES_token_loss(EBB_WORD)};
#undef EBB_WORD
#define EBB_NAME(name, text) name,
enum { EBB_CHOICES_token_loss(EBB_NAME) N_TOKEN_LOSSES };
#undef EBB_NAME

/* The losses of EI 2.7, 2.8, 4.7 and 7.1 by their names: each a mean over tokens; the last two have
 * no policy term. Other words are values of loss.policy. */
static bool set_token_loss(struct ebb_options *o, const char *word)
{
	int i = 0;

	while (i < N_TOKEN_LOSSES && !(word && strcmp(token_loss[i], word) == 0))
		i++;
	if (i == N_TOKEN_LOSSES)
		return false;
	o->loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
	o->loss.policy = i == TOKEN_LOSS_CLIP_COV ? EBB_POLICY_CLIP_COV
			 : i == TOKEN_LOSS_KL_COV ? EBB_POLICY_KL_COV
						  : EBB_POLICY_NONE;
	if (i == TOKEN_LOSS_IBRO)
		o->entropy.form = EBB_FORM_TIMES_ADVANTAGE;
	if (i == TOKEN_LOSS_EM)
		o->entropy.form = EBB_FORM_MINIMISE;
	if (i == TOKEN_LOSS_EM)
		o->entropy.coef = 1.0;
	return true;
}

int ebb_oracle_read_config(struct ebb_options *o, json_t *config, const struct ebb_oracle_set *d,
			   struct ebb_err *err)
{
	static const struct ebb_catalog none = {0};
	const char *key;
	json_t *v;
	bool named;

	ebb_options_init(o, &none);
	o->entropy.aggregate = EBB_ENTROPY_LOSS;
	if (config && !json_is_object(config))
		return ebb_err_set(err, EBB_EFORMAT, "is %s, not an object",
				   ebb_oracle_kind(config));
	/* first, because it sets what other keys may change */
	named = set_token_loss(o, json_string_value(json_object_get(config, "algo")));
	json_object_foreach(config, key, v)
	{
		if ((named && strcmp(key, "algo") == 0) || strcmp(key, EBB_ORACLE_ON_POLICY) == 0)
			continue;
		if (set_key(o, key, v, err) != 0)
			return err->code;
	}
	if (o->kl.place == EBB_KL_LOSS && o->kl.estimator == EBB_KL_FULL)
		return ebb_err_set(err, EBB_EFORMAT,
				   "kl_est: 'full' sums over the vocabulary, which "
				   "a dataset does not hold; give k1, k2, k3 or "
				   "another estimator of drawn tokens");
	if (o->kl.place == EBB_KL_LOSS && !d->has_ref)
		return ebb_err_set(err, EBB_EFORMAT, "kl_place: the dataset has no 'logp_ref'");
	if (o->tis.kind != EBB_TIS_OFF && !d->has_roll)
		return ebb_err_set(err, EBB_EFORMAT, "tis: the dataset has no 'logp_roll'");
	if (o->tis.kind != EBB_TIS_OFF && o->tis.min > o->tis.max)
		return ebb_err_set(err, EBB_EFORMAT, "tis_cmin: %g is above tis_cmax, %g",
				   o->tis.min, o->tis.max);
	if (o->entropy.coef > 0.0 && !d->has_entropy)
		return ebb_err_set(err, EBB_EFORMAT, "ent_coef: the dataset has no 'entropy'");
	if (o->loss.aggregate == EBB_AGGREGATE_GROUP_MEAN_TOKEN_MEAN && !d->has_group)
		return ebb_err_set(err, EBB_EFORMAT, "agg: the dataset has no 'group'");
	return 0;
}

int ebb_oracle_read_reals(json_t *object, const char *key, const struct ebb_oracle_set *d,
			  double *to, struct ebb_err *err)
{
	return read_key(object, key, &d->batch, REALS, to, NULL, err);
}

void ebb_oracle_config_help(struct ebb_buf *out)
{
	for (size_t i = 0; i < N_KEYS; i++)
		ebb_buf_printf(out, "  %-13s %s\n", config_key[i].key, config_key[i].option);
	ebb_buf_puts(out, "\nalgo may also be");
	for (int i = 0; i < N_TOKEN_LOSSES; i++)
		ebb_buf_printf(out, "%s %s", i ? "," : "", token_loss[i]);
	ebb_buf_puts(out,
		     ": the losses of EI 2.7, 2.8, 4.7 and 7.1, a mean\n"
		     "over tokens. A dataset's keys (R, T) stand in the place of Clip-Cov's random "
		     "numbers;\n" EBB_ORACLE_ON_POLICY "=true takes logp_new for logp_old.\n");
}
