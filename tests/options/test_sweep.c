/* Ranges and zips: the values of a sweep, and what they are refused for. */
#include "fixture.h"

#include <math.h>

static const char *axis_value(const struct ebb_arm *arm, const char *key)
{
	for (int i = 0; i < arm->n_axes; i++)
		if (strcmp(arm->axis[i].key, key) == 0)
			return arm->axis[i].value;
	return "(none)";
}

/* Do the arms, in order, take these values of key? */
static void expect_values(const struct reading *r, const char *key, const char *const *value)
{
	int n = 0;

	while (value[n])
		n++;
	cr_assert_eq(r->def.n_arms, n, "%d arms instead of %d", r->def.n_arms, n);
	for (int i = 0; i < n; i++)
		cr_expect_str_eq(axis_value(&r->def.arm[i], key), value[i]);
}

#define EXPECT_VALUES(r, key, ...) expect_values(r, key, (const char *const[]){__VA_ARGS__, NULL})

/* ---- ranges ---- */

Test(sweep, ranges_of_whole_numbers)
{
	static const char *const yaml[] = {"sweep: {train.group: 2..5}\n",
					   "sweep: {train: {group: [2, 3..5]}}\n",
					   "sweep: {train.group: [2..3, 4..4, 5]}\n",
					   "sweep: {train.group: {linear: [2, 5], step: 1}}\n",
					   "sweep: {train.group: linear:2..5:4}\n",
					   "train.group: 9\n"};
	struct reading r;

	for (int i = 0; i < 6; i++) {
		READ(&r, yaml[i], i < 5 ? NULL : "train.group=2..4,5");
		EXPECT_FINE(&r);
		EXPECT_VALUES(&r, "train.group", "2", "3", "4", "5");
		cr_expect_eq(r.def.arm[3].options.train.group, 5);
		done(&r);
	}
	READ_LINE(&r, "alpha=0..2");
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "entropy.coef", "0", "1", "2");
	done(&r);
	READ(&r, "seeds: [1, 4..6, 9]\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_seeds, 5);
	cr_expect_eq(r.def.seed[3], 6);
	done(&r);
	READ(&r, "sweep: {task.note: [1..2]}\n"); /* a text is a text */
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "task.note", "1..2");
	done(&r);
}

Test(sweep, log_and_linear_ranges)
{
	struct reading r;

	READ(&r, "sweep: {alpha: {log: [1e-4, 1e-1], n: 4}}\n");
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "entropy.coef", "0.0001", "0.001", "0.01", "0.1");
	done(&r);
	READ(&r, "sweep: {alpha: [0, {log: [0.001, 0.1], n: 5}]}\n");
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "entropy.coef", "0", "0.001", "0.00316227766017", "0.01",
		      "0.0316227766017", "0.1");
	done(&r);
	READ(&r, "sweep: {alpha: {linear: [0, 1], step: 0.25}}\n");
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "entropy.coef", "0", "0.25", "0.5", "0.75", "1");
	done(&r);
	READ(&r, "sweep: {beta: {linear: [-0.3, 0.6], n: 4}}\nalgorithm: gipo\n");
	cr_expect_eq(r.diag.n_errors, 1); /* of what beta means here, not of the range */
	cr_expect(found(&r, EBB_ERROR, 1, 15, "[0,1000]"));
	done(&r);
	READ_LINE(&r, "alpha=log:1e-4..1e-1:4", "clip.high=linear:0.1..0.4:4");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 16);
	cr_expect_str_eq(r.def.arm[6].label, "grpo alpha=0.001 eps_high=0.3");
	done(&r);
	READ(&r, "sweep: {train.group: {log: [2, 64], n: 6}}\n");
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "train.group", "2", "4", "8", "16", "32", "64");
	done(&r);
	READ(&r, "sweep: {train.group: {linear: [2, 9], n: 4}}\n"); /* 4.33, 6.67 */
	EXPECT_FINE(&r);
	EXPECT_VALUES(&r, "train.group", "2", "4", "7", "9");
	done(&r);
}

/* Ends are the numbers given; every text reads back to its own bits; values rise. */
Test(sweep, values_of_ranges_are_exact)
{
	static const struct {
		const char *text;
		double low, high;
		int n;
	} c[] = {{"log:3.3e-7..0.7:4096", 3.3e-7, 0.7, 4096},
		 {"linear:0.1..0.30000000000000004:3", 0.1, 0.30000000000000004, 3},
		 {"linear:1..1.0000000000001:5", 1, 1.0000000000001, 5},
		 {"log:1..1.0000000000001:4", 1, 1.0000000000001, 4},
		 {"linear:0..1000:4096", 0, 1000, 4096}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		char text[80];
		struct reading r;
		double last = -1;

		snprintf(text, sizeof text, "alpha=%s", c[i].text);
		READ_LINE(&r, text);
		EXPECT_FINE(&r);
		cr_assert_eq(r.def.n_arms, c[i].n);
		for (int a = 0; a < c[i].n; a++) {
			double x = r.def.arm[a].options.entropy.coef;

			cr_assert_gt(x, last);
			cr_assert_eq(strtod(axis_value(&r.def.arm[a], "entropy.coef"), NULL), x);
			last = x;
		}
		cr_expect_eq(r.def.arm[0].options.entropy.coef, c[i].low);
		cr_expect_eq(last, c[i].high);
		done(&r);
	}
}

Test(sweep, log_ranges_have_equal_factors)
{
	struct reading r;

	READ_LINE(&r, "alpha=log:2e-3..5:100");
	EXPECT_FINE(&r);
	for (int a = 0; a < 100; a++) {
		double wanted = 2e-3 * exp(a / 99.0 * log(5 / 2e-3));

		cr_expect_lt(fabs(r.def.arm[a].options.entropy.coef / wanted - 1), 1e-11);
	}
	done(&r);
}

Test(sweep, ranges_that_are_refused)
{
	static const struct {
		const char *yaml;
		int column;
		const char *part;
	} c[] = {{"alpha: {log: [0, 1], n: 3}", 23, "ends above 0"},
		 {"alpha: {log: [-1, 1], n: 3}", 23, "[0,1000]"},
		 {"alpha: {log: [1, 0.1], n: 3}", 23, "must rise: 1 is not below 0.1"},
		 {"alpha: {log: [1, 1], n: 3}", 23, "must rise"},
		 {"alpha: {log: [0.1, 1], n: 1}", 35, "[2,4096]"},
		 {"alpha: {log: [0.1, 1], n: 4097}", 35, "[2,4096], not '4097'"},
		 {"alpha: {log: [0.1, 1], n: 2.5}", 35, "whole number"},
		 {"alpha: {log: [0.1, 1]}", 16, "needs n"},
		 {"alpha: {log: [0.1, 1], step: 2}", 38, "step goes with linear"},
		 {"alpha: {linear: [0, 1], step: 0.3}", 39,
		  "the last value of 'entropy.coef' would be 0.9"},
		 {"alpha: {linear: [0, 1], step: 0}", 39, "above 0"},
		 {"alpha: {linear: [0, 1], step: 1e-9}", 39, "more than 4096"},
		 {"alpha: {linear: [0, 1], n: 3, step: 0.5}", 16, "n or step, one of them"},
		 {"alpha: {linear: [0, 1], log: [1, 2], n: 3}", 16, "log or linear"},
		 {"alpha: {liner: [0, 1], n: 3}", 17, "did you mean 'linear'"},
		 {"alpha: {n: 3}", 16, "log or linear"},
		 {"alpha: {log: [0.1, 1, 2], n: 3}", 22, "two ends"},
		 {"alpha: {log: 3, n: 3}", 22, "two ends"},
		 {"alpha: {log: [0.1, [1]], n: 3}", 28, "one value"},
		 {"alpha: {log: [0.1, x], n: 3}", 28, "not 'x'"},
		 {"alpha: {log: [0.1, 2000], n: 3}", 28, "[0,1000]"},
		 {"clip.high: {linear: [0.1, inf], n: 3}", 35, "finite"},
		 {"train.group: {linear: [2, 8], n: 9}", 22, "holds 4 twice: take an n below 9"},
		 {"train.group: {linear: [2.5, 8], n: 3}", 32, "whole number"},
		 {"train.group: 5..2", 22, "must rise"},
		 {"train.group: 0..2", 22, "[1,4096]"},
		 {"train.group: 0.5..2", 22, "whole number on both sides"},
		 {"train.group: 2..", 22, "whole number on both sides"},
		 {"train.group: [2, 3..5, 4]", 32, "value 4 twice"},
		 {"train.steps: 0..99999", 22, "more than 4096 values"},
		 {"train.steps: [0..3000, 4000..6000]", 32, "more than 4096 values"},
		 {"alpha: log:1e-4..1e-1", 16, "log:LOW..HIGH:COUNT"},
		 {"alpha: log:1e-4:5", 16, "log:LOW..HIGH:COUNT"},
		 {"alpha: linear:0..1:x", 16, "[2,4096], not 'x'"},
		 {"kl.place: {log: [1, 2], n: 2}", 19, "is no number"},
		 {"alpha: {linear: [1, 1.0000000000000002], n: 3}", 16, "ends so close"},
		 {"algorithm: {log: [1, 2], n: 2}", 20, "is no number"}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct reading r;
		char yaml[160];

		snprintf(yaml, sizeof yaml, "sweep: {%s}\n", c[i].yaml);
		READ(&r, yaml);
		cr_expect_eq(r.diag.n_errors, 1, "%s: %d errors", yaml, r.diag.n_errors);
		cr_expect(found(&r, EBB_ERROR, 1, c[i].column, c[i].part), "%s", yaml);
		done(&r);
	}
}

Test(sweep, products_do_not_overflow)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct reading r;
	int n;
	const struct ebb_option *row = ebb_option_rows(&n);

	ebb_buf_puts(&b, "seeds: 65536\nsweep:\n");
	for (int i = 0; i < n; i++)
		if (row[i].type == EBB_TYPE_F64 && strcmp(row[i].range, "[0,1]") == 0)
			ebb_buf_printf(&b, "  %s.%s: {linear: [0, 1], n: 4096}\n", row[i].group,
				       row[i].name);
	ebb_buf_puts(&b, "  when(seq=1): {mu: [1]}\n");
	READ(&r, b.data);
	cr_expect_eq(r.diag.n_errors, 2);
	cr_expect(found(&r, EBB_ERROR, 0, 0, "more than 65536 trials"));
	done(&r);
	ebb_buf_release(&b);
	READ(&r, "sweep: {when(mu=1): {alpha: 0..300, clip.dual: 0..300}}\n");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 0, 0, "more than 65536 trials"));
	done(&r);
}

/* ---- zips ---- */

Test(sweep, a_zip_is_one_axis)
{
	struct reading r;

	READ(&r, "sweep:\n  algorithm: [gipo, dapo]\n"
		 "  zip: {alpha: [0, 0.1, 0.2], clip: {high: [0.3, 0.4, 0.3]}}\n  mu: [1, 2]\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 12);
	cr_expect_str_eq(r.def.arm[0].label, "gipo alpha=0 eps_high=0.3 mu=1");
	cr_expect_str_eq(r.def.arm[3].label, "gipo alpha=0.1 eps_high=0.4 mu=2");
	cr_expect_str_eq(r.def.arm[4].label, "gipo alpha=0.2 eps_high=0.3 mu=1");
	cr_expect_str_eq(r.def.arm[6].label, "dapo alpha=0 eps_high=0.3 mu=1");
	cr_expect_eq(r.def.arm[3].n_axes, 4);
	cr_expect_eq(r.def.arm[3].options.clip.high, 0.4);
	done(&r);
	READ(&r, "sweep:\n  zip:\n    - {alpha: [0, 0.1], clip.high: [0.3, 0.4]}\n"
		 "    - {algorithm: [gipo, dapo], train.steps: {linear: [10, 20], n: 2}}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 4);
	cr_expect_str_eq(r.def.arm[1].label, "dapo alpha=0 eps_high=0.3 train.steps=20");
	done(&r);
}

Test(sweep, zips_and_the_command_line)
{
	static const char yaml[] =
		"sweep:\n  zip: {alpha: [0, 0.1], clip.high: [0.3, 0.4], mu: [1, 2]}\n";
	struct reading r;

	READ(&r, yaml, "alpha=0.5,0.6"); /* the length fits: it stays */
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_str_eq(r.def.arm[1].label, "grpo alpha=0.6 eps_high=0.4 mu=2");
	done(&r);
	READ(&r, yaml, "alpha=0.5"); /* one value leaves */
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_str_eq(r.def.arm[1].label, "grpo eps_high=0.4 mu=2");
	cr_expect_eq(r.def.arm[1].options.entropy.coef, 0.5);
	done(&r);
	READ(&r, yaml, "alpha=0.5,0.6,0.7");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 0, 0, "'entropy.coef' has 3 values but 'clip.high' ("));
	cr_expect(found(&r, EBB_ERROR, 0, 0, "case.yaml:2:26) has 2"));
	done(&r);
	READ(&r, yaml, "alpha=0.5,0.6,0.7", "mu=1..3", "clip.high=0.1,0.2,0.3");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 3);
	done(&r);
	READ(&r, "sweep: {zip: {alpha: [0, 0.1, 0.2], mu: [1, 2, 1]}}\n", "alpha=0");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 2); /* mu=1 is there once */
	cr_expect(found(&r, EBB_NOTE, 1, 9, "run once"));
	done(&r);
}

Test(sweep, zips_that_are_refused)
{
	static const struct {
		const char *yaml;
		int line, column;
		const char *part;
	} c[] = {
		{"sweep:\n  zip:\n    alpha: [0, 1]\n    clip.high: [0.1, 0.2, 0.3]\n", 4, 5,
		 "'clip.high' has 3 values but 'entropy.coef' (line 3, column 5) has 2"},
		{"sweep: {zip: {alpha: [0, 1]}}\n", 1, 14, "two keys or more"},
		{"sweep: {zip: {}}\n", 1, 14, "two keys or more"},
		{"sweep: {zip: []}\n", 1, 14, "empty list"},
		{"sweep: {zip: 3}\n", 1, 14, "must be a mapping"},
		{"sweep: {zip: {alpha: [0, 1, 0], mu: [1, 2, 1]}}\n", 1, 29,
		 "entries 1 and 3 of this zip are the same"},
		{"sweep: {alpha: [0, 1], zip: {alpha: [0, 1], mu: [1, 2]}}\n", 1, 30,
		 "swept twice (first at line 1)"},
		{"sweep: {zip: {seed: [1, 2], mu: [1, 2]}}\n", 1, 15, "cannot stand in a zip"},
		{"sweep: {zip: {mu: [1, 2], alpha: [0, 1], 'when(mu=1)': {lr: [1]}}}\n", 1, 42,
		 "cannot stand in a zip"},
		{"sweep: {zip: {alfa: [1, 2], mu: [1, 2]}}\n", 1, 15, "did you mean 'alpha'"},
		{"sweep: {zip: {alpha: [1, x], mu: [1, 2]}}\n", 1, 26, "not 'x'"},
		{"sweep: {zip: {alpha: 3, mu: [1, 2]}}\n", 1, 22, "swept over a list"},
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct reading r;

		READ(&r, c[i].yaml);
		cr_expect_eq(r.diag.n_errors, 1, "%s: %d errors", c[i].yaml, r.diag.n_errors);
		cr_expect(found(&r, EBB_ERROR, c[i].line, c[i].column, c[i].part), "%s", c[i].yaml);
		done(&r);
	}
}
