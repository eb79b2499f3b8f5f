/*
 * Figures and claims of a definition from outside: what is wrong stops the run at its place, what
 * does not apply is one note. Nothing runs here; EBB_EXE names the program.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/buf.h"
#include "base/file.h"

static char dir[] = "/tmp/ebb-checks-XXXXXX";
static struct ebb_buf output; /* stdout and stderr of the last command */

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_not_null(getenv("EBB_EXE"), "EBB_EXE is not set; run through meson test");
}

static void remove_dir(void)
{
	char *line = ebb_xprintf("rm -rf %s", dir);

	cr_expect_eq(system(line), 0);
	free(line);
	ebb_buf_release(&output);
}

TestSuite(checks, .init = make_dir, .fini = remove_dir, .timeout = 120);

/* "ebb run ARGUMENTS --dry-run" in the test's own folder; returns the exit status. */
static int plan(const char *arguments)
{
	char *line =
		ebb_xprintf("cd %s && %s run %s --dry-run 2>&1", dir, getenv("EBB_EXE"), arguments);
	FILE *f = popen(line, "r");
	char chunk[4096];
	size_t n;
	int status;

	cr_assert_not_null(f);
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		ebb_buf_add(&output, chunk, n);
	status = pclose(f);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int times(const char *text)
{
	int n = 0;

	for (const char *s = output.data; (s = strstr(s, text)); s += strlen(text))
		n++;
	return n;
}

static void says(const char *text)
{
	cr_expect(strstr(output.data, text), "expected '%s' in:\n%s", text, output.data);
}

static void put(const char *name, const char *text)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err;

	cr_assert_eq(ebb_file_write(path, text, strlen(text), &err), 0);
	free(path);
}

Test(checks, our_experiments_pass_whole_and_cut_down)
{
	static const char *const cut = "algorithm=grpo seeds=1 train.steps=6";
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *pattern = ebb_xprintf("%s/experiments/*.yaml", root ? root : ".");
	glob_t all;

	cr_assert_eq(glob(pattern, 0, NULL, &all), 0);
	cr_expect_geq(all.gl_pathc, 17u);
	for (size_t i = 0; i < all.gl_pathc; i++) {
		char *line = ebb_xprintf("%s %s", all.gl_pathv[i], cut);

		cr_expect_eq(plan(all.gl_pathv[i]), 0, "%s:\n%s", all.gl_pathv[i], output.data);
		cr_expect_eq(times("not applicable"), 0, "%s:\n%s", all.gl_pathv[i], output.data);
		cr_expect_eq(plan(line), 0, "%s:\n%s", line, output.data);
		cr_expect_leq(times("not applicable to this run"), 1, "%s:\n%s", line, output.data);
		free(line);
	}
	globfree(&all);
	free(pattern);
	cr_expect_eq(plan("exploration algorithm=grpo"), 0);
	says("note: not applicable to this run: ");
	says(" claims; the first because this run has no arm with algorithm=gipo_first\n");
	cr_expect_eq(plan("exploration task.name=countdown task.preset=main"), 0, "%s",
		     output.data);
	cr_expect_eq(times("not applicable to this run: 2 of "), 1, "%s", output.data);
	cr_expect_eq(times(" claims and 1 of "), 1, "%s", output.data);
}

Test(checks, every_mistake_is_shown_at_its_place)
{
	put("a.yaml", "# one claim a line\n"
		      "algorithm: grpo\n"
		      "figures: [entropy, entropee, 'entropy:final', 'accuracy-response', "
		      "'entropy:finale']\n"
		      "claims:\n"
		      "  - final(entrpy) < 1 # plain: the very word\n"
		      "  - \"final(entrpy) < 1\"\n"
		      "  - >\n"
		      "    final(entropy)\n"
		      "    < fnal(entropy)\n"
		      "  - final(entropy) < 1\n"
		      "  - final(entropy) <\n"
		      "    fnal(entropy)\n");
	cr_expect_eq(plan("a.yaml"), 2);
	says("a.yaml:3:20: error: unknown figure 'entropee': did you mean 'entropy'?");
	says("a.yaml:3:68: error: unknown figure 'entropy:finale'");
	cr_expect_eq(times("unknown figure"), 2, "%s", output.data);
	says("a.yaml:5:11: error: claim: unknown metric 'entrpy': did you mean 'entropy'?\n"
	     "    final(entrpy) < 1\n"
	     "          ^\n");
	says("a.yaml:6:5: error: claim: unknown metric 'entrpy': did you mean 'entropy'?\n"
	     "    final(entrpy) < 1\n"
	     "          ^\n");
	says("a.yaml:7:5: error: claim: unknown function 'fnal': did you mean 'final'?\n"
	     "    final(entropy) < fnal(entropy)\n"
	     "                     ^\n");
	says("a.yaml:11:5: error: claim: unknown function 'fnal'");
	says("ebb run: 6 errors;");
	cr_expect_eq(times("claim: "), 4, "%s", output.data);
}

Test(checks, variants_that_do_not_run_are_known)
{
	put("a.yaml", "algorithms:\n"
		      "  spare: {from: grpo, clip.high: 0.3}\n"
		      "  mine: {from: spare, clip.low: 0.1}\n"
		      "sweep: {algorithm: [grpo, mine], alpha: [0, 0.1]}\n"
		      "claims:\n"
		      "  - final(entropy, algorithm=spare) < 1\n"
		      "  - final(entropy, algorithm=mine, alpha=0) < 1\n");
	cr_expect_eq(plan("a.yaml"), 0, "%s", output.data);
	says("a.yaml:6:20: note: not applicable to this run: 1 of 2 claims; this run has no arm "
	     "with algorithm=spare\n");
	put("b.yaml", "algorithms: {clip.high: {from: grpo}}\n"
		      "algorithm: grpo\n"
		      "claims:\n"
		      "  - final(entropy, algorithm=from) < 1\n");
	cr_expect_eq(plan("b.yaml"), 2, "%s", output.data);
	says("b.yaml:4:30: error: claim: unknown algorithm 'from'");
}

Test(checks, what_overrides_took_out_is_no_error)
{
	put("a.yaml", "sweep: {algorithm: [grpo, dapo], alpha: [0, 0.1]}\n"
		      "train: {steps: 100}\n"
		      "figures: [entropy]\n"
		      "claims:\n"
		      "  - final(entropy, algorithm=dapo, alpha=0.1) < 1\n"
		      "  - at(entropy, step=50, algorithm=grpo, alpha=0) < 1\n"
		      "  - trend(final(entropy, algorithm=grpo), alpha) > 0\n");
	cr_expect_eq(plan("a.yaml"), 0, "%s", output.data);
	cr_expect_eq(times("not applicable"), 0, "%s", output.data);
	cr_expect_eq(plan("a.yaml algorithm=grpo alpha=0 train.steps=6 seeds=1"), 0, "%s",
		     output.data);
	cr_expect_eq(times("note: not applicable to this run: 3 of 3 claims"), 1, "%s",
		     output.data);
	cr_expect_eq(times("not applicable"), 1, "%s", output.data);
	cr_expect_eq(plan("a.yaml algorithm=ppoo"), 2);
}

Test(checks, claims_of_several_files_keep_their_places)
{
	put("a.yaml", "sweep: {algorithm: [grpo, dapo]}\n"
		      "algorithms: {first: {from: grpo, clip.high: 0.3}}\n"
		      "claims:\n"
		      "  - final(entropy, algorithm=dapo) < 1\n");
	put("b.yaml", "# nothing but\n"
		      "claims:\n"
		      "  - final(entropy, algorithm=first) < 1\n"
		      "  - final(entropy) < final(entrpy)\n");
	cr_expect_eq(plan("a.yaml b.yaml"), 2, "%s", output.data);
	says("b.yaml:4:28: error: claim: unknown metric 'entrpy'");
	says("b.yaml:3:20: note: not applicable to this run: ");
}
