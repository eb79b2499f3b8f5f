/*
 * The loss of an arm in words: one line for every stage of the pipeline that its options switch on,
 * the options' numbers put in. i counts responses, t = 1 .. n_i the tokens of response i, g groups.
 * PG n cites docs/policy-gradient.md, section n, EI n docs/entropy-and-information.md; a word behind
 * the number names the row of the section's table.
 */
#ifndef EBB_COMMAND_FORMULA_H
#define EBB_COMMAND_FORMULA_H

#include "command/page.h"
#include "options/options.h"

#define EBB_SECTION_LOSS "the loss, minimised at every update"

/* Append the lines. limit: the longest response, tokens. */
void ebb_formula_add(struct ebb_page *page, const struct ebb_options *o, int limit);

/* What PG and EI stand for, a line for the end of a page. */
extern const char ebb_formula_sources[];

#endif
