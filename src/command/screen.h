/*
 * The terminal while a live picture fills it: the alternate screen, no cursor, no echo. However the
 * program ends, short of SIGKILL, the terminal is as it was.
 */
#ifndef EBB_COMMAND_SCREEN_H
#define EBB_COMMAND_SCREEN_H

#include <stdbool.h>
#include "base/buf.h"

/* Can stdout show a live picture? */
bool ebb_screen_able(void);
/* Does the environment want colours there? (NO_COLOR) */
bool ebb_screen_colour(void);
/* Columns and rows of the terminal, from COLUMNS and LINES or 80 x 24 where it does not say. */
void ebb_screen_size(int *columns, int *rows);

/* Take the terminal; SIGINT, SIGTERM, SIGHUP and SIGQUIT end the wait from now on. */
void ebb_screen_open(void);
void ebb_screen_close(void);
/* Only the signals, where there is no terminal to take. */
void ebb_screen_signals(void);
/* Replace what is shown. */
void ebb_screen_show(const struct ebb_buf *frame);

enum ebb_wake { EBB_WAKE_TIME, EBB_WAKE_RESIZE, EBB_WAKE_END };
/* Wait for so long, for a resize, or for the end: a signal or, on an open screen, the key q. Ctrl-Z
 * gives the terminal back while the program is stopped. */
enum ebb_wake ebb_screen_wait(double seconds);

#endif
