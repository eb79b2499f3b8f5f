/* ebb reproduce does what the commands do one after the other, and ends as the worst of them. */
#include "command/runs.h"

TestSuite(reproduce, .init = make_dir, .fini = remove_dir, .timeout = 240);

static void put(const char *name, const char *text)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err;

	cr_assert_eq(ebb_file_write(path, text, strlen(text), &err), 0);
	free(path);
}

static bool has_gnuplot(void)
{
	return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

Test(reproduce, one_line_from_nothing_to_the_figures)
{
	if (!has_gnuplot())
		cr_skip_test("no gnuplot");
	put("x.yaml", "name: x\nsweep: {algorithm: [grpo, gspo]}\nseeds: 2\nfigures: [entropy]\n"
		      "claims:\n  - final(entropy, algorithm=grpo) < 9\n");
	run("reproduce x.yaml " SHORT "--out r --jobs 2");
	says("ebb reproduce: ebb run x.yaml");
	says("ebb reproduce: ebb plot r");
	says("run      r (4 of 4 trials finished)");
	says("figures  r/figures (1");
	says_not("ended with exit status");
	cr_assert_eq(shell("test -s r/figures/entropy.png -a -s r/figures/entropy.csv"), 0);
	/* again: nothing is trained twice, and the same comes out */
	cr_assert_eq(shell("cp r/figures/entropy.csv was.csv"), 0);
	run("reproduce x.yaml " SHORT "--out r");
	says("4 were finished, 0 done now");
	cr_assert_eq(shell("cmp r/figures/entropy.csv was.csv"), 0);
	/* the folder without --out is that of ebb run */
	run("reproduce x.yaml " SHORT);
	says("run      data/runs/x (4 of 4 trials finished)");
}

Test(reproduce, the_worst_status_is_its_own)
{
	put("x.yaml", "name: x\nsweep: {algorithm: [grpo]}\nseeds: 1\nfigures: [entropy]\n");
	cr_assert_eq(ebb("reproduce"), 2);
	says("which experiment?");
	cr_assert_eq(ebb("reproduce x.yaml y.yaml"), 2);
	cr_assert_eq(ebb("reproduce x.yaml --dry-run"), 2);
	cr_assert_eq(ebb("reproduce x.yaml trian.steps=3 --out r"), 2);
	says("train.steps");
	says_not("ebb plot");
	cr_assert_neq(shell("test -e r"), 0);
	/* figures cannot be drawn without templates; the rest is done, and said */
	cr_assert_eq(
		shell("EBB_PLOTS=/nowhere $EBB_EXE reproduce x.yaml " SHORT "--out r >out 2>&1"),
		2);
	read_out();
	says("run      r (1 of 1 trials finished)");
	says("plot ended with exit status 2");
}
