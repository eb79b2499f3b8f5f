/*
 * A picture of gnuplot's as a part of a page. Its ids are the same in every file and would collide,
 * so each gets a prefix; and since a page is trusted with more than a picture is, only elements and
 * attributes that draw are taken over, links only inside the picture.
 */
#ifndef EBB_COMMAND_INLINE_SVG_H
#define EBB_COMMAND_INLINE_SVG_H

#include "base/buf.h"
#include "base/err.h"

/* prefix: letters, digits and '-'. alt: what the picture shows, for those who cannot see it.
 * EBB_EFORMAT: the text is no SVG with a viewBox. */
int ebb_inline_svg(struct ebb_buf *out, const char *svg, const char *prefix, const char *alt,
		   struct ebb_err *err);

#endif
