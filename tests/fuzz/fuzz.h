/*
 * Fuzzing everything that reads what others wrote. A harness is one file: LLVMFuzzerTestOneInput
 * reads the bytes as a user's file and checks what must hold whatever they are; the rest of the
 * contract is below. The same harness is linked twice:
 *
 *   driver.c     any compiler: replays the corpus, then a counted number of seeded mutations; a test
 *   libfuzzer.c  clang: coverage-guided, for as long as one likes (docs/fuzzing.md)
 *
 * Both mutate with mutate.c, which knows tokens, lines and the words of our tables.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/diag.h"
#include "base/err.h"

/* Byte strings; bytes are followed by a zero that n does not count. */
struct fuzz_list {
	struct fuzz_bytes {
		uint8_t *data;
		size_t n;
		char *name; /* of a corpus file; null: made */
	} * at;
	int n, capacity;
};
void fuzz_list_add(struct fuzz_list *list, const void *data, size_t n, const char *name);
void fuzz_list_puts(struct fuzz_list *list, const char *word);

/* ---- what a harness gives ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Was the last input read without a complaint? The driver expects it of corpus files whose names
 * start with "good", and the opposite of those that start with "bad". */
extern bool fuzz_accepted;
/* Say on stderr what the readers said. */
extern bool fuzz_verbose;

struct fuzz_target {
	const char *name;
	bool text;                           /* lines and tokens, not only bytes      */
	size_t max_bytes;                    /* of an input that a mutation may make   */
	void (*words)(struct fuzz_list *to); /* dictionary; may be null                    */
	void (*seeds)(struct fuzz_list *to); /* inputs made rather than stored; may be null */
};
extern const struct fuzz_target fuzz_target;

/* ---- what it may use ---- */

/* What must hold; aborts with the text otherwise. */
#define FUZZ_HOLDS(condition, ...)                                                                 \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_broken(__FILE__, __LINE__, #condition, __VA_ARGS__);                  \
	} while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The path of a file in memory that holds these bytes until the next call for this slot. */
#define FUZZ_FILES_MAX 4
const char *fuzz_file(int slot, const void *data, size_t n);

/* A folder, in memory where the machine has such a place. The process that asked first removes it at
 * its exit; its children share it. */
const char *fuzz_folder(void);

/* Messages go to terminals: UTF-8, no control characters but line breaks, not empty. */
void fuzz_check_text(const char *text);
void fuzz_check_err(int rc, const struct ebb_err *err);
/* Every finding has such a text and a place inside the bytes that were read; counts agree. */
void fuzz_check_findings(struct ebb_diag *diag, const void *data, size_t n);

/* Words of the tables: options with aliases and choices, tasks, presets, metrics. */
void fuzz_words_of_options(struct fuzz_list *to);

/* ---- mutate.c ---- */

/* Change data in place, a few times; the new length, at most room. other: something to splice in. */
struct ebb_rng;
size_t fuzz_mutate(struct ebb_rng *r, uint8_t *data, size_t n, size_t room,
		   const struct fuzz_bytes *other, const struct fuzz_list *words, bool text);

#endif
