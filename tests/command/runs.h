/* What the tests of commands that look at runs share: a folder of their own, small runs in it, the
 * program's output, one long run at work. */
#ifndef EBB_TESTS_COMMAND_RUNS_H
#define EBB_TESTS_COMMAND_RUNS_H

#include <signal.h>
#include "base/file.h"
#include "command/program.h"
#include "record/record.h"

/* What a command wrote into the file "out". */
static inline void read_out(void)
{
	char *path = ebb_path_join(dir, "out"), *text;
	struct ebb_err err;
	size_t n;

	cr_assert_eq(ebb_file_read(path, 1 << 20, &text, &n, &err), 0);
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, text);
	free(text);
	free(path);
}

static inline void says_not(const char *text)
{
	cr_assert(!strstr(output.data, text), "did not expect '%s' in:\n%s", text, output.data);
}

#define TINY_MODEL                                                                                 \
	"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=10 "              \
	"pretrain.warmup=2 pretrain.batch=16 train.group=4 train.minibatches=2 eval.questions=8 "  \
	"eval.samples=2 "
#define TINY  TINY_MODEL "train.prompts=4 "
#define SHORT TINY "train.steps=6 "
#define LONG  TINY "train.steps=10000000 "

static inline void run(const char *arguments)
{
	cr_assert_eq(ebb(arguments), 0, "%s", output.data);
}

/* The id of the trial of this arm and seed, as ebb status tells it. */
static inline void id_of(const char *run_dir, const char *arm, const char *seed,
			 char id[EBB_ID_MAX])
{
	char *line = ebb_xprintf("status %s", run_dir), *want = ebb_xprintf("  %s", arm), *at;

	cr_assert_eq(ebb(line), 0);
	for (at = output.data; (at = strstr(at, want)) != NULL; at++)
		if (strncmp(at + strlen(want) + strspn(at + strlen(want), " "), seed,
			    strlen(seed)) == 0)
			break;
	cr_assert_not_null(at, "no %s seed %s in\n%s", arm, seed, output.data);
	memcpy(id, at - (EBB_ID_MAX - 1), EBB_ID_MAX - 1);
	id[EBB_ID_MAX - 1] = 0;
	free(want);
	free(line);
}

/* A sweep that would take hours, until `stop`. */
static inline pid_t start_long_run(void)
{
	pid_t pid = fork();
	char *line;

	if (pid == 0) {
		setpgid(0, 0);
		line = ebb_xprintf("cd %s && exec %s run algorithm=grpo,dapo seeds=2 --jobs 2 " LONG
				   "--out live >/dev/null 2>&1",
				   dir, getenv("EBB_EXE"));
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(9);
	}
	for (int i = 0; i < 600; i++) {
		if (ebb("status live") == 0 && strstr(output.data, "2 running") &&
		    !strstr(output.data, " 0/10000000"))
			return pid;
		usleep(50 * 1000);
	}
	kill(pid, SIGKILL);
	cr_assert_fail("no trial is running after 30 s:\n%s", output.data);
	return pid;
}

static inline void stop(pid_t pid, int signal)
{
	int status;

	kill(pid, signal);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 500 && kill(-pid, 0) == 0; i++)
		usleep(20 * 1000);
}

#endif
