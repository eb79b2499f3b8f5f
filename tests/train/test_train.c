/* The trial state machine with the real engine on a very small policy. */
#include "fixture.h"

Test(train, every_curve_has_its_rows_and_the_sampler_is_exact)
{
	struct ebb_options o = options_of("");
	struct ebb_run run = run_of(&o, "rows");
	struct ebb_array a = read_array(&run, "rollout/ratio_max_dev");

	cr_assert_eq(a.dim[0], 3);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(a.value[i], 0.0, "step %d: %g", i, a.value[i]);
		cr_assert_eq(a.x[i], i);
	}
	ebb_array_release(&a);
	a = read_array(&run, "actor/pg_loss");
	cr_assert_eq(a.dim[0], 6);
	ebb_array_release(&a);
	a = read_array(&run, "eval/outcome");
	cr_assert_eq(a.rank, 3);
	cr_assert(a.dim[0] == 3 && a.dim[1] == 8 && a.dim[2] == 2); /* steps 0, 2, 3 */
	cr_assert_eq(a.x[2], 3);
	ebb_array_release(&a);
	a = read_array(&run, "snapshot/token");
	cr_assert(a.dim[0] == 2 && a.dim[1] == 16);
	ebb_array_release(&a);
	a = read_array(&run, "actor/entropy");
	for (int i = 0; i < 3; i++)
		cr_assert(a.value[i] > 0 && a.value[i] < log(24));
	ebb_array_release(&a);
	a = read_array(&run, "clip_ratio/low_mean");
	cr_assert_eq(a.value[0], 0.0); /* the first update after a rollout clips nothing */
	ebb_array_release(&a);
	ebb_run_release(&run);
}

/* The marks of a snapshot are those of the updates that the curves tell of. */
static void check_marks(const char *more, const char *name, int epochs)
{
	char *text =
		ebb_xprintf("reward.source=random train.lr=0.05 train.epochs=%d %s", epochs, more);
	struct ebb_options o = options_of(text);
	struct ebb_run run = run_of(&o, name);
	struct ebb_array clip = read_array(&run, "snapshot/clip"),
			 logp = read_array(&run, "snapshot/logp"),
			 low = read_array(&run, "clip_ratio/low_mean"),
			 high = read_array(&run, "clip_ratio/high_mean");
	int64_t cells = clip.dim[1] * clip.dim[2], updates = low.dim[0] / 3, seen = 0;

	cr_assert_eq(clip.dim[0], 2); /* steps 0 and 2 */
	for (int64_t s = 0; s < 2; s++) {
		double n[4] = {0}, tokens = 0, least[2] = {1, 1}, most[2] = {0, 0};

		for (int64_t c = s * cells; c < (s + 1) * cells; c++) {
			cr_assert_eq(isnan(clip.value[c]), isnan(logp.value[c]));
			if (isnan(clip.value[c]))
				continue;
			tokens++;
			n[(int)clip.value[c]]++;
		}
		/* shares of the whole batch lie between those of the last pass over it */
		for (int64_t u = 2 * s * updates + updates - 2; u < (2 * s + 1) * updates; u++) {
			least[0] = fmin(least[0], low.value[u]);
			most[0] = fmax(most[0], low.value[u]);
			least[1] = fmin(least[1], high.value[u]);
			most[1] = fmax(most[1], high.value[u]);
		}
		for (int k = 0; k < 2; k++) {
			cr_assert_geq(n[k + 1] / tokens, least[k] - 1e-12, "%s, step %d", text,
				      (int)(2 * s));
			cr_assert_leq(n[k + 1] / tokens, most[k] + 1e-12, "%s, step %d", text,
				      (int)(2 * s));
		}
		seen += (int64_t)(n[1] + n[2]);
	}
	cr_assert_gt(seen, 0, "nothing was clipped: '%s' tests nothing", text);
	ebb_array_release(&clip);
	ebb_array_release(&logp);
	ebb_array_release(&low);
	ebb_array_release(&high);
	ebb_run_release(&run);
	free(text);
}

Test(train, a_snapshot_says_what_the_clip_did)
{
	check_marks("", "marks", 1);
	check_marks("", "marks2", 3);
	check_marks("ratio.level=sequence", "marks3", 2);
}

/* A bin is half a nat wide: mean and variance from the bins are those of the moments, nearly; and
 * threads change no bit. */
Test(train, a_snapshot_has_a_histogram_of_the_raw_logits)
{
	struct ebb_options o = options_of("run.threads=1"), p = options_of("run.threads=3");
	struct ebb_run one = run_of(&o, "bins1"), three = run_of(&p, "bins3");
	struct ebb_array a = read_array(&one, "snapshot/logit_histogram"),
			 b = read_array(&three, "snapshot/logit_histogram"),
			 mean = read_array(&one, "logits/mean"),
			 variance = read_array(&one, "logits/variance");

	cr_assert(a.dim[0] == 2 && a.dim[1] == EBB_LOGIT_BINS);
	cr_assert_arr_eq(a.value, b.value, 2 * EBB_LOGIT_BINS * sizeof *a.value);
	for (int s = 0; s < 2; s++) {
		double sum = 0, m = 0, v = 0, width = 2.0 * EBB_LOGIT_RANGE / EBB_LOGIT_BINS;

		for (int k = 0; k < EBB_LOGIT_BINS; k++) {
			double z = (k + 0.5) * width - EBB_LOGIT_RANGE;
			double share = a.value[s * EBB_LOGIT_BINS + k];

			sum += share;
			m += share * z;
			v += share * z * z;
		}
		cr_assert_float_eq(sum, 1, 1e-12);
		cr_assert_float_eq(m, mean.value[2 * s], width / 2);
		cr_assert_float_eq(v - m * m, variance.value[2 * s],
				   width * width / 4 + width * sqrt(variance.value[2 * s]));
	}
	ebb_array_release(&a);
	ebb_array_release(&b);
	ebb_array_release(&mean);
	ebb_array_release(&variance);
	ebb_run_release(&one);
	ebb_run_release(&three);
}

/* Each variant runs, stays finite and records; the names say which path they take. */
Test(train, every_path_of_the_machine_runs)
{
	static const char *const variant[] = {
		"dynamic.on=correct reward.scale=plus_minus_one",
		"dynamic.on=shaped dynamic.surplus=carry dynamic.max_rounds=2 reward.source=random",
		"reward.source=random dynamic.on=shaped",
		"info.coef=0.1 entropy.coef=0.01 gamma.kind=exp",
		"info.coef=0.1 info.norm=gain_mean info.combine=gated",
		"info.coef=0.1 dynamic.on=total",
		"kl.place=loss kl.coef=0.1 ref.every=1 ref.mix=0.5",
		"kl.place=loss kl.estimator=full kl.coef=0.1",
		"kl.place=reward kl.estimator=k1 kl.controller=adaptive",
		"advantage.center=static advantage.reference_samples=2 advantage.scale=none",
		"advantage.center=greedy advantage.scale=none",
		"advantage.center=critic critic.model=shared advantage.scale=whiten "
		"kl.place=reward kl.estimator=k1",
		"advantage.center=critic critic.model=separate advantage.scale=none "
		"critic.target=td0 critic.bootstrap=value info.coef=0.1 train.warmup=2",
		"critic.model=shared loss.policy=clip_cov covariance.low=-1 train.group=1 "
		"advantage.center=none advantage.scale=whiten",
		"advantage.center=static advantage.acc0=inject advantage.refresh=1 "
		"advantage.reference_samples=2 advantage.scale=none",
		"sample.mismatch=noise sample.noise=0.3 tis.kind=token-trunc",
		"sample.mismatch=stale sample.stale=1 tis.kind=seq-mask reward.source=random",
		"sample.top_p=0.9 sample.top_k=5 tis.kind=token-mask",
		"ratio.level=sequence loss.policy=clip train.epochs=2",
		"loss.policy=reinforce advantage.center=loo advantage.scale=none "
		"train.minibatches=1",
		"entropy.coef=0.05 entropy.grad=direct_plus_score gamma.kind=exp dynamic.on=correct",
		"entropy.coef=0.05 entropy.grad=score_only ratio.level=sequence entropy.control=anneal",
		"token.mask=top_entropy loss.policy=clip_cov train.epochs=2 reward.source=random",
		"token.mask=negative token.denominator=kept kl.place=loss reward.source=random",
		"loss.policy=cispo ratio.level=sequence_sum train.epochs=2 reward.source=random",
		"loss.policy=clip_cov covariance.scope=rollout_batch covariance.low=-9 train.epochs=2",
		"loss.policy=kl_cov covariance.kind=response_z covariance.response_source=logit",
		"loss.policy=kl_cov covariance.penalty=full covariance.fraction=0.2 train.epochs=2 "
		"sample.mismatch=stale reward.source=random",
		"loss.policy=kl_cov covariance.scope=rollout_batch dynamic.on=shaped "
		"dynamic.surplus=carry reward.source=random",
		"overlong.mode=filter sample.max_tokens=6",
		"loss.policy=preference preference.method=repo preference.c_ref=1 reward.source=random",
		"loss.policy=preference preference.refresh=0 entropy.coef=0.01 kl.place=loss "
		"kl.estimator=full reward.source=random",
		"loss.policy=preference advantage.center=greedy advantage.scale=none "
		"entropy.form=times_advantage entropy.coef=0.01 reward.source=random",
		"task.name=countdown",
		"reward.source=cluster cluster.low=0.05 cluster.high=0.85 dynamic.on=shaped",
		"reward.source=cluster cluster.reward=natural cluster.empty=joint "
		"ratio.level=sequence",
		"reward.source=cluster advantage.center=static advantage.reference_samples=3 "
		"task.name=countdown",
		"loss.policy=none entropy.form=minimise entropy.coef=1 em.temperature=0.5 "
		"em.select=pass_variance em.prompts=1 em.candidates=6 em.samples=3",
		"loss.policy=none entropy.form=minimise entropy.coef=1 em.mask=reference "
		"em.prompts=2",
		"info.coef=0.1 info.grad=direct info.condition=r_only info.close=true",
		"info.coef=0.1 info.grad=both info.cut=full_response task.name=countdown",
		"info.coef=0.1 info.grad=direct loss.policy=clip_cov covariance.fraction=0.05 "
		"kl.place=loss kl.estimator=full overlong.mode=filter train.epochs=2",
		"info.coef=0.1 info.norm=gain_mean info.condition=r_only",
		"eval.chains=4",
		"model.qkv_bias=true model.qk_norm=true model.kv_heads=1 model.tied=false",
		"task.preset=rare99 pretrain.from=main pretrain.steps=4 pretrain.warmup=0",
	};

	for (size_t i = 0; i < sizeof variant / sizeof *variant; i++) {
		struct ebb_options o = options_of(variant[i]);
		char *name = ebb_xprintf("variant%zu", i);
		struct ebb_run run = run_of(&o, name);
		struct ebb_array a = read_array(&run, "actor/entropy");

		cr_assert_eq(a.dim[0], 3, "%s", variant[i]);
		cr_assert(isfinite(a.value[2]), "%s", variant[i]);
		ebb_array_release(&a);
		a = read_array(&run, "rollout/ratio_max_dev");
		for (int s = 0; s < 3; s++) {
			/* a gap exists exactly where one was injected */
			if (strstr(variant[i], "noise") || strstr(variant[i], "top_p") ||
			    (strstr(variant[i], "stale") && s > 0))
				cr_assert(a.value[s] > 0 || isnan(a.value[s]), "%s", variant[i]);
			else
				cr_assert(a.value[s] == 0 || isnan(a.value[s]), "%s step %d: %g",
					  variant[i], s, a.value[s]);
		}
		ebb_array_release(&a);
		ebb_run_release(&run);
		free(name);
	}
}

Test(determinism, threads_and_instances_change_no_byte)
{
	struct ebb_options o = options_of("train.prompts=8 info.coef=0.1 entropy.coef=0.01"), p;
	struct ebb_run one = run_of(&o, "one"), other;
	struct ebb_err err;

	p = o;
	p.run.threads = 2;
	other = run_of(&p, "threads");
	same_bytes(&one, &other, "run.threads=2");
	ebb_run_release(&other);
	for (int isa = EBB_ISA_AVX512; isa <= EBB_ISA_SCALAR; isa++) {
		static const char *const name[] = {"auto", "avx512", "avx2", "scalar"};

		if (!ebb_cpu_ops(name[isa], &err)) {
			cr_log_warn("no %s here: skipped", name[isa]);
			continue;
		}
		p = o;
		p.run.isa = (enum ebb_run_isa)isa;
		other = run_of(&p, name[isa]);
		same_bytes(&one, &other, name[isa]);
		ebb_run_release(&other);
	}
	ebb_run_release(&one);
	o = options_of("train.prompts=8 entropy.coef=0.05 entropy.grad=score_only "
		       "token.mask=top_entropy loss.policy=cispo reward.source=random");
	one = run_of(&o, "score1");
	o.run.threads = 3;
	other = run_of(&o, "score3");
	same_bytes(&one, &other, "the score, a mask and the probe on run.threads=3");
	ebb_run_release(&other);
	ebb_run_release(&one);
}

/* A base made by one instance must be the base of all: clear the cache in between. */
Test(determinism, a_base_has_the_same_bytes_on_every_instance)
{
	static const char *const name[] = {"avx512", "avx2", "scalar"};
	struct ebb_options o = options_of("");
	float *first = NULL;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 3; i++) {
		char *base_dir = ebb_path_join(dir, name[i]);
		struct ebb_weights w = {0};
		struct ebb_lab lab;

		if (!ebb_cpu_ops(name[i], &err)) {
			free(base_dir);
			continue;
		}
		o.run.isa = (enum ebb_run_isa)(EBB_ISA_AVX512 + i);
		o.run.threads = 1 + i;
		cr_assert_eq(ebb_lab_open(&lab, &o, &err), 0, "%s", err.text);
		cr_assert_eq(ebb_weights_init(&w, &lab.layout, lab.ops, &err), 0);
		cr_assert_eq(ebb_base_get(&lab, base_dir, &w, NULL, &err), 0, "%s", err.text);
		if (!first) {
			first = ebb_xcalloc(lab.layout.n_floats, sizeof *first);
			memcpy(first, w.flat, lab.layout.n_floats * sizeof *first);
		}
		cr_assert_eq(memcmp(first, w.flat, lab.layout.n_floats * sizeof *first), 0, "%s",
			     name[i]);
		/* and the cached file gives it back */
		memset(w.flat, 0, lab.layout.n_floats * sizeof *w.flat);
		cr_assert_eq(ebb_base_get(&lab, base_dir, &w, NULL, &err), 0);
		cr_assert_eq(memcmp(first, w.flat, lab.layout.n_floats * sizeof *first), 0);
		ebb_weights_release(&w);
		ebb_lab_close(&lab);
		free(base_dir);
	}
	free(first);
}

/* GIPO without decay and without information reward is GRPO with the bonus, bit for bit: the preset's
 * row with the two switched off. */
Test(determinism, gipo_without_its_parts_is_the_plain_bonus)
{
	struct ebb_options o = options_of("entropy.coef=0.03 entropy.aggregate=seq-mean"), p;
	struct ebb_run one = run_of(&o, "bonus"), other;
	const struct ebb_preset *row;
	char *settings;
	int n, k = 0;

	row = ebb_preset_rows(&n);
	while (k < n && strcmp(row[k].name, "gipo") != 0)
		k++;
	cr_assert_lt(k, n);
	settings = ebb_xprintf("%s entropy.coef=0.03 gamma.kind=none info.coef=0 gamma.k=7",
			       row[k].settings);
	p = options_of(settings);
	other = run_of(&p, "gipo");
	same_bytes(&one, &other, "an inert setting");
	ebb_run_release(&one);
	ebb_run_release(&other);
	free(settings);
}
