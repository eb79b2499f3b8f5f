#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"

void options_default(struct ebb_options *o)
{
	memset(o, 0, sizeof *o);
#define EBB_GROUP(group, about)
#define EBB_END(group)
#define EBB_STR(group, name, value, ...)  snprintf(o->group.name, sizeof o->group.name, "%s", value);
#define EBB_INT(group, name, value, ...)  o->group.name = value;
#define EBB_F64(group, name, value, ...)  o->group.name = value;
#define EBB_BOOL(group, name, value, ...) o->group.name = value;
#define EBB_ENUM(group, name, value, ...) o->group.name = EBB_##value;
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_END
#undef EBB_STR
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_ENUM
}

static double *reals(size_t n)
{
	return ebb_xcalloc(n, sizeof(double));
}

void bench_init(struct bench *k, int R, int T, int n_groups)
{
	const size_t n = (size_t)R * T;

	memset(k, 0, sizeof *k);
	options_default(&k->o);
	k->R = R;
	k->T = T;
	k->group = ebb_xcalloc(R, sizeof *k->group);
	k->length = ebb_xcalloc(R, sizeof *k->length);
	k->row = ebb_xcalloc(R, sizeof *k->row);
	k->mask = ebb_xcalloc(n, 1);
	k->truncated = ebb_xcalloc(R, sizeof *k->truncated);
	k->reward = reals(R);
	k->info = reals(R);
	k->baseline = reals(n_groups);
	k->shaped = reals(R);
	k->logp = reals(n);
	k->old = reals(n);
	k->roll = reals(n);
	k->ref = reals(n);
	k->A = reals(n);
	k->entropy = reals(n);
	k->kl = reals(n);
	k->drawn_entropy = reals(n);
	k->w_logp = reals(n);
	k->w_entropy = reals(n);
	k->w_kl = reals(n);
	k->value = reals(n);
	k->value_drawn = reals(n);
	k->value_end = reals(R);
	k->target = reals(n);
	k->w_value = reals(n);
	for (int i = 0; i < R; i++)
		k->row[i] = i;
	k->b = (struct ebb_batch){
		.R = R,
		.T = T,
		.n_groups = n_groups,
		.group = k->group,
		.mask = k->mask,
		.length = k->length,
		.truncated = k->truncated,
		.reward = k->reward,
		.old = k->old,
		.roll = k->roll,
		.ref = k->ref,
		.entropy = k->drawn_entropy,
		.info = k->info,
		.baseline = k->baseline,
		.value = k->value_drawn,
		.value_end = k->value_end,
		.target = k->target,
		.shaped = k->shaped,
		.advantage = k->A,
	};
	k->mb = (struct ebb_minibatch){
		.o = &k->o,
		.batch = &k->b,
		.row = k->row,
		.n = R,
		.stride = T,
		.limit = T,
		.logp = k->logp,
		.entropy = k->entropy,
		.kl = k->kl,
		.w_logp = k->w_logp,
		.w_entropy = k->w_entropy,
		.w_kl = k->w_kl,
		.w_value = k->w_value,
	};
}

void bench_release(struct bench *k)
{
	void *all[] = {k->group,       k->length,    k->row,       k->mask,    k->truncated,
		       k->reward,      k->info,      k->baseline,  k->shaped,  k->logp,
		       k->old,         k->roll,      k->ref,       k->A,       k->entropy,
		       k->kl,          k->w_logp,    k->w_entropy, k->w_kl,    k->value,
		       k->value_drawn, k->value_end, k->target,    k->w_value, k->drawn_entropy};

	ebb_weigh_release(&k->mb);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
}

void bench_random(struct bench *k, int R, int T, int G, uint32_t seed)
{
	struct ebb_rng r = {.draw = {.seed = seed, .stream = EBB_STREAM_TEST}};

	bench_init(k, R, T, (R + G - 1) / G);
	for (int i = 0; i < R; i++) {
		k->group[i] = i / G;
		k->length[i] = i == 3 ? 0 : 1 + (int)ebb_rng_below(&r, (uint32_t)T);
		k->reward[i] = ebb_rng_below(&r, 2);
		k->info[i] = -3.0 * ebb_rng_uniform(&r);
		for (int t = 0; t < T; t++) {
			const size_t at = (size_t)i * T + t;

			k->mask[at] = t < k->length[i];
			k->old[at] = -3.0 * ebb_rng_uniform(&r);
			k->logp[at] = k->old[at] + 0.6 * (ebb_rng_uniform(&r) - 0.5);
			k->roll[at] = k->old[at] + 0.4 * (ebb_rng_uniform(&r) - 0.5);
			k->ref[at] = k->old[at] + 2.0 * (ebb_rng_uniform(&r) - 0.5);
			k->A[at] = 2.0 * (ebb_rng_uniform(&r) - 0.5);
			k->entropy[at] = 2.0 * ebb_rng_uniform(&r);
			k->kl[at] = ebb_rng_uniform(&r);
			k->drawn_entropy[at] = 2.0 * ebb_uniform(&r.draw, 1u << 20 | (uint32_t)at);
			if (!k->mask[at])
				k->A[at] = 0.0;
		}
	}
}

void bench_weigh(struct bench *k, int cut)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_needs needs;

	ebb_objective_needs(&k->o, &needs);
	k->mb.entropy_coef = k->o.entropy.coef;
	k->mb.value = needs.critic ? k->value : NULL;
	cr_assert_eq(ebb_weigh_begin(&k->mb, &err), 0, "%s", err.text);
	if (needs.batch_scope)
		ebb_weigh_select(&k->mb);
	for (int i = 0; i<k->mb.n; i += cut> 0 ? cut : k->mb.n) {
		const int left = k->mb.n - i;

		ebb_weigh_rows(&k->mb, i, cut > 0 && cut < left ? cut : left);
	}
	ebb_weigh_finish(&k->mb, &k->s);
}

double bench_loss(struct bench *k)
{
	bench_weigh(k, 0);
	return k->s.loss;
}

json_t *golden_load(const char *file)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	json_error_t e;
	char path[4096];
	json_t *j;

	snprintf(path, sizeof path, "%s/tests/golden/%s", root ? root : ".", file);
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	cr_assert_not_null(j, "%s:%d: %s", path, e.line, e.text);
	return j;
}

json_t *golden_get(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	cr_assert_not_null(v, "golden file lacks '%s'", key);
	return v;
}

double golden_real(const json_t *value)
{
	if (json_is_string(value)) {
		cr_assert_str_eq(json_string_value(value), "-inf");
		return -INFINITY;
	}
	cr_assert(json_is_number(value));
	return json_number_value(value);
}

void golden_vector(json_t *value, int n, double *to)
{
	cr_assert_eq(json_array_size(value), (size_t)n);
	for (int i = 0; i < n; i++)
		to[i] = golden_real(json_array_get(value, i));
}

void golden_matrix(json_t *value, int R, int T, double *to)
{
	cr_assert_eq(json_array_size(value), (size_t)R);
	for (int i = 0; i < R; i++)
		golden_vector(json_array_get(value, i), T, to + (size_t)i * T);
}

void golden_dataset(struct bench *k, json_t *d)
{
	const int R = (int)json_integer_value(golden_get(d, "R"));
	const int T = (int)json_integer_value(golden_get(d, "T"));
	double *x = reals((size_t)R * T);
	int n_groups = 0;

	golden_vector(golden_get(d, "group"), R, x);
	for (int i = 0; i < R; i++)
		n_groups = (int)x[i] >= n_groups ? (int)x[i] + 1 : n_groups;
	bench_init(k, R, T, n_groups);
	for (int i = 0; i < R; i++)
		k->group[i] = (int)x[i];
	golden_vector(golden_get(d, "length"), R, x);
	for (int i = 0; i < R; i++)
		k->length[i] = (int)x[i];
	golden_matrix(golden_get(d, "mask"), R, T, x);
	for (int i = 0; i < R * T; i++)
		k->mask[i] = x[i] != 0.0;
	golden_vector(golden_get(d, "reward"), R, k->reward);
	golden_matrix(golden_get(d, "logp_new"), R, T, k->logp);
	golden_matrix(golden_get(d, "logp_old"), R, T, k->old);
	golden_matrix(golden_get(d, "logp_ref"), R, T, k->ref);
	golden_matrix(golden_get(d, "logp_roll"), R, T, k->roll);
	golden_matrix(golden_get(d, "entropy"), R, T, k->entropy);
	for (int i = 0; i < R * T; i++)
		if (!k->mask[i])
			k->logp[i] = k->old[i] = k->ref[i] = k->roll[i] = k->entropy[i] = k->kl[i] =
				NAN;
	free(x);
}

#define TEXT(name, text)  text,
#define FIND(list, value) find((const char *const[]){list(TEXT) NULL}, value)

static int find(const char *const *texts, const char *value)
{
	for (int i = 0; texts[i]; i++)
		if (strcmp(texts[i], value) == 0)
			return i;
	cr_assert_fail("no choice is called '%s'", value);
	return -1;
}

void golden_config(struct ebb_options *o, json_t *config)
{
	const char *key;
	json_t *v;

	o->entropy.aggregate = EBB_ENTROPY_LOSS; /* of the file */
	json_object_foreach(config, key, v)
	{
		const char *s = json_string_value(v);
		const double x = json_number_value(v);

		if (!strcmp(key, "algo"))
			o->loss.policy = FIND(EBB_CHOICES_loss_policy, s);
		else if (!strcmp(key, "ratio_level"))
			o->ratio.level = FIND(EBB_CHOICES_ratio_level, s);
		else if (!strcmp(key, "eps_low"))
			o->clip.low = x;
		else if (!strcmp(key, "eps_high"))
			o->clip.high = x;
		else if (!strcmp(key, "dual_c"))
			o->clip.dual = x;
		else if (!strcmp(key, "log_clamp"))
			o->ratio.log_clamp = x;
		else if (!strcmp(key, "agg"))
			o->loss.aggregate = FIND(EBB_CHOICES_loss_aggregate, s);
		else if (!strcmp(key, "agg_const"))
			o->loss.constant = x;
		else if (!strcmp(key, "seq_den"))
			o->loss.seq_den = FIND(EBB_CHOICES_loss_seq_den, s);
		else if (!strcmp(key, "kl_place"))
			o->kl.place = FIND(EBB_CHOICES_kl_place, s);
		else if (!strcmp(key, "kl_est"))
			o->kl.estimator = FIND(EBB_CHOICES_kl_estimator, s);
		else if (!strcmp(key, "kl_coef"))
			o->kl.coef = x;
		else if (!strcmp(key, "kl_reward_group"))
			o->kl.reward_group = FIND(EBB_CHOICES_kl_reward_group, s);
		else if (!strcmp(key, "kl_log_clamp"))
			o->kl.log_clamp = x;
		else if (!strcmp(key, "tis"))
			o->tis.kind = strcmp(s, "none") ? FIND(EBB_CHOICES_tis_kind, s) : 0;
		else if (!strcmp(key, "tis_cmax"))
			o->tis.max = x;
		else if (!strcmp(key, "tis_cmin"))
			o->tis.min = x;
		else if (!strcmp(key, "tis_norm"))
			o->tis.normalise = json_is_true(v);
		else if (!strcmp(key, "ent_coef"))
			o->entropy.coef = x;
		else if (!strcmp(key, "ent_agg"))
			o->entropy.aggregate = FIND(EBB_CHOICES_entropy_aggregate, s);
		else if (!strcmp(key, "logp_floor"))
			o->ratio.logp_floor = x;
		else if (!strcmp(key, "kl_old_coef"))
			o->kl_old.coef = x;
		else if (!strcmp(key, "kl_old_est"))
			o->kl_old.estimator = FIND(EBB_CHOICES_kl_old_estimator, s);
		else if (!strcmp(key, "center"))
			o->advantage.center = FIND(EBB_CHOICES_advantage_center, s);
		else if (!strcmp(key, "scale"))
			o->advantage.scale = FIND(EBB_CHOICES_advantage_scale, s);
		else if (!strcmp(key, "std_ddof"))
			o->advantage.std_ddof = (int64_t)x;
		else if (!strcmp(key, "std_eps"))
			o->advantage.std_eps = x;
		else if (!strcmp(key, "singleton"))
			o->advantage.singleton = FIND(EBB_CHOICES_advantage_singleton, s);
		else if (!strcmp(key, "gamma"))
			o->advantage.discount = x;
		else if (!strcmp(key, "lam"))
			o->advantage.lambda = x;
		else if (strcmp(key, "ref_rewards") && strcmp(key, "reward_to_go") &&
			 strcmp(key, "whiten"))
			cr_assert_fail("no test maps the golden key '%s'", key);
	}
}

bool golden_metric(const struct ebb_weigh_stats *s, const char *name, double *value)
{
	const struct {
		const char *name;
		double value;
	} all[] = {
		{"n_tokens", s->n_tokens},
		{"clip_frac_low", s->clip_low},
		{"clip_frac_high", s->clip_high},
		{"clip_frac_dual", s->clip_dual},
		{"ratio_mean", s->ratio_mean},
		{"ratio_max", s->ratio_max},
		{"ratio_min", s->ratio_min},
		{"kl_old_k1", s->ppo_kl},
		{"kl_old_k3", s->ppo_kl_k3},
		{"kl_ref_k1", s->kl_ref_k1},
		{"kl_ref_k3", s->kl_ref_k3},
		{"log_ratio_clamped", s->log_ratio_clamped},
		{"logp_floored", s->logp_floored},
		{"pg_loss", s->pg_loss},
		{"kl_loss", s->kl_loss},
		{"entropy_mean", s->entropy_mean},
		{"neg_logp_mean", s->neg_logp_mean},
		{"adv_zero_frac", s->adv_zero_frac},
		{"tis_mean", s->tis_mean},
		{"tis_max", s->tis_max},
		{"tis_ess_frac", s->tis_ess},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].name, name) == 0) {
			*value = all[i].value;
			return true;
		}
	return false;
}

void expect_near(double got, double want, double abs, double rel, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (isnan(want) && isnan(got))
		return;
	cr_expect(got == want || fabs(got - want) <= abs + rel * fabs(want),
		  "%s: got %.17g, want %.17g, off by %.3g", what, got, want, got - want);
}

void head_forward(struct head *h, const double *z, int V, double tau)
{
	double max = -INFINITY, sum = 0.0;

	cr_assert_leq(V, 64);
	h->V = V;
	h->tau = tau;
	h->H = 0.0;
	for (int j = 0; j < V; j++)
		max = fmax(max, z[j] / tau);
	for (int j = 0; j < V; j++)
		sum += ebb_exp(z[j] / tau - max);
	for (int j = 0; j < V; j++) {
		h->log_p[j] = z[j] / tau - max - ebb_log(sum);
		h->p[j] = ebb_exp(h->log_p[j]);
		if (h->p[j] > 0.0)
			h->H -= h->p[j] * h->log_p[j];
	}
}

void head_backward(const struct head *h, int token, double w_logp, double w_entropy, double *dz)
{
	for (int j = 0; j < h->V; j++) {
		dz[j] = w_logp * ((j == token) - h->p[j]);
		if (h->p[j] > 0.0)
			dz[j] -= w_entropy * h->p[j] * (h->log_p[j] + h->H);
		dz[j] /= h->tau;
	}
}
