/* A reader of CSV by the book (RFC 4180), for what the program writes. */
#ifndef EBB_TESTS_COMMAND_CSV_H
#define EBB_TESTS_COMMAND_CSV_H

#include <criterion/criterion.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"

#define CSV_COLUMNS_MAX 32

struct csv {
	const char *at;
	struct ebb_buf head[CSV_COLUMNS_MAX], cell[CSV_COLUMNS_MAX];
	int n;
};

/* One record into cells; their number, 0 at the end. */
static inline int csv_record(struct csv *c, struct ebb_buf *cell)
{
	int n = 0;

	if (!*c->at)
		return 0;
	for (;; c->at++) {
		struct ebb_buf *b = &cell[n];

		cr_assert_lt(n, CSV_COLUMNS_MAX);
		ebb_buf_reset(b);
		ebb_buf_puts(b, "");
		if (*c->at == '"') {
			for (c->at++; *c->at != '"' || c->at[1] == '"'; c->at++) {
				cr_assert(*c->at, "a quote does not end");
				c->at += *c->at == '"';
				ebb_buf_add(b, c->at, 1);
			}
			c->at++;
		} else {
			size_t len = strcspn(c->at, ",\n");

			ebb_buf_add(b, c->at, len);
			cr_assert(!memchr(c->at, '"', len), "a quote inside of a plain cell");
			c->at += len;
		}
		n++;
		if (*c->at != ',')
			break;
	}
	cr_assert_eq(*c->at, '\n', "'%.20s' follows a cell", c->at);
	c->at++;
	return n;
}

static inline void csv_open(struct csv *c, const char *text)
{
	*c = (struct csv){.at = text};
	c->n = csv_record(c, c->head);
}

static inline bool csv_next(struct csv *c)
{
	int n = csv_record(c, c->cell);

	cr_assert(n == 0 || n == c->n, "%d cells under %d heads", n, c->n);
	return n > 0;
}

static inline const char *csv_get(const struct csv *c, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(c->head[i].data, name) == 0)
			return c->cell[i].data;
	cr_assert_fail("no column '%s'", name);
	return NULL;
}

static inline void csv_close(struct csv *c)
{
	for (int i = 0; i < CSV_COLUMNS_MAX; i++) {
		ebb_buf_release(&c->head[i]);
		ebb_buf_release(&c->cell[i]);
	}
}

#endif
