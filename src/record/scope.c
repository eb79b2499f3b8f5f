#include "record/scope.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "record/record.h"

/*
 * No cleaning up at exit: every file of ours is closed by then, and after a write that failed
 * 1.10.8 closes at exit, for the second time, the datasets it could not close before, and crashes.
 * The thread-safe library keeps one error stack, and one printing switch, a thread.
 */
void ebb_record_setup(void)
{
	static __thread bool done;

	if (done)
		return;
	H5dont_atexit();
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	done = true;
}

hid_t ebb_h5_keep(struct ebb_h5scope *h5, hid_t id)
{
	if (id < 0)
		return id;
	if (h5->n == h5->capacity) {
		h5->capacity = h5->capacity ? 2 * h5->capacity : 16;
		h5->id = ebb_xrealloc(h5->id, (size_t)h5->capacity, sizeof *h5->id);
	}
	return h5->id[h5->n++] = id;
}

void ebb_h5scope_close(struct ebb_h5scope *h5)
{
	while (h5->n > 0)
		H5Idec_ref(h5->id[--h5->n]);
	free(h5->id);
	*h5 = (struct ebb_h5scope)EBB_H5SCOPE_INIT;
}

int ebb_h5_close_file(struct ebb_h5scope *h5, hid_t file, const char *path, struct ebb_err *err)
{
	bool kept = false;
	int rc = 0;

	if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) {
		rc = ebb_h5_fail(err, EBB_EIO, "cannot complete '%s'", path);
		h5->n = 0;
	}
	for (int i = 0; i < h5->n; i++) {
		kept = kept || h5->id[i] == file;
		if (kept && i + 1 < h5->n) /* the file last: only its closing tells of errors */
			h5->id[i] = h5->id[i + 1];
	}
	if (kept)
		h5->n--;
	ebb_h5scope_close(h5);
	if (rc == 0 && H5Fclose(file) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot complete '%s'", path);
	return rc;
}

struct stack {
	struct ebb_buf text;
	int n;
	const char *remedy;
	bool busy;
};

/* "file write failed: time = ..., errno = 28, error message = 'No space left on device', buf = ..."
 * becomes "file write failed: No space left on device"; other entries are short as they are. */
static void add_entry(struct ebb_buf *text, const char *desc)
{
	const char *message = strstr(desc, "error message = '"), *end, *colon = strchr(desc, ':');

	if (message && colon && (end = strchr(message + 17, '\'')) != NULL)
		ebb_buf_printf(text, "%.*s: %.*s", (int)(colon - desc), desc,
			       (int)(end - message - 17), message + 17);
	else
		ebb_buf_printf(text, "%.200s", desc);
}

/* Entries come innermost first; four are enough to see the cause and where it surfaced. The number
 * of the system's error stands in the innermost text, in words the library has kept for years. */
static herr_t stack_entry(unsigned n, const H5E_error2_t *e, void *ctx)
{
	struct stack *s = ctx;
	const char *desc = e->desc ? e->desc : "", *number = strstr(desc, "errno = ");
	int code = number ? atoi(number + 8) : 0;

	if (s->n < 4) {
		ebb_buf_puts(&s->text, s->n ? "; " : "hdf5: ");
		add_entry(&s->text, desc);
		s->n++;
	}
	if (strstr(desc, "unable to lock file")) {
		s->busy = code == EAGAIN || code == EACCES;
		s->remedy = s->busy ? "another process has the file open for writing; wait for it, "
				      "or, where none has, set HDF5_USE_FILE_LOCKING=FALSE"
				    : "the file system does not support locks; set "
				      "HDF5_USE_FILE_LOCKING=FALSE";
	} else if (strstr(desc, "truncated file") || strstr(desc, "signature not found")) {
		s->remedy = "the file is cut short or damaged; remove it and what it held is "
			    "made again";
	} else if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
		s->remedy = "no room left for the file; free some space and run again";
	} else if (code == EACCES || code == EROFS) {
		s->remedy = "choose a directory that can be written";
	}
	return 0;
}

int ebb_h5_fail(struct ebb_err *err, int code, const char *fmt, ...)
{
	struct stack s = {.text = EBB_BUF_INIT};
	char *text;
	va_list ap;

	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, stack_entry, &s);
	H5Eclear2(H5E_DEFAULT);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		EBB_BUG("out of memory");
	va_end(ap);
	if (s.busy)
		code = EBB_EBUSY;
	ebb_err_set(err, code, "%s%s%s%s%s", text, s.n ? ": " : "", s.n ? s.text.data : "",
		    s.remedy ? "; " : "", s.remedy ? s.remedy : "");
	free(text);
	ebb_buf_release(&s.text);
	return code;
}
