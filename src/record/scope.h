/*
 * HDF5 ids and HDF5 errors. Every id a function opens is kept on one scope object and closed with
 * it, last first, so that record code reads as what it writes and not as cleanup. Failures carry
 * the library's own error stack in our text, innermost cause first.
 */
#ifndef EBB_RECORD_SCOPE_H
#define EBB_RECORD_SCOPE_H

#define H5_USE_110_API /* the same calls with 1.12 and 1.14 */
#include <hdf5.h>
#include "base/err.h"

struct ebb_h5scope {
	hid_t *id;
	int n, capacity;
};

#define EBB_H5SCOPE_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}

/* Keep an id until the scope closes; a negative id (a failed call) passes through untouched. */
hid_t ebb_h5_keep(struct ebb_h5scope *h5, hid_t id);

/* Close everything kept, last first; the scope is then empty and usable again. Errors of closing
 * are not reported: a file whose bytes matter is closed with ebb_h5_close_file. */
void ebb_h5scope_close(struct ebb_h5scope *h5);

/*
 * The end of a file that was written, good or bad: flush it, then close everything kept. Where the
 * flush fails (a full disk), nothing is closed: 1.10.8 frees a dataset that it cannot write and
 * keeps its id, and later crashes on it. The ids are given up as they are, open, until the process
 * ends; the caller removes the file. path names it in the error.
 */
int ebb_h5_close_file(struct ebb_h5scope *h5, hid_t file, const char *path, struct ebb_err *err);

/* Turn a failed HDF5 call into our error: the text, then the library's stack, then a remedy where
 * the cause is known (locks, a full disk). Call it before any other HDF5 function. A lock held by
 * somebody else makes the code EBB_EBUSY, whatever was asked. Returns the code. */
int ebb_h5_fail(struct ebb_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Attributes. Strings are variable-length UTF-8, so that h5py gives str. */
int ebb_h5_put_str(hid_t loc, const char *name, const char *value, struct ebb_err *err);
int ebb_h5_put_strs(hid_t loc, const char *name, const char *const *value, size_t n,
		    struct ebb_err *err);
int ebb_h5_put_i64(hid_t loc, const char *name, int64_t value, struct ebb_err *err);
int ebb_h5_put_u64(hid_t loc, const char *name, uint64_t value, struct ebb_err *err);
int ebb_h5_put_u64s(hid_t loc, const char *name, const uint64_t *value, size_t n,
		    struct ebb_err *err);
int ebb_h5_put_f64(hid_t loc, const char *name, double value, struct ebb_err *err);
/* An enumeration FALSE, TRUE: h5py gives bool. */
int ebb_h5_put_bool(hid_t loc, const char *name, int value, struct ebb_err *err);

/* Reading: EBB_ENOENT where the attribute is missing, EBB_EFORMAT where it is of another kind or
 * larger than anything we write. The caller frees strings and lists (n may be 0, *value is never
 * null on success). */
int ebb_h5_get_str(hid_t loc, const char *name, char **value, struct ebb_err *err);
int ebb_h5_get_strs(hid_t loc, const char *name, char ***value, size_t *n, struct ebb_err *err);
int ebb_h5_get_i64(hid_t loc, const char *name, int64_t *value, struct ebb_err *err);
int ebb_h5_get_u64s(hid_t loc, const char *name, uint64_t **value, size_t *n, struct ebb_err *err);

/* EBB_EFORMAT where a text that people will see holds what could drive their terminal (base/text.h): we
 * write none such. what: "its label". */
int ebb_h5_check_plain(const char *text, const char *what, struct ebb_err *err);

/* Free a list of strings; safe on null. */
void ebb_h5_free_strs(char **value, size_t n);

#endif
