#include "command/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "train/lab.h"

#define ENTER "\033[?1049h\033[?25l" /* alternate screen, cursor off */
#define LEAVE "\033[0m\033[?25h\033[?1049l"

static struct termios before; /* of the keyboard, when `keyboard` */
static bool keyboard;
static volatile sig_atomic_t opened, ended, resized, stopped;

bool ebb_screen_able(void)
{
	const char *term = getenv("TERM");

	return isatty(1) && term && strcmp(term, "dumb") != 0;
}

bool ebb_screen_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return ebb_screen_able() && !(no_color && no_color[0]);
}

static int from_environment(const char *name, int otherwise)
{
	const char *text = getenv(name);
	int n = text ? atoi(text) : 0;

	return n > 0 && n < 10000 ? n : otherwise;
}

void ebb_screen_size(int *columns, int *rows)
{
	struct winsize w = {0};

	if (ioctl(1, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){0};
	*columns = w.ws_col > 0 ? w.ws_col : from_environment("COLUMNS", 80);
	*rows = w.ws_row > 0 ? w.ws_row : from_environment("LINES", 24);
}

/* Everything, whatever interrupts it. Nothing can be done where it fails. */
static void put(const char *s, size_t n)
{
	while (n > 0) {
		ssize_t k = write(1, s, n);

		if (k < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (k > 0) {
			s += k;
			n -= (size_t)k;
		}
	}
}

/* Safe in a signal handler. */
static void give_back(void)
{
	put(LEAVE, sizeof LEAVE - 1);
	if (keyboard)
		tcsetattr(0, TCSANOW, &before);
}

static void take(void)
{
	struct termios quiet = before;

	if (keyboard) {
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
		tcsetattr(0, TCSANOW, &quiet);
	}
	put(ENTER, sizeof ENTER - 1);
}

static void on_end(int number)
{
	ended = 1;
}

static void on_resize(int number)
{
	resized = 1;
}

static void on_stop(int number)
{
	stopped = 1;
}

/* A crash must not leave the terminal unusable; the signal then does what it always does. */
static void on_crash(int number)
{
	if (opened)
		give_back();
	raise(number);
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&a.sa_mask);
	sigaction(number, &a, NULL);
}

void ebb_screen_signals(void)
{
	static const int end[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < sizeof end / sizeof *end; i++)
		handle(end[i], on_end, 0);
}

void ebb_screen_open(void)
{
	static const int crash[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

	/* a job in the background may look at the keyboard, but not change it */
	keyboard = isatty(0) && tcgetpgrp(0) == getpgrp() && tcgetattr(0, &before) == 0;
	ebb_screen_signals();
	handle(SIGWINCH, on_resize, 0);
	handle(SIGTSTP, on_stop, 0);
	for (size_t i = 0; i < sizeof crash / sizeof *crash; i++)
		handle(crash[i], on_crash, (int)SA_RESETHAND);
	take();
	opened = 1;
}

void ebb_screen_close(void)
{
	if (!opened)
		return;
	opened = 0;
	give_back();
	handle(SIGWINCH, SIG_DFL, 0);
	handle(SIGTSTP, SIG_DFL, 0);
}

void ebb_screen_show(const struct ebb_buf *frame)
{
	struct ebb_buf all = EBB_BUF_INIT;

	/* drawn over the old picture, so that nothing flickers; what is left of it is wiped */
	ebb_buf_puts(&all, "\033[H");
	ebb_buf_add(&all, frame->data, frame->len);
	ebb_buf_puts(&all, "\033[J");
	put(all.data, all.len);
	ebb_buf_release(&all);
}

static void stop_for_a_while(void)
{
	stopped = 0;
	give_back();
	handle(SIGTSTP, SIG_DFL, 0);
	raise(SIGTSTP);
	/* here the program goes on, perhaps in a window of another size */
	handle(SIGTSTP, on_stop, 0);
	take();
	resized = 1;
}

/* A key that is waiting: true for q. */
static bool asked_to_leave(void)
{
	char key;
	ssize_t n = read(0, &key, 1);

	if (n == 0)
		keyboard = false; /* nobody is there any more */
	return n == 1 && (key == 'q' || key == 'Q');
}

enum ebb_wake ebb_screen_wait(double seconds)
{
	double until = ebb_clock() + seconds;

	for (;;) {
		double left = until - ebb_clock();
		struct pollfd key = {.fd = opened && keyboard ? 0 : -1, .events = POLLIN};
		int n;

		if (ended)
			return EBB_WAKE_END;
		if (stopped)
			stop_for_a_while();
		if (resized) {
			resized = 0;
			return EBB_WAKE_RESIZE;
		}
		if (left <= 0)
			return EBB_WAKE_TIME;
		/* short naps: a signal between the look above and poll() is seen soon */
		n = poll(&key, 1, left < 0.2 ? (int)(left * 1000) + 1 : 200);
		if (n > 0 && asked_to_leave())
			return EBB_WAKE_END;
	}
}
