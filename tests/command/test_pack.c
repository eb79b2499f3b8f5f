/* A run in one file, from outside: it reads as the folder did, and becomes a folder again. */
#include "command/runs.h"

TestSuite(pack, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* One file tells all that the folder told, and becomes a folder again. */
Test(pack, a_packed_run_reads_as_the_run_did)
{
	static const char *const ask[] = {"compare %s --metric entropy --json", "fit %s",
					  "watch %s --once"};

	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out r");
	run("pack r --out sent");
	says("sent/run.h5: 4 trials");
	cr_assert_neq(shell("test -e sent/trials"), 0);
	for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
		char *line = ebb_xprintf(ask[i], "r"), *was;

		run(line);
		was = ebb_xstrdup(output.data);
		free(line);
		line = ebb_xprintf(ask[i], "sent/run.h5");
		run(line);
		cr_assert_str_eq(output.data, was);
		free(was);
		free(line);
	}
	run("status sent");
	says("4 trials: 4 done");
	says("6/6         1");
	run("diff r sent");
	says("4 in both");
	run("verify sent");
	says("all trials agree bit for bit");
	/* with h5dump, scales and links are there: /arms/000 grpo/100 leads inside */
	if (system("command -v h5dump >/dev/null 2>&1") == 0)
		cr_assert_eq(shell("h5dump -a '/arms/000 grpo/100/actor/entropy/DIMENSION_LIST' "
				   "sent/run.h5 | grep -q axis/step"),
			     0);

	/* a run here would write the index anew and lose what only it holds */
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " SHORT "--out sent"), 2);
	says("ebb pack sent --undo");
	run("pack sent --undo");
	says("4 trials unpacked");
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out sent");
	run("diff r sent");
	says("all trials in both agree bit for bit");
	says("definitions: the same");

	/* in place, twice, and while the files are still there */
	run("pack r");
	run("pack r");
	says("r/run.h5: 4 trials");
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out r");
	run("diff r sent");
}

Test(pack, a_packed_file_that_was_damaged_is_refused)
{
	run("run algorithm=grpo seeds=2 " SHORT "--out r");
	run("pack r --out sent");
	cr_assert_eq(shell("printf '\\377' | dd of=sent/run.h5 bs=1 seek=90000 conv=notrunc "
			   "2>/dev/null"),
		     0);
	cr_assert_eq(ebb("status sent"), 2);
	says("damaged");
	cr_assert_eq(ebb("pack sent --undo"), 2);
}

/* The index of another run, or the only copy of other trials, is not overwritten. */
Test(pack, another_run_is_not_overwritten)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out a");
	run("run algorithm=dapo seeds=1 " SHORT "--out b");
	run("pack a --out sent");
	cr_assert_eq(ebb("pack a --out b"), 2);
	says("run directory of its own");
	cr_assert_eq(ebb("pack b --out sent"), 2);
	says("holds another packed run");
	run("pack a --out sent");
	run("status b");
	says("dapo");
	run("status sent");
	says("grpo");
}

Test(pack, a_run_at_work_is_not_packed)
{
	pid_t pid = start_long_run();

	cr_assert_eq(ebb("pack live"), 2);
	says("an ebb run works on 'live'");
	stop(pid, SIGKILL);
	run("pack live");
	says("0 trials");
}
