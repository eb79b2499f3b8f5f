/* What is wrong with a definition: every error in one pass, at its place; hostile files. */
#include "fixture.h"

struct expected {
	int line, column;
	const char *part;
};

static void expect_errors(const char *yaml, const struct expected *e, int n)
{
	struct reading r;

	READ(&r, yaml);
	cr_expect_lt(r.rc, 0);
	cr_expect_eq(r.def.n_arms, 0);
	cr_expect_null(r.def.arm);
	for (int i = 0; i < n; i++)
		cr_expect(found(&r, EBB_ERROR, e[i].line, e[i].column, e[i].part), "of\n%s", yaml);
	if (r.diag.n_errors != n)
		show(&r);
	cr_expect_eq(r.diag.n_errors, n, "%d errors instead of %d in\n%s", r.diag.n_errors, n,
		     yaml);
	done(&r);
}

#define EXPECT_ERRORS(yaml, ...)                                                                   \
	do {                                                                                       \
		const struct expected list[] = {__VA_ARGS__};                                      \
		expect_errors(yaml, list, (int)(sizeof list / sizeof *list));                      \
	} while (0)

Test(errors, many_in_one_pass)
{
	EXPECT_ERRORS("name: \"a b\"\n"
		      "trian: {steps: 3}\n"
		      "task: {slop: 2}\n"
		      "train: {steps: [200, 3], prompts: abc, lr: 1e-3, lr: 2}\n"
		      "clip.lo: 3\n"
		      "clip: {high: -1}\n"
		      "entropy: {aggregate: seq_maen}\n"
		      "alpha: 1\n"
		      "entropy.coef: 2\n"
		      "algorithm: grppo\n"
		      "model: {tied: perhaps, width: 66}\n"
		      "algorithms:\n"
		      "  grpo: {from: gipo}\n"
		      "  x: {from: y, task: {slip: 0.1}}\n"
		      "  y: {from: x}\n"
		      "sweep:\n"
		      "  zip: [1]\n"
		      "  when(algoritm=gipo): {bata: [0]}\n"
		      "  lr: {log: [0.1, 0.2]}\n"
		      "  beta: 3\n"
		      "  mu: [1, 1, 0]\n"
		      "  clip.dual: []\n"
		      "seeds: [1, 1]\n"
		      "seed: 4\n"
		      "figures: x\n"
		      "claims: [{a: b}]\n",
		      {1, 7, "'a b'"}, {2, 1, "did you mean 'train'"},
		      {3, 8, "did you mean 'task.slip'"}, {4, 16, "takes one value, not a list"},
		      {4, 35, "[1,65536]"}, {4, 50, "twice (first at line 4)"},
		      {5, 1, "did you mean 'clip.low'"}, {6, 14, "[0,inf]"},
		      {7, 22, "did you mean 'seq-mean'"}, {9, 1, "first at line 8"},
		      {10, 12, "did you mean 'grpo'"}, {11, 15, "true or false"},
		      {13, 3, "built-in"}, {14, 13, "made from itself"}, {14, 23, "task.slip"},
		      {15, 13, "made from itself"}, {17, 9, "'zip' must be a mapping"},
		      {18, 8, "did you mean 'algorithm'"}, {18, 25, "did you mean 'beta'"},
		      {19, 7, "needs n"}, {20, 9, "list"}, {21, 11, "value 1 twice"},
		      {21, 14, "[1,1000]"}, {22, 14, "empty list"}, {23, 8, "holds 1 twice"},
		      {24, 1, "first at line 23"}, {25, 10, "list"}, {26, 10, "text"});
}

Test(errors, of_options_together_are_found_beside_others)
{
	/* the width is wrong with the heads; minibatches may be right once prompts can be read */
	EXPECT_ERRORS(
		"algorithm: grpo\nmodel: {width: 66}\ntrain: {prompts: many, minibatches: 64}\n",
		{2, 16, "model.width=66"}, {3, 18, "[1,65536]"});
	EXPECT_ERRORS("train: {promts: 64, minibatches: 64}\n",
		      {1, 9, "did you mean 'train.prompts'"});
	EXPECT_ERRORS("sweep: {train.group: [1, 2]}\n", {1, 23, "train.group=1"});
	EXPECT_ERRORS("algorithms: {x: {from: drgrpo, train.group: 1}}\nalgorithm: x\n",
		      {1, 45, "train.group=1"});
}

Test(errors, of_tasks_and_presets)
{
	EXPECT_ERRORS("task: {name: chian}\n", {1, 14, "did you mean 'chain'"});
	EXPECT_ERRORS("task: {preset: mian}\n", {1, 16, "did you mean 'main'"});
	EXPECT_ERRORS("task: {name: maze, slip: 0.2}\n", {1, 20, "task 'maze' has no option"});
	EXPECT_ERRORS("task: {name: maze, styles: 99}\n", {1, 28, "[10,90]"});
	EXPECT_ERRORS("task: {name: maze, styles: 5}\n", {1, 28, "[10,90]"});
	EXPECT_ERRORS("pretrain: {from: mean}\n", {1, 18, "did you mean 'main'"});
	EXPECT_ERRORS("task: chain\n", {1, 7, "mapping"});
	EXPECT_ERRORS("task: [chain]\n", {1, 7, "mapping"});
}

Test(errors, of_form)
{
	EXPECT_ERRORS("alpha:\n", {1, 7, "no value"});
	EXPECT_ERRORS("alpha: {a: 1}\n", {1, 8, "mapping"});
	EXPECT_ERRORS("train: {lr: 1}\ntrain.lr: 0.5\n", {2, 1, "set twice (first at line 1)"});
	EXPECT_ERRORS("train: {steps: 1}\ntrain: {group: 2}\n", {2, 1, "twice (first at line 1)"});
	EXPECT_ERRORS("sweep: {alpha: [1, [2]]}\n", {1, 20, "one value"});
	EXPECT_ERRORS("sweep: {alpha: [1], entropy.coef: [2]}\n", {1, 21, "swept twice"});
	EXPECT_ERRORS("sweep: {alpha: [0.1, 1e-1]}\n", {1, 22, "twice"});
	EXPECT_ERRORS("sweep: {seeds: 3}\n", {1, 9, "top level"});
	EXPECT_ERRORS("sweep: [alpha]\n", {1, 8, "mapping"});
	EXPECT_ERRORS("sweep: {algorithm: [grpo, gpro]}\n", {1, 27, "did you mean 'grpo'"});
	EXPECT_ERRORS("algorithms: {x: {from: gppo}}\n", {1, 24, "did you mean"});
	EXPECT_ERRORS("algorithms: {x: {from: gipo, lrr: 1}}\n", {1, 30, "did you mean 'lr'"});
	EXPECT_ERRORS("algorithms: {x: {}, x: {}}\n", {1, 21, "twice"});
	EXPECT_ERRORS("zip: 3\n", {1, 1, "below sweep:"});
	EXPECT_ERRORS("when(mu=2): 3\n", {1, 13, "must be a mapping"});
	EXPECT_ERRORS("train: {group: 2..5}\n", {1, 16, "ranges stand below sweep:"});
	EXPECT_ERRORS("algoritm: grpo\n", {1, 1, "did you mean 'algorithm'"});
	EXPECT_ERRORS("algorithm: [grpo, dapo]\n", {1, 12, "below sweep:"});
	EXPECT_ERRORS("seeds: 0\n", {1, 8, "count"});
	EXPECT_ERRORS("seeds: -3\n", {1, 8, "count"});
	EXPECT_ERRORS("seeds: 9..3\n", {1, 8, "range"});
	EXPECT_ERRORS("seeds: 0..99999999\n", {1, 8, "more than"});
	EXPECT_ERRORS("seed: x\n", {1, 7, "whole numbers"});
	EXPECT_ERRORS("seeds: {a: 1}\n", {1, 8, "count"});
	EXPECT_ERRORS("- a\n", {1, 1, "mapping"});
	EXPECT_ERRORS("text\n", {1, 1, "mapping"});
	EXPECT_ERRORS("name: ../up\n", {1, 7, "no name"});
	EXPECT_ERRORS("name: -rf\n", {1, 7, "no name"});
}

Test(errors, of_the_command_line)
{
	static const struct {
		const char *override, *part;
	} c[] = {{"alpha", "key=value"},
		 {"=1", "key=value"},
		 {"alhpa=1", "did you mean 'alpha'"},
		 {"alpha=1,", "list"},
		 {"alpha=[1,2", "list"},
		 {"alpha=1]", "list"},
		 {"alpha=[]", "list"},
		 {"alpha=1,1", "twice"},
		 {"alpha=x", "[0,1000]"},
		 {"beta=x", "number"},
		 {"algorithm=grop", "did you mean 'grpo'"},
		 {"seeds=", "count"},
		 {"seeds=1,x", "'x'"},
		 {"name=a/b", "name"},
		 {"figures=x", "definition file"},
		 {"zip=1", "definition file"},
		 {"when(algorithm=gipo)=1", "definition file"},
		 {"task=chain", "group of options"},
		 {"task.name=moze", "did you mean 'maze'"},
		 {"train.minibatches=99", "train.prompts=16"},
		 {"alpha=\033[2J", "control"},
		 {"alpha=\xff", "UTF-8"}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct reading r;

		READ(&r, "name: x\n", c[i].override);
		cr_expect_lt(r.rc, 0, "%s", c[i].override);
		cr_expect_eq(r.diag.n_errors, 1, "%s: %d errors", c[i].override, r.diag.n_errors);
		cr_expect(found(&r, EBB_ERROR, 0, 0, c[i].part), "%s", c[i].override);
		cr_expect_str_eq(r.diag.entry[0].mark.file, "command line");
		done(&r);
	}
	{
		struct reading r;

		READ_LINE(&r, "alpha=1", "entropy.coef=2", "seed=1", "seeds=2", "lrr=1");
		cr_expect_eq(r.diag.n_errors, 3);
		cr_expect(found(&r, EBB_ERROR, 0, 0, "'entropy.coef' is given twice"));
		cr_expect(found(&r, EBB_ERROR, 0, 0, "seeds are given twice"));
		done(&r);
	}
}

Test(errors, too_many_trials)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct reading r;

	ebb_buf_puts(&b, "seeds: 100\nsweep:\n  train.steps: [");
	for (int i = 0; i < 1000; i++)
		ebb_buf_printf(&b, "%s%d", i ? ", " : "", i);
	ebb_buf_puts(&b, "]\n");
	READ(&r, b.data);
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 0, 0, "more than 65536 trials"));
	done(&r);
	ebb_buf_release(&b);
}

/* ---- hostile files ---- */

Test(errors, syntax_has_its_place)
{
	EXPECT_ERRORS("a: [1, 2\nb: 3\n", {2, 2, "did not find expected ',' or ']'"});
	EXPECT_ERRORS("train:\n\tsteps: 3\n", {2, 1, "not tabs"});
	EXPECT_ERRORS("name: \"x\n", {2, 1, "quoted scalar"});
	EXPECT_ERRORS("alpha: 1\n  lr: 2\n", {2, 5, "mapping"});
}

Test(errors, yaml_beyond_plain_trees_is_refused)
{
	EXPECT_ERRORS("train: &t {steps: 3}\n", {1, 8, "anchor"});
	EXPECT_ERRORS("name: &n x\nabout: *n\n", {1, 7,
						  "aliases (*) are not supported: write the "
						  "values out (also at line 2)"});
	EXPECT_ERRORS("alpha: !!float 1\n", {1, 8, "tag"});
	EXPECT_ERRORS("<<: {alpha: 1}\n", {1, 1, "<<"});
	EXPECT_ERRORS("train: {<<: {steps: 1}}\n", {1, 9, "<<"});
	EXPECT_ERRORS("alpha: 1\n---\nalpha: 2\n", {2, 1, "second document"});
	EXPECT_ERRORS("figures: &a [*a]\n", {1, 10, "anchor"});
	EXPECT_ERRORS("[a, b]: 1\n", {1, 1, "word"});
	EXPECT_ERRORS("\"\": 1\n", {1, 1, "word"});
	EXPECT_ERRORS("name: \"a\\0b\"\n", {1, 7, "zero byte"});
	EXPECT_ERRORS("\"x\\ey\": 1\n", {1, 1, "x?y"});
}

/* What an alias stands for is not read, so nothing is said of it; other errors still are. */
Test(errors, an_alias_is_one_error_beside_the_others)
{
	EXPECT_ERRORS("train: *t\nalpha: *a\nsweep: {beta: [*b, 0.1], mu: *m}\nalgorithm: *g\n"
		      "model: {<<: *m, width: *w}\nclip.lo: 1\n",
		      {1, 8, "(also at line 2, 3, 4, 5)"}, {6, 1, "did you mean 'clip.low'"});
	EXPECT_ERRORS("about: d\xc3\xa9j\xc3\xa0\nfigures: [\xc3\xa9, *vu]\nlrr: 2\n",
		      {2, 14, "not supported: write the values out"}, {3, 1, "did you mean 'lr'"});
}

Test(errors, bytes_that_are_no_text)
{
	static const char nul[] = "alpha: 1\0\n", bad[] = "name: x\nabout: h\xc3\xa9 \xff\n";
	static const char mark[] = "abc:,[]{}-?&*!|>'\"%@`# \n\t0123";
	static const char utf16[] = "\xff\xfe"
				    "a\0:\0 \0"
				    "1\0";
	struct reading r;
	char noise[4096];
	uint32_t state = 1;

	read_bytes(&r, nul, sizeof nul - 1, NULL);
	cr_expect(found(&r, EBB_ERROR, 1, 9, "control characters"));
	done(&r);
	read_bytes(&r, bad, sizeof bad - 1, NULL);
	cr_expect(found(&r, EBB_ERROR, 2, 11, "UTF-8"));
	done(&r);
	read_bytes(&r, utf16, sizeof utf16 - 1, NULL);
	cr_expect(found(&r, EBB_ERROR, 1, 1, "UTF-8"));
	done(&r);
	for (int k = 0; k < 200; k++) { /* whatever comes: an error or a definition, never more */
		for (size_t i = 0; i < sizeof noise; i++) {
			state = state * 1664525u + 1013904223u;
			noise[i] = k % 2 ? (char)(state >> 24)
					 : mark[(state >> 24) % (sizeof mark - 1)];
		}
		read_bytes(&r, noise, sizeof noise, NULL);
		cr_expect_lt(r.rc, 0);
		cr_expect_gt(r.diag.n_errors, 0);
		done(&r);
	}
}

Test(errors, empty_files)
{
	EXPECT_ERRORS("", {0, 0, "empty"});
	EXPECT_ERRORS("# a comment\n", {0, 0, "empty"});
	EXPECT_ERRORS("---\n", {0, 0, "empty"});
}

Test(errors, size_and_depth)
{
	size_t n = 2u << 20;
	char *big = malloc(n);
	struct reading r;

	cr_assert(big != NULL);
	memset(big, '[', n);
	read_bytes(&r, big, n, NULL);
	cr_expect_lt(r.rc, 0);
	cr_expect(strstr(r.err.text, "larger than"), "%s", r.err.text);
	done(&r);
	read_bytes(&r, big, 500000, NULL);
	cr_expect_lt(r.rc, 0);
	cr_expect(found(&r, EBB_ERROR, 1, 17, "nested more than 16 deep"));
	done(&r);
	memset(big, 'x', n);
	big[0] = '#';
	memcpy(big + (1u << 20) - 10, "\nalpha: 1\n", 10);
	read_bytes(&r, big, 1u << 20, NULL); /* the largest that is read */
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 1);
	done(&r);
	free(big);
}

Test(errors, a_mapping_has_a_limit)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct reading r;

	for (int i = 0; i < 60000; i++)
		ebb_buf_printf(&b, "key%d: 1\n", i);
	READ(&r, b.data);
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 1, 1, "more than 512 entries"));
	done(&r);
	ebb_buf_release(&b);
}

Test(errors, files_that_cannot_be_read)
{
	static const char *const none[] = {"/nonexistent/x.yaml"}, *const folder[] = {"/tmp"};
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;

	cr_expect_eq(ebb_definition_read(&def, &fake, none, 1, NULL, 0, &diag, &err), EBB_ENOENT);
	cr_expect(strstr(err.text, "/nonexistent/x.yaml"), "%s", err.text);
	cr_expect_lt(ebb_definition_read(&def, &fake, folder, 1, NULL, 0, &diag, &err), 0);
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
}
