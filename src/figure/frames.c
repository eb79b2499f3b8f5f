#include "figure/frames.h"

#define TITLE_CHAR 11.5 /* pixels a letter of a title takes */
#define TITLE_LINE 25   /* and a line                       */

int ebb_frames_across(int n)
{
	return n == 1 ? 1 : n <= 4 ? 2 : n <= 9 ? 3 : 4;
}

int ebb_frames_down(int n)
{
	return (n + ebb_frames_across(n) - 1) / ebb_frames_across(n);
}

void ebb_frames_label(struct ebb_drawing *d, const char *const *label, int n, int room)
{
	int across = ebb_frames_across(n), lines;

	ebb_drawing_number(d, "N", n);
	ebb_drawing_number(d, "COLS", across);
	lines = ebb_drawing_titles(d, "LABEL", label, n, (int)((room / across - 10) / TITLE_CHAR));
	d->height += TITLE_LINE * (lines - 1) * ebb_frames_down(n);
	ebb_drawing_number(d, "HEIGHT", d->height);
}
