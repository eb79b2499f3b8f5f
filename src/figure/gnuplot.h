/*
 * One gnuplot process at the other end of two pipes: its stdin, and its stdout and stderr together.
 * gnuplot goes on after an error on a pipe, so every text sent is followed by a sentinel that it
 * prints back; what comes before the sentinel belongs to that text.
 *
 * An output path that gnuplot cannot open does not stop it: it would write the picture into our
 * reply pipe. Callers test the path first.
 */
#ifndef EBB_FIGURE_GNUPLOT_H
#define EBB_FIGURE_GNUPLOT_H

#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

struct ebb_gnuplot;

/* Start gnuplot from PATH. EBB_ETOOL with the remedy where there is none. SIGPIPE is ignored in this
 * process until the close. */
int ebb_gnuplot_open(struct ebb_gnuplot **g, struct ebb_err *err);

/*
 * Send text (whole lines) and wait until gnuplot has done it, at most timeout_ms. EBB_ETOOL with
 * gnuplot's message where it complained; of what it reads from a pipe it does not know the line, of
 * a file it was told to load it does, and the message begins with "path:line: ".
 */
int ebb_gnuplot_send(struct ebb_gnuplot *g, const char *text, size_t n, int timeout_ms,
		     struct ebb_err *err);

/* Close the pipe and wait for the end; a non-zero exit is EBB_ETOOL. Frees g in any case. */
int ebb_gnuplot_close(struct ebb_gnuplot *g, struct ebb_err *err);
/* Kill it, for the way out after an error. */
void ebb_gnuplot_abandon(struct ebb_gnuplot *g);

/* The text as a string of gnuplot's language; line breaks become spaces. */
void ebb_gnuplot_quote(struct ebb_buf *b, const char *text);

#endif
