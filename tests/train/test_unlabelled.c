/* Trials without labels, the answer inside the loss, few prompts, and the probes of an evaluation. */
#include "fixture.h"

/* With one prompt every row of every batch asks the same; with two, both do. */
Test(train, chosen_prompts_fill_every_batch)
{
	for (int prompts = 1; prompts <= 2; prompts++)
		for (int select = 0; select < 2; select++) {
			char *text = ebb_xprintf("em.prompts=%d em.candidates=8 em.samples=4 %s",
						 prompts, select ? "em.select=pass_variance" : "");
			struct ebb_options o = options_of(text);
			struct ebb_run run = run_of(&o, select ? "chosen" : "first");
			struct ebb_array token = read_array(&run, "snapshot/token"),
					 start = read_array(&run, "snapshot/start");
			const int64_t width = token.dim[2], G = 4, rows = token.dim[1];
			int same = 0;

			cr_assert(token.dim[0] == 2 && rows == 16);
			for (int64_t i = 0; i < 2 * rows; i++) { /* steps 0 and 2 */
				int64_t as = i % rows / G % prompts * G;
				size_t n = (size_t)start.value[i];

				cr_assert_eq(start.value[as], start.value[i]);
				cr_assert_eq(memcmp(token.value + i * width,
						    token.value + as * width,
						    n * sizeof *token.value),
					     0, "%s: row %d", text, (int)i);
			}
			same = memcmp(token.value, token.value + G * width, 8 * sizeof(double)) ==
			       0;
			cr_assert_eq(same, prompts == 1, "%s", text);
			ebb_array_release(&start);
			ebb_array_release(&token);
			ebb_run_release(&run);
			free(text);
		}
}

static double first_of(const struct ebb_run *run, const char *name)
{
	struct ebb_array a = read_array(run, name);
	double x = a.value[0];

	ebb_array_release(&a);
	return x;
}

/* What the loss calls entropy is that of the states it says, at the temperature it says. */
Test(train, entropy_that_is_minimised)
{
	static const char base[] = "loss.policy=none entropy.form=minimise entropy.coef=1 "
				   "train.minibatches=1";
	static const char *const more[] = {"", "em.temperature=0.5", "em.mask=reference"};
	double loss[3], entropy = 0, all = 0, first = 0, n = 0, rows = 0;

	for (int i = 0; i < 3; i++) {
		char *text = ebb_xprintf("%s %s", base, more[i]), *name = ebb_xprintf("em%d", i);
		struct ebb_options o = options_of(text);
		struct ebb_run run = run_of(&o, name);
		struct ebb_array h = read_array(&run, "snapshot/entropy");

		loss[i] = first_of(&run, "em/loss");
		cr_assert_float_eq(first_of(&run, "actor/loss"), loss[i], 1e-12);
		cr_assert_eq(isnan(first_of(&run, "rollout/ratio_max_dev")), i > 0, "%s", text);
		cr_assert_eq(isnan(first_of(&run, "ratio/mean")), i > 0, "%s", text);
		entropy = first_of(&run, "actor/entropy");
		for (int64_t r = 0; r < h.dim[1] && i == 0; r++)
			for (int64_t t = 0; t < h.dim[2]; t++) {
				const double x = h.value[r * h.dim[2] + t];

				if (isnan(x))
					break;
				all += x;
				n++;
				first += t == 0 ? x : 0;
				rows += t == 0;
			}
		ebb_array_release(&h);
		ebb_run_release(&run);
		free(name);
		free(text);
	}
	cr_assert_float_eq(loss[0], entropy, 1e-6);
	cr_assert_lt(loss[1], loss[0] - 0.05, "colder is surer: %g, %g", loss[1], loss[0]);
	/* one state later each: the first state is left out, those after the end come in */
	all = loss[2] * n - (all - first);
	cr_assert(all > 0 && all < rows * log(24) + 1e-5, "%g nats after %g responses", all, rows);
}

/* On-policy, the answer term is what the reward's pass measured, whatever the condition. */
Test(train, the_answer_in_the_loss_is_the_answer_of_the_reward)
{
	static const char *const more[] = {"", "info.condition=r_only", "info.cut=full_response",
					   "info.close=true",
					   "info.norm=geo_prob task.name=countdown"};

	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		char *text = ebb_xprintf("info.coef=0.25 info.grad=direct train.minibatches=1 %s",
					 more[i]);
		char *name = ebb_xprintf("direct%zu", i);
		struct ebb_options o = options_of(text), p;
		struct ebb_run run = run_of(&o, name), both;
		const double rho = first_of(&run, "reward/info_mean");

		cr_assert_float_eq(first_of(&run, "actor/info_loss"), -0.25 * rho, 1e-9 * fabs(rho),
				   "%s", text);
		cr_assert(isnan(first_of(&run, "advantage/info_share")), "%s", text);
		p = o;
		p.info.grad = EBB_INFO_BOTH;
		free(name);
		name = ebb_xprintf("both%zu", i);
		both = run_of(&p, name);
		cr_assert_eq(first_of(&both, "reward/info_mean"), rho);
		cr_assert_eq(first_of(&both, "actor/info_loss"), first_of(&run, "actor/info_loss"));
		/* where the response is the answer there is no chain, and a group agrees on rho */
		cr_assert_eq(isnan(first_of(&both, "advantage/info_share")),
			     strstr(text, "countdown") != NULL, "%s", text);
		ebb_run_release(&both);
		ebb_run_release(&run);
		free(name);
		free(text);
	}
}

/* Without its own reward the answer term alone must raise the likelihood of answers. */
Test(train, the_answer_term_teaches_answers)
{
	struct ebb_options o = options_of("info.coef=1 info.external=0 info.grad=direct "
					  "train.steps=30 train.lr=0.01 eval.cadence=0");
	struct ebb_run run = run_of(&o, "teaches");
	struct ebb_array rho = read_array(&run, "reward/info_mean");
	double early = 0, late = 0;

	for (int i = 0; i < 5; i++) {
		early += rho.value[i] / 5;
		late += rho.value[rho.dim[0] - 1 - i] / 5;
	}
	cr_assert_gt(late, early + 0.1, "%g, %g", early, late);
	ebb_array_release(&rho);
	ebb_run_release(&run);
}

/* The curve of rewards stays the verifier's; the policy is paid for agreement. */
Test(train, clusters_pay_and_the_verifier_is_only_measured)
{
	struct ebb_options o = options_of("reward.source=cluster"), p = options_of("");
	struct ebb_run paid = run_of(&o, "paid"), plain = run_of(&p, "plain");

	cr_assert_eq(first_of(&paid, "reward/mean"), first_of(&plain, "reward/mean"));
	cr_assert_eq(first_of(&paid, "empo/entropy"), first_of(&plain, "empo/entropy"));
	cr_assert_eq(first_of(&paid, "empo/majority_accuracy"),
		     first_of(&plain, "empo/majority_accuracy"));
	cr_assert_neq(first_of(&paid, "reward/shaped_mean"),
		      first_of(&plain, "reward/shaped_mean"));
	cr_assert(isnan(first_of(&plain, "empo/low_frac")));
	cr_assert(isfinite(first_of(&paid, "empo/low_frac")));
	cr_assert(isnan(first_of(&paid, "group/degenerate_pred")));
	ebb_run_release(&paid);
	ebb_run_release(&plain);
}

/* Probes of an evaluation: same uniforms, so the same temperature is the same accuracy; and what is
 * measured besides changes nothing else. */
Test(train, further_temperatures_and_chains)
{
	struct ebb_options o = options_of("eval.samples=4 eval.chains=6"), p;
	struct ebb_run run, plain;
	struct ebb_array at, accuracy, greedy, pass, hot, info;
	struct ebb_err err = EBB_ERR_INIT;

	p = options_of("eval.samples=4");
	plain = run_of(&p, "cold");
	snprintf(o.eval.temperatures, sizeof o.eval.temperatures, "0 0.5 1 20");
	run = run_of(&o, "hot");
	at = read_array(&run, "eval/accuracy_at_temperature");
	accuracy = read_array(&run, "eval/accuracy");
	greedy = read_array(&run, "eval/greedy_accuracy");
	pass = read_array(&run, "pass@1");
	hot = read_array(&run, "accuracy@20");
	info = read_array(&run, "eval/info_qr");
	cr_assert(at.rank == 2 && at.dim[0] == 3 && at.dim[1] == 4);
	for (int e = 0; e < 3; e++) {
		cr_expect_eq(at.value[4 * e], greedy.value[e]);
		cr_expect_eq(at.value[4 * e + 2], accuracy.value[e]);
		cr_expect_eq(at.value[4 * e + 3], hot.value[e]);
		cr_expect_float_eq(pass.value[e], accuracy.value[e], 1e-12);
		cr_expect_eq(pass.x[e], accuracy.x[e]);
		cr_expect(info.value[e] > -0.5 && info.value[e] <= log(6) + 1e-9, "%g",
			  info.value[e]);
	}
	ebb_array_release(&hot);
	cr_assert_eq(ebb_run_read(&run, 0, 0, "accuracy@0.75", &hot, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "eval.temperatures"), "%s", err.text);
	cr_assert_eq(ebb_run_read(&run, 0, 0, "pass@8", &hot, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "eval.samples=4"), "%s", err.text);
	cr_assert_eq(ebb_run_read(&plain, 0, 0, "accuracy@1", &hot, &err), EBB_ENOENT);
	ebb_array_release(&info);
	info = read_array(&plain, "eval/info_qr");
	cr_assert(isnan(info.value[0]));
	ebb_array_release(&at);
	ebb_array_release(&accuracy);
	ebb_array_release(&greedy);
	ebb_array_release(&pass);
	ebb_array_release(&info);
	ebb_run_release(&plain);
	ebb_run_release(&run);
}

Test(determinism, probes_change_nothing_else)
{
	struct ebb_options o = options_of(""), p = options_of("eval.chains=5");
	struct ebb_run plain = run_of(&o, "without"), probed;
	struct ebb_array a, b;
	struct ebb_err err = EBB_ERR_INIT;
	int n = 0, compared = 0;
	char **name;

	snprintf(p.eval.temperatures, sizeof p.eval.temperatures, "0.5 2");
	probed = run_of(&p, "with");
	cr_assert_eq(ebb_run_names(&plain, 0, 0, &name, &n, &err), 0, "%s", err.text);
	for (int i = 0; i < n; i++) {
		if (strncmp(name[i], "timing_s/", 9) != 0 && strncmp(name[i], "perf/", 5) != 0 &&
		    strcmp(name[i], "eval/info_qr") != 0) {
			a = read_array(&plain, name[i]);
			b = read_array(&probed, name[i]);
			cr_assert_eq(memcmp(a.value, b.value, cells(&a) * sizeof *a.value), 0, "%s",
				     name[i]);
			ebb_array_release(&a);
			ebb_array_release(&b);
			compared++;
		}
		free(name[i]);
	}
	free(name);
	cr_assert_gt(compared, 60);
	ebb_run_release(&plain);
	ebb_run_release(&probed);
}

Test(determinism, threads_change_no_byte_of_the_unlabelled)
{
	static const char *const variant[] = {
		"train.prompts=8 reward.source=cluster info.coef=0.1 info.grad=both eval.chains=5",
		"train.prompts=8 loss.policy=none entropy.form=minimise entropy.coef=1 "
		"em.temperature=0.5 em.select=pass_variance em.prompts=2 em.mask=reference"};

	for (int i = 0; i < 2; i++) {
		struct ebb_options o = options_of(variant[i]), p = o;
		struct ebb_run one = run_of(&o, i ? "em_one" : "mix_one"), other;

		p.run.threads = 3;
		other = run_of(&p, i ? "em_three" : "mix_three");
		same_bytes(&one, &other, variant[i]);
		ebb_run_release(&other);
		ebb_run_release(&one);
	}
}

/* What em.mask shifts is the policy's loss: a separate critic learns the states that drew. */
Test(train, a_separate_critic_sees_the_states_that_drew)
{
	static const char base[] = "loss.policy=none entropy.form=minimise entropy.coef=1 "
				   "train.lr=0 critic.model=separate reward.source=random";
	struct ebb_options o = options_of(base), p = o;
	struct ebb_run aligned = run_of(&o, "aligned"), shifted;
	struct ebb_array x, y;

	p.em.mask = EBB_EM_REFERENCE;
	shifted = run_of(&p, "shifted");
	x = read_array(&aligned, "critic/loss");
	y = read_array(&shifted, "critic/loss");
	cr_assert(cells(&x) == 6 && cells(&y) == 6);
	for (int i = 0; i < 6; i++) {
		cr_expect_gt(x.value[i], 0);
		cr_expect_eq(x.value[i], y.value[i], "update %d", i);
	}
	ebb_array_release(&y);
	ebb_array_release(&x);
	ebb_run_release(&shifted);
	ebb_run_release(&aligned);
}
