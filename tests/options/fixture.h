/* A catalog of two invented tasks and a reader of definitions given as text. */
#ifndef EBB_TESTS_OPTIONS_FIXTURE_H
#define EBB_TESTS_OPTIONS_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "options/definition.h"

struct fake_chain {
	double slip;
	int64_t styles;
	char note[EBB_STR_MAX];
	int mode;
	bool loud;
};

struct fake_maze {
	int64_t styles; /* the same key as chain's, another range */
	double walls;
};

static const char *const fake_mode[] = {"calm", "very-wild", NULL};

static const struct ebb_option fake_chain_row[] = {
	{"task", "slip", EBB_TYPE_F64, "0.2", "[0,1]", "", EBB_SCIENCE, "slippery", "a probability",
	 NULL, offsetof(struct fake_chain, slip), true},
	{"task", "styles", EBB_TYPE_INT, "0", "[0,6]", "", EBB_SCIENCE, "", "a count", NULL,
	 offsetof(struct fake_chain, styles), true},
	{"task", "note", EBB_TYPE_STR, "none", "", "", EBB_SCIENCE, "", "a text", NULL,
	 offsetof(struct fake_chain, note), true},
	{"task", "mode", EBB_TYPE_ENUM, "calm", "", "", EBB_SCIENCE, "", "a choice", fake_mode,
	 offsetof(struct fake_chain, mode), true},
	{"task", "loud", EBB_TYPE_BOOL, "false", "", "", EBB_RUN, "", "a switch", NULL,
	 offsetof(struct fake_chain, loud), true},
};

static const struct ebb_option fake_maze_row[] = {
	{"task", "styles", EBB_TYPE_INT, "50", "[10,90]", "", EBB_SCIENCE, "", "a count", NULL,
	 offsetof(struct fake_maze, styles), true},
	{"task", "walls", EBB_TYPE_F64, "0.5", "[0,1]", "", EBB_SCIENCE, "", "a share", NULL,
	 offsetof(struct fake_maze, walls), true},
};

static const struct ebb_task_preset fake_chain_preset[] = {
	{"main", "task.slip=0.2", "the usual one"},
	{"rare", "task.slip=0.3 pretrain.from=main pretrain.steps=80 clip.low=0.11 clip.high=0.12",
	 "the other one"},
};

static const struct ebb_task_preset fake_maze_preset[] = {
	{"main", "", "the usual one"},
	{"tight", "task.walls=0.9", "many walls"},
};

static const struct ebb_task_rows fake_task[] = {
	{"chain", fake_chain_row, 5, fake_chain_preset, 2},
	{"maze", fake_maze_row, 2, fake_maze_preset, 2},
};

static const struct ebb_catalog fake = {fake_task, 2};

struct reading {
	struct ebb_definition def;
	struct ebb_diag diag;
	struct ebb_err err;
	int rc;
	char folder[64], path[80]; /* path: the first of the files                 */
};

#define FILES_MAX 4

/* Read texts of n bytes each as case.yaml, case1.yaml ... with overrides up to a null. */
static inline void read_files(struct reading *r, const char *const *bytes, const size_t *n,
			      int n_files, const char *const *override)
{
	char path[FILES_MAX][80];
	const char *name[FILES_MAX];
	int n_overrides = 0;

	memset(r, 0, sizeof *r);
	cr_assert(n_files <= FILES_MAX);
	snprintf(r->folder, sizeof r->folder, "/tmp/ebb-options-XXXXXX");
	cr_assert(mkdtemp(r->folder) != NULL);
	snprintf(r->path, sizeof r->path, "%s/case.yaml", r->folder);
	for (int i = 0; i < n_files; i++) {
		FILE *f;

		snprintf(path[i], sizeof path[i], "%s/case%.*d.yaml", r->folder, i > 0, i);
		name[i] = path[i];
		f = fopen(path[i], "wb");
		cr_assert(f != NULL);
		cr_assert_eq(fwrite(bytes[i], 1, n[i], f), n[i]);
		fclose(f);
	}
	while (override && override[n_overrides])
		n_overrides++;
	r->rc = ebb_definition_read(&r->def, &fake, name, n_files, override, n_overrides, &r->diag,
				    &r->err);
	for (int i = 0; i < r->diag.n; i++) /* the sink borrows our paths */
		r->diag.entry[i].mark.file = strstr(r->diag.entry[i].mark.file, "case1")   ? "case1"
					     : strstr(r->diag.entry[i].mark.file, "case2") ? "case2"
					     : strstr(r->diag.entry[i].mark.file, "case")
						     ? "case"
						     : "command line";
	for (int i = 0; i < n_files; i++)
		unlink(path[i]);
	rmdir(r->folder);
}

static inline void read_bytes(struct reading *r, const char *bytes, size_t n,
			      const char *const *override)
{
	read_files(r, &bytes, &n, 1, override);
}

#define READ(r, yaml, ...)                                                                         \
	read_bytes(r, yaml, strlen(yaml), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Two files. */
#define READ_TWO(r, one, two, ...)                                                                 \
	read_files(r, (const char *const[]){one, two}, (size_t[]){strlen(one), strlen(two)}, 2,    \
		   (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Overrides alone. */
#define READ_LINE(r, ...) read_line(r, (const char *const[]){__VA_ARGS__, NULL})

static inline void read_line(struct reading *r, const char *const *override)
{
	int n = 0;

	memset(r, 0, sizeof *r);
	while (override[n])
		n++;
	r->rc = ebb_definition_read(&r->def, &fake, NULL, 0, override, n, &r->diag, &r->err);
}

static inline void done(struct reading *r)
{
	ebb_definition_release(&r->def);
	ebb_diag_release(&r->diag);
}

/* Print what was found; for the messages of failing tests. */
static inline void show(const struct reading *r)
{
	for (int i = 0; i < r->diag.n; i++)
		fprintf(stderr, "  %d:%d [%d] %s\n", r->diag.entry[i].mark.line,
			r->diag.entry[i].mark.column, (int)r->diag.entry[i].severity,
			r->diag.entry[i].text);
}

#define EXPECT_FINE(r)                                                                             \
	do {                                                                                       \
		if ((r)->rc != 0)                                                                  \
			show(r);                                                                   \
		cr_assert_eq((r)->rc, 0, "%s", (r)->err.text);                                     \
		cr_assert_eq((r)->diag.n_errors, 0);                                               \
	} while (0)

/* Is there a finding of this severity at line:column whose text holds part? */
static inline bool found(const struct reading *r, enum ebb_severity severity, int line, int column,
			 const char *part)
{
	for (int i = 0; i < r->diag.n; i++) {
		const struct ebb_diag_entry *e = &r->diag.entry[i];

		if (e->severity == severity && e->mark.line == line && e->mark.column == column &&
		    strstr(e->text, part))
			return true;
	}
	fprintf(stderr, "nothing at %d:%d with '%s' among\n", line, column, part);
	show(r);
	return false;
}

static inline const struct ebb_arm *arm_of(const struct reading *r, const char *label)
{
	for (int i = 0; i < r->def.n_arms; i++)
		if (strcmp(r->def.arm[i].label, label) == 0)
			return &r->def.arm[i];
	for (int i = 0; i < r->def.n_arms; i++)
		fprintf(stderr, "  arm '%s'\n", r->def.arm[i].label);
	cr_expect_fail("no arm '%s'", label);
	exit(3); /* cr_assert_fail does not tell the compiler that it never returns */
}

static inline struct fake_chain chain_of(const struct ebb_options *o)
{
	struct fake_chain c;

	memcpy(&c, o->task_own, sizeof c);
	return c;
}

#endif
