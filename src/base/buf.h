/* A growable string of bytes, always terminated by a zero that len does not count. */
#ifndef EBB_BASE_BUF_H
#define EBB_BASE_BUF_H

#include <stddef.h>

struct ebb_buf {
	char *data; /* never null after the first append */
	size_t len, capacity;
};

#define EBB_BUF_INIT {0}

void ebb_buf_add(struct ebb_buf *buf, const void *bytes, size_t n);
void ebb_buf_puts(struct ebb_buf *buf, const char *s);
void ebb_buf_printf(struct ebb_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The shortest decimal text that reads back as exactly this double ("0.1", "1e-06", "inf"). */
void ebb_buf_double(struct ebb_buf *buf, double x);
/* A JSON string literal with its quotes; control bytes and quotes escaped, what is not UTF-8 becomes
 * a question mark. */
void ebb_buf_json(struct ebb_buf *buf, const char *s);
/* A cell of comma-separated values, in quotes where a separator, a quote or a line break is inside
 * (RFC 4180). */
void ebb_buf_csv(struct ebb_buf *buf, const char *s);
/* Give the bytes to the caller (who frees them) and leave the buffer empty. Never null. */
char *ebb_buf_take(struct ebb_buf *buf);
void ebb_buf_reset(struct ebb_buf *buf);
void ebb_buf_release(struct ebb_buf *buf);

#endif
