/* Words and files for LaTeX: what a cairolatex picture needs beyond what gnuplot writes. */
#ifndef EBB_FIGURE_LATEX_H
#define EBB_FIGURE_LATEX_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Text as LaTeX that prints the same: its special characters escaped, the signs that captions and
 * labels use written as mathematics. Letters beyond ASCII stay, as inputenc's utf8 reads them where
 * the document's fonts have them; of other scripts and signs the code point is printed.
 */
void ebb_latex_text(struct ebb_buf *out, const char *text);

/*
 * Make gnuplot's cairolatex file ready for \input: it includes `picture` (a name without folder and
 * ending), is as wide as the text around it, and says what it needs.
 */
int ebb_latex_finish(const char *path, const char *name, const char *picture, struct ebb_err *err);

#endif
