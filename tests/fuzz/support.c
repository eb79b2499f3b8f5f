/* What harnesses share: lists, files in memory, checks of messages, words of the tables. */
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "fuzz.h"
#include "options/definition.h"
#include "options/metrics.h"
#include "options/text.h"
#include "task/task.h"

bool fuzz_accepted, fuzz_verbose;

void fuzz_broken(const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: does not hold: %s: ", file, line, what);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void fuzz_list_add(struct fuzz_list *list, const void *data, size_t n, const char *name)
{
	struct fuzz_bytes b = {ebb_xcalloc(n + 1, 1), n, name ? ebb_xstrdup(name) : NULL};

	if (n)
		memcpy(b.data, data, n);
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 64;
		list->at = ebb_xrealloc(list->at, (size_t)list->capacity, sizeof *list->at);
	}
	list->at[list->n++] = b;
}

void fuzz_list_puts(struct fuzz_list *list, const char *word)
{
	fuzz_list_add(list, word, strlen(word), NULL);
}

/* ---- files ---- */

const char *fuzz_file(int slot, const void *data, size_t n)
{
	static struct {
		char path[64];
		int fd; /* 0: not made yet */
	} file[FUZZ_FILES_MAX], *f;

	f = &file[slot];
	if (f->fd == 0) {
		f->fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
	}
	if (f->fd < 0 || ftruncate(f->fd, 0) < 0 || pwrite(f->fd, data, n, 0) != (ssize_t)n)
		EBB_BUG("no file in memory");
	return f->path;
}

static char folder[64];
static pid_t folder_owner;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static void folder_remove(void)
{
	if (folder[0] && getpid() == folder_owner)
		nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
	if (folder[0])
		return folder;
	snprintf(folder, sizeof folder, "%s/ebb-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		EBB_BUG("no folder '%s'", folder);
	folder_owner = getpid();
	atexit(folder_remove);
	return folder;
}

/* ---- messages ---- */

void fuzz_check_text(const char *text)
{
	char *copy = ebb_xstrdup(text);

	FUZZ_HOLDS(text[0], "an empty message");
	for (char *c = copy; *c; c++)
		*c = *c == '\n' || *c == '\t' ? ' ' : *c;
	FUZZ_HOLDS(ebb_text_is_plain(copy), "bytes for no terminal in '%s'", text);
	free(copy);
}

void fuzz_check_err(int rc, const struct ebb_err *err)
{
	if (rc == 0)
		return;
	if (fuzz_verbose)
		fprintf(stderr, "%s\n", err->text);
	FUZZ_HOLDS(rc < 0 && err->code == rc, "returned %d, code %d", rc, err->code);
	fuzz_check_text(err->text);
}

void fuzz_check_findings(struct ebb_diag *diag, const void *data, size_t n)
{
	static FILE *nowhere;
	const char *at = data, *end = at + n;
	int lines = 1, errors = 0;

	/* a line ends as YAML says: \n, \r\n, \r, NEL, LS, PS; the last three count too often here */
	for (; at < end; at++)
		lines += *at == '\n' || *at == '\r' || (unsigned char)*at == 0x85 ||
			 (unsigned char)*at == 0xa8 || (unsigned char)*at == 0xa9;
	for (int i = 0; i < diag->n; i++) {
		const struct ebb_diag_entry *e = &diag->entry[i];

		fuzz_check_text(e->text);
		FUZZ_HOLDS(e->mark.line >= 0 && e->mark.line <= lines + 1 && e->mark.column >= 0 &&
				   (size_t)e->mark.column <= n + 2,
			   "%d:%d in %d lines: %s", e->mark.line, e->mark.column, lines, e->text);
		errors += e->severity == EBB_ERROR;
	}
	FUZZ_HOLDS(errors == diag->n_errors, "%d errors, %d counted", errors, diag->n_errors);
	if (!nowhere)
		nowhere = fuzz_verbose ? stderr : fopen("/dev/null", "w");
	if (nowhere)
		FUZZ_HOLDS(ebb_diag_render(diag, nowhere) == errors, "rendered others");
}

/* ---- words ---- */

static void words_of_rows(struct fuzz_list *to, const struct ebb_option *row, int n)
{
	for (int i = 0; i < n; i++) {
		char *key = ebb_xprintf("%s.%s", row[i].group, row[i].name);

		if (i == 0 || strcmp(row[i].group, row[i - 1].group) != 0)
			fuzz_list_puts(to, row[i].group);
		fuzz_list_puts(to, key);
		fuzz_list_puts(to, row[i].name);
		if (row[i].alias[0])
			fuzz_list_puts(to, row[i].alias);
		for (int k = 0; row[i].choice && row[i].choice[k]; k++)
			fuzz_list_puts(to, row[i].choice[k]);
		free(key);
	}
}

void fuzz_words_of_options(struct fuzz_list *to)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	const struct ebb_option *row;
	const struct ebb_preset *preset;
	int n;

	row = ebb_option_rows(&n);
	words_of_rows(to, row, n);
	for (int t = 0; t < catalog->n_tasks; t++) {
		const struct ebb_task_rows *task = &catalog->task[t];

		fuzz_list_puts(to, task->name);
		words_of_rows(to, task->option, task->n_options);
		for (int p = 0; p < task->n_presets; p++)
			fuzz_list_puts(to, task->preset[p].name);
	}
	preset = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		fuzz_list_puts(to, preset[i].name);
}
