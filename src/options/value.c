/* Values of options: text to member, member to text, ranges. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "options/options.h"
#include "options/text.h"

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static int sequence(const unsigned char *s)
{
	int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (s[0] >= 0x80 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

bool ebb_text_is_plain(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		int n = sequence(s);

		if (n == 0 || is_control(s))
			return false;
		s += n;
	}
	return true;
}

const char *ebb_show(char out[EBB_SHOWN], const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int used = 0;

	while (*s) {
		int n = sequence(s);

		if (used + (n ? n : 1) > EBB_SHOWN - 4) {
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (n == 0 || is_control(s)) {
			out[used++] = '?';
			s += n ? n : 1;
			continue;
		}
		memcpy(out + used, s, (size_t)n);
		used += n;
		s += n;
	}
	out[used] = 0;
	return out;
}

const char *ebb_near_word(const struct ebb_near *near)
{
	return near->best && (size_t)near->distance < strlen(near->word) ? near->best : NULL;
}

bool ebb_text_same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

bool ebb_parse_u64(const char *text, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return *end == 0 && errno == 0;
}

bool ebb_parse_f64(const char *text, double *x)
{
	const char *s = text + (text[0] == '-' || text[0] == '+');
	char *end;

	if (strcmp(s, "inf") == 0 || strcmp(s, ".inf") == 0) {
		*x = text[0] == '-' ? -INFINITY : INFINITY;
		return true;
	}
	if (text[0] == 0 || strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	*x = strtod(text, &end);
	if (*end || end == text || !isfinite(*x))
		return false;
	/* a number that underflows to 0 is not what was written */
	if (*x == 0.0 && strcspn(text, "123456789") < strcspn(text, "eE"))
		return false;
	*x += 0.0; /* -0 is 0: one value, one text */
	return true;
}

/* Whole numbers; also as 1e6, as long as a double holds them exactly. */
static bool parse_int(const char *text, int64_t *x)
{
	char *end;
	double d;

	if (text[0] == 0 || isspace((unsigned char)text[0]))
		return false;
	errno = 0;
	*x = strtoll(text, &end, 10);
	if (*end == 0 && end != text)
		return errno == 0;
	if (!ebb_parse_f64(text, &d) || fabs(d) > 9007199254740992.0 || d != floor(d))
		return false;
	*x = (int64_t)d;
	return true;
}

static bool parse_bool(const char *text, bool *x)
{
	static const struct {
		const char *text;
		bool value;
	} word[] = {{"true", true}, {"false", false}, {"yes", true},
		    {"no", false},  {"on", true},     {"off", false}};

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (strcasecmp(text, word[i].text) == 0) {
			*x = word[i].value;
			return true;
		}
	return false;
}

/* range: "[low,high]" with round brackets where the end is excluded. */
static bool in_range(const struct ebb_option *row, double x)
{
	const char *r = row->range;
	char *end;
	double low, high;

	if (r[0] == 0)
		return true;
	low = strtod(r + 1, &end);
	if ((r[0] != '[' && r[0] != '(') || *end != ',')
		EBB_BUG("range '%s' of %s.%s", r, row->group, row->name);
	high = strtod(end + 1, &end);
	if ((*end != ']' && *end != ')') || end[1] != 0)
		EBB_BUG("range '%s' of %s.%s", r, row->group, row->name);
	return (r[0] == '[' ? x >= low : x > low) && (*end == ']' ? x <= high : x < high);
}

const char *ebb_choice_find(const struct ebb_option *row, const char *text, int *value)
{
	for (int i = 0; row->choice[i]; i++)
		if (ebb_text_same(row->choice[i], text)) {
			*value = i;
			return row->choice[i];
		}
	return NULL;
}

const char *ebb_option_choice(const struct ebb_option *row, int value)
{
	for (int i = 0; row->choice && row->choice[i]; i++)
		if (i == value)
			return row->choice[i];
	EBB_BUG("%s.%s has no choice %d", row->group, row->name, value);
}

static int bad_choice(const struct ebb_option *row, const char *text, struct ebb_err *err)
{
	struct ebb_buf list = EBB_BUF_INIT;
	struct ebb_near near;
	char shown[EBB_SHOWN];

	ebb_near_init(&near, text);
	for (int i = 0; row->choice[i]; i++) {
		ebb_near_offer(&near, row->choice[i]);
		ebb_buf_printf(&list, "%s%s", i ? ", " : "", row->choice[i]);
	}
	ebb_show(shown, text);
	if (ebb_near_word(&near))
		ebb_err_set(err, EBB_EINVAL,
			    "'%s.%s' cannot be '%s': did you mean '%s'? allowed are %s", row->group,
			    row->name, shown, near.best, list.data);
	else
		ebb_err_set(err, EBB_EINVAL, "'%s.%s' cannot be '%s': allowed are %s", row->group,
			    row->name, shown, list.data);
	ebb_buf_release(&list);
	return EBB_EINVAL;
}

static int bad_number(const struct ebb_option *row, const char *text, struct ebb_err *err)
{
	char shown[EBB_SHOWN];

	return ebb_err_set(err, EBB_EINVAL, "'%s.%s' needs a %s in %s, not '%s'", row->group,
			   row->name, row->type == EBB_TYPE_INT ? "whole number" : "number",
			   row->range, ebb_show(shown, text));
}

static int out_of_range(const struct ebb_option *row, const char *text, struct ebb_err *err)
{
	char shown[EBB_SHOWN];

	return ebb_err_set(err, EBB_EINVAL, "'%s.%s' cannot be %s: allowed is %s%s%s", row->group,
			   row->name, ebb_show(shown, text), row->range, row->unit[0] ? " " : "",
			   row->unit);
}

static void *member(const struct ebb_options *o, const struct ebb_option *row)
{
	return (char *)o + (row->own ? offsetof(struct ebb_options, task_own) : 0) + row->offset;
}

int ebb_option_set(struct ebb_options *o, const struct ebb_option *row, const char *text,
		   struct ebb_err *err)
{
	void *p = member(o, row);
	char shown[EBB_SHOWN];
	double f64;
	int64_t i64;
	int value;

	switch (row->type) {
	case EBB_TYPE_STR:
		if (strlen(text) >= EBB_STR_MAX)
			return ebb_err_set(err, EBB_EINVAL,
					   "'%s.%s' is too long: at most %d bytes, not %zu",
					   row->group, row->name, EBB_STR_MAX - 1, strlen(text));
		if (!ebb_text_is_plain(text))
			return ebb_err_set(err, EBB_EINVAL,
					   "'%s.%s' must be UTF-8 without control characters, "
					   "not '%s'",
					   row->group, row->name, ebb_show(shown, text));
		memset(p, 0, EBB_STR_MAX);
		memcpy(p, text, strlen(text));
		return 0;
	case EBB_TYPE_INT:
		if (!parse_int(text, &i64))
			return bad_number(row, text, err);
		if (!in_range(row, (double)i64))
			return out_of_range(row, text, err);
		memcpy(p, &i64, sizeof i64);
		return 0;
	case EBB_TYPE_F64:
		if (!ebb_parse_f64(text, &f64))
			return bad_number(row, text, err);
		if (!in_range(row, f64))
			return out_of_range(row, text, err);
		memcpy(p, &f64, sizeof f64);
		return 0;
	case EBB_TYPE_BOOL:
		if (!parse_bool(text, p))
			return ebb_err_set(err, EBB_EINVAL, "'%s.%s' needs true or false, not '%s'",
					   row->group, row->name, ebb_show(shown, text));
		return 0;
	case EBB_TYPE_ENUM:
		if (!ebb_choice_find(row, text, &value))
			return bad_choice(row, text, err);
		/* all our enumerations are unsigned int to the compiler, as ISO C's int is 4 bytes */
		memcpy(p, &value, sizeof value);
		return 0;
	}
	EBB_BUG("%s.%s has type %d", row->group, row->name, (int)row->type);
}

void ebb_option_print(const struct ebb_options *o, const struct ebb_option *row,
		      struct ebb_buf *out)
{
	const void *p = member(o, row);
	double f64;
	int64_t i64;
	int value;

	switch (row->type) {
	case EBB_TYPE_STR:
		ebb_buf_puts(out, p);
		return;
	case EBB_TYPE_INT:
		memcpy(&i64, p, sizeof i64);
		ebb_buf_printf(out, "%" PRId64, i64);
		return;
	case EBB_TYPE_F64:
		memcpy(&f64, p, sizeof f64);
		ebb_buf_double(out, f64);
		return;
	case EBB_TYPE_BOOL:
		ebb_buf_puts(out, *(const bool *)p ? "true" : "false");
		return;
	case EBB_TYPE_ENUM:
		memcpy(&value, p, sizeof value);
		ebb_buf_puts(out, ebb_option_choice(row, value));
		return;
	}
	EBB_BUG("%s.%s has type %d", row->group, row->name, (int)row->type);
}
