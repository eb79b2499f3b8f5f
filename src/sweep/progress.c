#include "sweep/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_S  0.2  /* between redraws on a terminal       */
#define QUIET_S 10.0 /* between lines where nobody watches  */

void ebb_progress_init(struct ebb_progress *p, int total)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	memset(p, 0, sizeof *p);
	p->terminal = isatty(2) && term && strcmp(term, "dumb") != 0;
	p->colour = p->terminal && !(no_color && no_color[0]);
	p->total = total;
	p->started = p->last = ebb_clock();
}

static int columns(void)
{
	struct winsize w;

	return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 100;
}

static void wipe(struct ebb_progress *p)
{
	for (; p->lines > 0; p->lines--)
		fputs("\033[A\033[2K", stderr);
}

static void duration(char *text, size_t n, double s)
{
	if (s < 100)
		snprintf(text, n, "%.0f s", s);
	else if (s < 6000)
		snprintf(text, n, "%.0f min", s / 60);
	else
		snprintf(text, n, "%.1f h", s / 3600);
}

static void describe(char *text, size_t n, const struct ebb_slot *s)
{
	const struct ebb_watch *w = &s->watch;
	char left[24] = "";

	if (w->step > 0 && w->steps >= w->step)
		duration(left, sizeof left,
			 w->seconds / (double)w->step * (double)(w->steps - w->step));
	if (strcmp(w->phase, "pretraining") == 0)
		snprintf(text, n, "%-28.28s pretraining %4lld/%-4lld  loss %.3f  %s left", s->label,
			 (long long)w->step, (long long)w->steps, w->reward, left);
	else if (w->step > 0)
		snprintf(text, n,
			 "%-28.28s step %4lld/%-4lld  reward %.3f  entropy %.3f nats  %6.0f "
			 "tokens/s  %s left",
			 s->label, (long long)w->step, (long long)w->steps, w->reward, w->entropy,
			 w->tokens_per_s, left);
	else
		snprintf(text, n, "%-28.28s %s", s->label, w->phase[0] ? w->phase : "starting");
}

void ebb_progress_tick(struct ebb_progress *p, const struct ebb_slot *slot, int n_slots)
{
	double now = ebb_clock();
	int width = columns();
	char line[256];

	if (now - p->last < (p->terminal ? LIVE_S : QUIET_S))
		return;
	p->last = now;
	if (p->terminal)
		wipe(p);
	for (int i = 0; i < n_slots; i++) {
		if (!slot[i].pid)
			continue;
		describe(line, sizeof line, &slot[i]);
		fprintf(stderr, "%.*s\n", p->terminal ? width - 1 : 250, line);
		p->lines += p->terminal;
	}
	fprintf(stderr, "%d of %d trials, %.0f s\n", p->finished, p->total, now - p->started);
	p->lines += p->terminal;
	fflush(stderr);
}

void ebb_progress_say(struct ebb_progress *p, const char *fmt, ...)
{
	va_list ap;

	wipe(p);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	p->last = 0; /* put the live lines back at once */
	if (!p->terminal)
		p->last = ebb_clock();
}

void ebb_progress_end(struct ebb_progress *p)
{
	wipe(p);
	fflush(stderr);
}
