/* ebb pack: one file of a run, to be sent or kept, and the way back. */
#include "record/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "command/command.h"

static const char help[] =
	"  RUN         the run directory\n"
	"  --out DIR   write DIR/run.h5, a run directory of one file; default RUN/run.h5\n"
	"  --undo      write a file for every trial that only the packed run.h5 has\n\n"
	"Every finished trial is copied into run.h5, where links to its file stood. That one file\n"
	"can be sent: ebb compare, plot, fit, status, diff and verify read it, alone in a folder, "
	"and\n"
	"so does h5py, by the same paths. The trials' own files stay as they are. Checkpoints are "
	"not\n"
	"packed. A later ebb run in RUN writes run.h5 anew, with links; pack again.\n\n"
	"exit status: 0, 2 usage, bad input or no room\n";

struct request {
	const char *run, *out;
	bool undo, done;
};

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("pack", help);
		}
		if (strcmp(s, "--undo") == 0) {
			q->undo = true;
		} else if (strcmp(s, "--out") == 0) {
			if (i + 1 == argc || !argv[i + 1][0])
				return ebb_command_usage("pack", "--out needs a value");
			q->out = argv[++i];
		} else if (s[0] == '-' && s[1]) {
			return ebb_command_usage("pack", "unknown option '%s'", s);
		} else if (q->run) {
			return ebb_command_usage("pack", "one run at a time; '%s' is too much", s);
		} else {
			q->run = s;
		}
	}
	if (!q->run)
		return ebb_command_usage("pack", "name the run directory");
	if (q->undo && q->out)
		return ebb_command_usage("pack", "--undo works in the run itself, without --out");
	return 0;
}

int ebb_command_pack(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = {0};
	struct request q = {0};
	int status = parse(argc, argv, &q), n = 0, rc;
	struct stat st;
	char *path;

	if (status != 0 || q.done)
		return status;
	ebb_record_setup();
	rc = ebb_run_open(&run, q.run, &err);
	if (rc == 0)
		rc = q.undo ? ebb_pack_undo(run.dir, &n, &err)
			    : ebb_pack_write(run.dir, q.out ? q.out : run.dir, &n, &err);
	if (rc < 0) {
		status = ebb_command_fail("pack", &err);
	} else if (q.undo) {
		printf("%s/trials: %d trial%s unpacked\n", run.dir, n, n == 1 ? "" : "s");
	} else {
		path = ebb_path_join(q.out ? q.out : run.dir, "run.h5");
		printf("%s: %d trial%s, %.1f MiB\n", path, n, n == 1 ? "" : "s",
		       stat(path, &st) == 0 ? (double)st.st_size / 1048576 : 0.0);
		free(path);
	}
	ebb_run_release(&run);
	return status;
}
