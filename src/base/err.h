/*
 * Errors of the outside world: a file, a device, an argument. A function that can fail returns 0
 * or a negative code and fills the caller's struct ebb_err. Broken invariants are EBB_BUG, numeric
 * trouble is a status in a result; only main() calls exit().
 */
#ifndef EBB_BASE_ERR_H
#define EBB_BASE_ERR_H

#include <stddef.h>

#define EBB_ERRORS(X)                                                                              \
	X(EINVAL, -1, "invalid argument")                                                          \
	X(ENOMEM, -2, "out of memory")                                                             \
	X(EIO, -3, "input/output error")                                                           \
	X(ENOENT, -4, "not found")                                                                 \
	X(EFORMAT, -5, "malformed file")                                                           \
	X(EBUSY, -6, "in use")                                                                     \
	X(ENODEV, -7, "no such device")                                                            \
	X(ETOOL, -8, "an external program failed")                                                 \
	X(ESTOP, -9, "interrupted")                                                                \
	X(ENUMERIC, -10, "not a finite number")

#define EBB_ERROR_ENUM(name, code, text) EBB_##name = code,
enum ebb_code { EBB_OK = 0, EBB_ERRORS(EBB_ERROR_ENUM) };
#undef EBB_ERROR_ENUM

struct ebb_err {
	int code;       /* EBB_OK or a negative code                    */
	char text[2048]; /* what failed first; lower case, no full stop */
};

#define EBB_ERR_INIT {0, ""}

/* Set code and text; returns code, so that `return ebb_err_set(...)` reads well. err may be null. */
int ebb_err_set(struct ebb_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " before the text of an error on its way up; returns err->code. */
int ebb_err_wrap(struct ebb_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A broken invariant: print place and reason, abort. */
#define EBB_BUG(...) ebb_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void ebb_bug(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Allocation that reports through err; zero-filled; null on failure. n * size may not overflow. */
void *ebb_calloc(size_t n, size_t size, struct ebb_err *err);

/* Allocation of small things that must not fail (strings, tables). When memory is gone, the handler
 * is called, which does not return; without one the process says so and exits with status 1. */
extern void (*ebb_on_out_of_memory)(size_t bytes);
void *ebb_xcalloc(size_t n, size_t size);
void *ebb_xrealloc(void *p, size_t n, size_t size);
char *ebb_xstrdup(const char *s);
char *ebb_xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
