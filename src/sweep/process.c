#include "sweep/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "train/lab.h"

/* ---- the worker ---- */

static void worker_signal(int number)
{
	if (ebb_stop_requested) /* the second time: leave now */
		_exit(EBB_WORKER_STOPPED);
	ebb_stop_requested = 1;
}

int ebb_process_fork(struct ebb_err *err)
{
	struct sigaction listen = {.sa_handler = worker_signal}, ignore = {.sa_handler = SIG_IGN};
	pid_t parent = getpid(), pid;
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigemptyset(&listen.sa_mask);
	sigemptyset(&ignore.sa_mask);
	fflush(stderr);
	pid = fork();
	if (pid < 0)
		return ebb_err_set(err, EBB_ENOMEM, "cannot start a worker: %s", strerror(errno));
	if (pid > 0)
		return (int)pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EBB_WORKER_STOPPED);
	/* the terminal's Ctrl-C and its end reach the parent alone, which passes them on once */
	sigprocmask(SIG_UNBLOCK, &children, NULL);
	sigaction(SIGTERM, &listen, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	return 0;
}

/* ---- the parent ---- */

static void parent_signal(int number)
{
	ebb_stop_requested++;
}

void ebb_process_listen(bool on)
{
	static const int asked[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction a = {.sa_handler = on ? parent_signal : SIG_DFL}, old;

	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		if (asked[i] != SIGHUP || /* nohup: the end of a terminal is no request */
		    (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN))
			sigaction(asked[i], &a, NULL);
}

bool ebb_process_pass_on(const struct ebb_slot *slot, int n, int *told)
{
	bool first = false;

	while (*told < ebb_stop_requested) {
		first = first || *told == 0;
		++*told;
		for (int i = 0; i < n; i++)
			if (slot[i].pid)
				kill(slot[i].pid, SIGTERM);
	}
	return first;
}
