#include "figure/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"

struct ebb_gnuplot {
	pid_t pid;
	int in, out; /* our ends: gnuplot's stdin, its stdout and stderr */
	int asked;   /* sentinels sent                                   */
	struct sigaction old_pipe;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: wire the pipes, exec, and on failure tell the parent errno through `report`. */
static _Noreturn void child_run(int in, int out, int report)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	char *const argv[] = {"gnuplot", "--default-settings", NULL};
	int e;

	sigaction(SIGPIPE, &plain, NULL);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
		setenv("GNUTERM", "unknown", 1);
		execvp("gnuplot", argv);
	}
	e = errno;
	if (write(report, &e, sizeof e) < 0)
		_exit(126);
	_exit(127);
}

static void forget(struct ebb_gnuplot *g)
{
	shut(&g->in);
	shut(&g->out);
	sigaction(SIGPIPE, &g->old_pipe, NULL);
	free(g);
}

int ebb_gnuplot_open(struct ebb_gnuplot **out, struct ebb_err *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct ebb_gnuplot *g;
	int to[2] = {-1, -1}, from[2] = {-1, -1}, report[2] = {-1, -1}, e = 0, rc = 0;
	ssize_t got;

	*out = NULL;
	g = ebb_xcalloc(1, sizeof *g);
	g->in = g->out = -1;
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
	    pipe2(report, O_CLOEXEC) != 0) {
		rc = ebb_err_set(err, EBB_EIO, "cannot make a pipe for gnuplot: %s",
				 strerror(errno));
		goto fail;
	}
	g->pid = fork();
	if (g->pid < 0) {
		rc = ebb_err_set(err, EBB_EIO, "cannot start gnuplot: %s", strerror(errno));
		goto fail;
	}
	if (g->pid == 0)
		child_run(to[0], from[1], report[1]);
	shut(&to[0]);
	shut(&from[1]);
	shut(&report[1]);
	do /* nothing arrives when exec succeeds: the pipe closes itself */
		got = read(report[0], &e, sizeof e);
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof e) {
		waitpid(g->pid, NULL, 0);
		if (e == ENOENT)
			rc = ebb_err_set(
				err, EBB_ETOOL,
				"gnuplot is not in PATH; install it (Debian: apt-get install "
				"gnuplot-nox); only ebb plot needs it");
		else
			rc = ebb_err_set(err, EBB_ETOOL, "cannot run gnuplot: %s", strerror(e));
		goto fail;
	}
	shut(&report[0]);
	sigaction(SIGPIPE, &ignore, &g->old_pipe);
	g->in = to[1];
	g->out = from[0];
	fcntl(g->in, F_SETFL, O_NONBLOCK);
	fcntl(g->out, F_SETFL, O_NONBLOCK);
	*out = g;
	return 0;
fail:
	shut(&to[0]);
	shut(&to[1]);
	shut(&from[0]);
	shut(&from[1]);
	shut(&report[0]);
	shut(&report[1]);
	free(g);
	return rc;
}

/* Write all of text while reading what comes back, until the sentinel line or the deadline. */
static int converse(struct ebb_gnuplot *g, const char *text, size_t n, const char *sentinel,
		    int64_t deadline, struct ebb_buf *reply, struct ebb_err *err)
{
	char chunk[4096], *end;
	struct pollfd p[2];
	int64_t left;
	ssize_t k;
	size_t sent = 0;

	for (;;) {
		left = deadline - now_ms();
		if (left <= 0)
			return ebb_err_set(err, EBB_ETOOL,
					   "gnuplot did not answer in time; its last words: %s",
					   reply->len > 0 ? reply->data : "none");
		p[0] = (struct pollfd){g->out, POLLIN, 0};
		p[1] = (struct pollfd){sent < n ? g->in : -1, POLLOUT, 0};
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return ebb_err_set(err, EBB_EIO, "waiting for gnuplot: %s",
					   strerror(errno));
		if (p[1].revents != 0) {
			k = write(g->in, text + sent, n - sent);
			if (k > 0)
				sent += (size_t)k;
			else if (k < 0 && errno != EAGAIN && errno != EINTR)
				sent = n; /* it died: its output tells why */
		}
		if (p[0].revents == 0)
			continue;
		k = read(g->out, chunk, sizeof chunk);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (k <= 0)
			return ebb_err_set(err, EBB_ETOOL, "gnuplot ended unexpectedly: %s",
					   reply->len > 0 ? reply->data : "it said nothing");
		ebb_buf_add(reply, chunk, (size_t)k);
		end = strstr(reply->data, sentinel);
		if (end != NULL) {
			*end = '\0';
			reply->len = (size_t)(end - reply->data);
			return 0;
		}
	}
}

/* The first line of the form '"file" line N: text' (the file only of what was loaded) that is no
 * warning; false if there is none. */
static bool find_error(const char *reply, struct ebb_err *err)
{
	const char *p = reply, *end, *q, *file;
	int line, used, name;

	for (; *p != '\0'; p = *end != '\0' ? end + 1 : end) {
		end = strchrnul(p, '\n');
		q = p + strspn(p, " \t");
		file = NULL;
		name = 0;
		if (*q == '"') {
			file = q + 1;
			q = memchr(file, '"', (size_t)(end - file));
			if (q == NULL)
				continue;
			name = (int)(q++ - file);
		}
		used = 0;
		if (sscanf(q, " line %d: %n", &line, &used) != 1 || used == 0 ||
		    memmem(q, (size_t)(end - q), "arning:", 7) != NULL)
			continue;
		q += used;
		if (file != NULL)
			ebb_err_set(err, EBB_ETOOL, "%.*s:%d: gnuplot: %.*s", name, file, line,
				    (int)(end > q ? end - q : 0), q);
		else
			ebb_err_set(err, EBB_ETOOL, "gnuplot: %.*s", (int)(end > q ? end - q : 0),
				    q);
		return true;
	}
	return false;
}

int ebb_gnuplot_send(struct ebb_gnuplot *g, const char *text, size_t n, int timeout_ms,
		     struct ebb_err *err)
{
	struct ebb_buf all = EBB_BUF_INIT, reply = EBB_BUF_INIT;
	char sentinel[32];
	int rc;

	snprintf(sentinel, sizeof sentinel, "@@%d@@", ++g->asked);
	ebb_buf_add(&all, text, n);
	if (n > 0 && text[n - 1] != '\n')
		ebb_buf_puts(&all, "\n");
	ebb_buf_printf(&all, "set print '-'\nprint '%s'\n", sentinel);
	rc = converse(g, all.data, all.len, sentinel, now_ms() + timeout_ms, &reply, err);
	if (rc == 0 && reply.len > 0 && find_error(reply.data, err))
		rc = EBB_ETOOL;
	ebb_buf_release(&reply);
	ebb_buf_release(&all);
	return rc;
}

int ebb_gnuplot_close(struct ebb_gnuplot *g, struct ebb_err *err)
{
	char sink[4096];
	struct pollfd p;
	int status = 0, rc = 0;

	shut(&g->in);
	for (;;) { /* it ends when it has read the end of its input */
		p = (struct pollfd){g->out, POLLIN, 0};
		if (poll(&p, 1, 10000) == 0) {
			kill(g->pid, SIGKILL);
			rc = ebb_err_set(err, EBB_ETOOL, "gnuplot did not end in time");
		} else if (read(g->out, sink, sizeof sink) == 0) {
			break;
		}
	}
	while (waitpid(g->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc == 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		rc = ebb_err_set(err, EBB_ETOOL, "gnuplot ended with status %d",
				 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	forget(g);
	return rc;
}

void ebb_gnuplot_abandon(struct ebb_gnuplot *g)
{
	if (g == NULL)
		return;
	kill(g->pid, SIGKILL);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(g);
}

/*
 * A single-quoted string: the only characters gnuplot reads in one are the quote and the newline. It
 * takes two quotes for one, but not at the beginning, nor two such pairs in a row (5.4): those are
 * put in as double-quoted strings of their own.
 */
void ebb_gnuplot_quote(struct ebb_buf *b, const char *text)
{
	const char *p;

	ebb_buf_puts(b, "'");
	for (p = text; *p != '\0'; p++) {
		if (*p == '\'' && p > text && p[-1] != '\'' && p[1] != '\'')
			ebb_buf_puts(b, "''");
		else if (*p == '\'')
			ebb_buf_puts(b, "'.\"'\".'");
		else
			ebb_buf_add(b, *p == '\n' || *p == '\r' ? " " : p, 1);
	}
	ebb_buf_puts(b, "'");
}
