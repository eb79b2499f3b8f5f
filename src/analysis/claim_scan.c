#include "analysis/claim_scan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- letters and words ---- */

char ebb_scan_skip(struct ebb_scan *p)
{
	while (p->s[p->i] && strchr(" \t\r\n", p->s[p->i]))
		p->i++;
	return p->s[p->i];
}

bool ebb_scan_accept(struct ebb_scan *p, char c)
{
	if (ebb_scan_skip(p) != c || c == 0)
		return false;
	p->i++;
	return true;
}

const char *ebb_scan_next(struct ebb_scan *p)
{
	char c = ebb_scan_skip(p);

	if (c == 0)
		return "the end";
	if (!isgraph((unsigned char)c))
		return "this letter";
	memcpy(p->seen, (char[]){'\'', c, '\'', 0}, sizeof p->seen);
	return p->seen;
}

int ebb_scan_expect(struct ebb_scan *p, char c, const char *after)
{
	if (ebb_scan_accept(p, c))
		return 0;
	return EBB_SCAN_FAIL(p, p->i, "expected '%c' after %s, not %s", c, after, ebb_scan_next(p));
}

bool ebb_scan_is_ident(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

bool ebb_scan_is_name(char c)
{
	return ebb_scan_is_ident(c) || (c && strchr("./@-", c));
}

bool ebb_scan_is_value(char c)
{
	return c > ' ' && c < 0x7f && c != ',' && c != '(' && c != ')';
}

int ebb_scan_span(const struct ebb_scan *p, bool (*is)(char c))
{
	int n = 0;

	while (is(p->s[p->i + n]))
		n++;
	return n;
}

struct ebb_claim_word ebb_scan_take(struct ebb_scan *p, int n)
{
	char *copy = p->c->words + p->words;
	struct ebb_claim_word w = {p->i, copy};

	memcpy(copy, p->s + p->i, (size_t)n);
	copy[n] = 0;
	p->words += (size_t)n + 1;
	p->i += n;
	return w;
}

bool ebb_scan_keyword(struct ebb_scan *p, const char *keyword)
{
	int n = (int)strlen(keyword);

	ebb_scan_skip(p);
	if (ebb_scan_span(p, ebb_scan_is_ident) != n ||
	    strncmp(p->s + p->i, keyword, (size_t)n) != 0)
		return false;
	p->i += n;
	return true;
}

/* ---- numbers ---- */

int ebb_scan_number_span(const struct ebb_scan *p)
{
	const char *s = p->s + p->i, *e = s;
	int digits = 0;

	for (; isdigit((unsigned char)*e) || *e == '.'; e++)
		digits += *e != '.';
	if (digits == 0)
		return 0;
	if (*e == 'e' || *e == 'E') {
		const char *x = e + 1 + (e[1] == '-' || e[1] == '+');

		if (isdigit((unsigned char)*x))
			for (e = x; isdigit((unsigned char)*e); e++)
				;
	}
	return (int)(e - s);
}

int ebb_scan_number(struct ebb_scan *p, double *x)
{
	int n = ebb_scan_number_span(p), at = p->i;
	struct ebb_claim_word w;
	char *end;

	if (n == 0)
		return EBB_SCAN_FAIL(p, p->i, "expected a number");
	w = ebb_scan_take(p, n);
	if (p->s[p->i] == '%')
		return EBB_SCAN_FAIL(p, p->i, "'%%' is not known here: write 40 %% as 0.4");
	*x = strtod(w.text, &end);
	if (*end || ebb_scan_is_ident(p->s[p->i]))
		return EBB_SCAN_FAIL(p, at, "'%.40s' is no number; write it like 0.5 or 1e-3",
				     w.text);
	if (!isfinite(*x))
		return EBB_SCAN_FAIL(p, at, "%.40s is too large a number", w.text);
	if (*x == 0.0 && strcspn(w.text, "123456789") < strcspn(w.text, "eE"))
		return EBB_SCAN_FAIL(p, at, "%.40s is too small a number", w.text);
	return 0;
}

int ebb_scan_whole(struct ebb_scan *p, const char *key, double low, double *x)
{
	int at;

	ebb_scan_skip(p);
	at = p->i;
	if (ebb_scan_number_span(p) == 0)
		return EBB_SCAN_FAIL(p, at, "%s= needs a whole number from %g on", key, low);
	if (ebb_scan_number(p, x) < 0)
		return -1;
	if (*x < low || *x != floor(*x) || *x > 1e15)
		return EBB_SCAN_FAIL(p, at, "%s= needs a whole number from %g on", key, low);
	return 0;
}
