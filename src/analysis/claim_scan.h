/*
 * The text of a claim, letter by letter: words, brackets and numbers, for the grammar in claim.c.
 * Blanks stand anywhere between two words; what accepts or expects something skips them first.
 */
#ifndef EBB_ANALYSIS_CLAIM_SCAN_H
#define EBB_ANALYSIS_CLAIM_SCAN_H

#include "analysis/claim.h"

struct ebb_scan {
	struct ebb_claim *c;
	const char *s; /* the text                      */
	int i;         /* read so far                   */
	int depth;     /* brackets and signs around it  */
	size_t words;  /* bytes of c->words in use      */
	struct ebb_diag *diag;
	char seen[4]; /* ebb_scan_next's answer        */
};

/* Say what is wrong at a byte of the text. Every rule passes the -1 on, so this is said once. */
#define EBB_SCAN_FAIL(p, at, ...) (ebb_claim_error((p)->c, at, (p)->diag, __VA_ARGS__), -1)

/* To the next letter that is no blank, which is returned; 0: the end. */
char ebb_scan_skip(struct ebb_scan *p);
/* Does this letter, or this keyword, stand next? It is then read. */
bool ebb_scan_accept(struct ebb_scan *p, char c);
bool ebb_scan_keyword(struct ebb_scan *p, const char *keyword);
/* The same of a letter that must stand there: 0, or -1 and an error. */
int ebb_scan_expect(struct ebb_scan *p, char c, const char *after);
/* What stands next, for messages; the caret below them shows the rest. */
const char *ebb_scan_next(struct ebb_scan *p);

/* Letters of functions and keywords; of metrics and keys of options ('-' is none of theirs, but is
 * typed for '_'); of a selector's value. */
bool ebb_scan_is_ident(char c);
bool ebb_scan_is_name(char c);
bool ebb_scan_is_value(char c);
/* How many letters of a kind stand at the reading point. */
int ebb_scan_span(const struct ebb_scan *p, bool (*is)(char c));
/* Take the next n bytes as a word of the claim; blanks count. */
struct ebb_claim_word ebb_scan_take(struct ebb_scan *p, int n);

/* Bytes of the number at the reading point: digits, a point, an exponent. 0: none stands there. */
int ebb_scan_number_span(const struct ebb_scan *p);
/* Read the number at the reading point, or a whole one from low on as the argument `key` takes it: 0,
 * or -1 and an error. */
int ebb_scan_number(struct ebb_scan *p, double *x);
int ebb_scan_whole(struct ebb_scan *p, const char *key, double low, double *x);

#endif
