/*
 * A harness without libFuzzer: every file of the corpus folder and every seed the harness makes,
 * then a counted number of mutations. Execution k is a pure function of --seed and k, so a failure
 * comes back with --only k. The inputs run in a child; when it dies, or one input takes longer than
 * the limit, the parent keeps the input and says how to see it again.
 *
 *   fuzz_X [--corpus FOLDER] [--runs N] [--seed S] [--limit SECONDS]
 *   fuzz_X [--corpus FOLDER] --only K, fuzz_X FILE...            and what the readers say of it
 *   fuzz_X --write-dictionary FILE | --write-seeds FOLDER        for libFuzzer
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "fuzz.h"

#define FILE_MAX     ((size_t)64 << 20)
#define MEMORY_BYTES ((rlim_t)2 << 30)

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct flags {
	const char *corpus;
	uint64_t seed;
	uint32_t runs, only;
	unsigned limit_s;
	bool has_only;
};

/* What the child is doing, for the parent to see. */
struct current {
	uint32_t run, accepted; /* run: UINT32_MAX while files are replayed */
	char name[256];
	size_t n;
	uint8_t data[];
};

static void die(const struct ebb_err *err)
{
	fprintf(stderr, "%s: %s\n", fuzz_target.name, err->text);
	exit(2);
}

static void add_file(struct fuzz_list *list, const char *path)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *data;
	size_t n;

	if (ebb_file_read(path, FILE_MAX, &data, &n, &err) < 0)
		die(&err);
	fuzz_list_add(list, data, n, path);
	free(data);
}

static void add_folder(struct fuzz_list *list, const char *folder)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, NULL, alphasort); /* in order: runs must come back */

	if (n < 0) {
		fprintf(stderr, "%s: cannot list '%s': %s\n", fuzz_target.name, folder,
			strerror(errno));
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		char *path = ebb_path_join(folder, entry[i]->d_name);

		if (entry[i]->d_name[0] != '.')
			add_file(list, path);
		free(path);
		free(entry[i]);
	}
	free(entry);
}

/* ---- the child ---- */

static void execute(struct current *now, unsigned limit_s)
{
	alarm(limit_s);
	fuzz_accepted = false;
	LLVMFuzzerTestOneInput(now->data, now->n);
	alarm(0);
	now->accepted += fuzz_accepted;
}

static void replay(struct current *now, const struct fuzz_bytes *b, unsigned limit_s)
{
	const char *slash = b->name ? strrchr(b->name, '/') : NULL, *name = slash     ? slash + 1
									    : b->name ? b->name
										      : "";

	snprintf(now->name, sizeof now->name, "%s", b->name ? b->name : "a made seed");
	now->n = b->n;
	memcpy(now->data, b->data, b->n);
	execute(now, limit_s);
	if (strncmp(name, "good", 4) == 0)
		FUZZ_HOLDS(fuzz_accepted, "'%s' was refused", name);
	if (strncmp(name, "bad", 3) == 0)
		FUZZ_HOLDS(!fuzz_accepted, "'%s' was accepted", name);
}

static void mutate_one(struct current *now, const struct flags *f, const struct fuzz_list *seeds,
		       const struct fuzz_list *words, uint32_t run)
{
	struct ebb_rng r = {{.seed = f->seed, .stream = EBB_STREAM_TEST, .step = run}, 0};
	const struct fuzz_bytes *base = &seeds->at[ebb_rng_below(&r, (uint32_t)seeds->n)];
	const struct fuzz_bytes *other = &seeds->at[ebb_rng_below(&r, (uint32_t)seeds->n)];

	now->run = run;
	now->n = base->n < fuzz_target.max_bytes ? base->n : fuzz_target.max_bytes;
	memcpy(now->data, base->data, now->n);
	now->n = fuzz_mutate(&r, now->data, now->n, fuzz_target.max_bytes, other, words,
			     fuzz_target.text);
	execute(now, f->limit_s);
}

static void child(struct current *now, const struct flags *f, const struct fuzz_list *seeds,
		  const struct fuzz_list *words)
{
	struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, core = {0, 0};

	setrlimit(RLIMIT_CORE, &core);
	if (!SANITIZED) /* whose shadow takes terabytes of addresses */
		setrlimit(RLIMIT_AS, &memory);
	if (f->has_only) {
		mutate_one(now, f, seeds, words, f->only);
		exit(0);
	}
	now->run = UINT32_MAX;
	for (int i = 0; i < seeds->n; i++)
		replay(now, &seeds->at[i], f->limit_s);
	for (uint32_t run = 0; run < f->runs; run++)
		mutate_one(now, f, seeds, words, run);
	exit(0); /* not _exit: leaks are looked for on the way out */
}

/* ---- the parent ---- */

static int report(const struct current *now, const struct flags *f, int status)
{
	struct ebb_err err = EBB_ERR_INIT;
	char hex[13], *path;

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(stderr, "%s: took longer than %u s", fuzz_target.name, f->limit_s);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "%s: died of %s", fuzz_target.name, strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "%s: ended with status %d", fuzz_target.name, WEXITSTATUS(status));
	if (now->run == UINT32_MAX)
		fprintf(stderr, " on %s\n", now->name);
	else
		fprintf(stderr, " on run %u: --only %u\n", now->run, now->run);
	ebb_sha256_hex(now->data, now->n, hex, 12);
	path = ebb_xprintf("/tmp/%s-%s", fuzz_target.name, hex);
	if (ebb_file_write(path, now->data, now->n, &err) == 0)
		fprintf(stderr, "%s: the input is kept: %s\n", fuzz_target.name, path);
	else
		fprintf(stderr, "%s: %s\n", fuzz_target.name, err.text);
	free(path);
	return 1;
}

static int run_all(const struct flags *f, const struct fuzz_list *seeds,
		   const struct fuzz_list *words)
{
	size_t room = fuzz_target.max_bytes;
	struct current *now;
	struct timespec t0, t1;
	int status;
	pid_t pid;

	for (int i = 0; i < seeds->n; i++)
		room = seeds->at[i].n > room ? seeds->at[i].n : room;
	now = mmap(NULL, sizeof *now + room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	if (now == MAP_FAILED)
		EBB_BUG("no shared memory");
	fuzz_folder(); /* ours: it goes away also where the child dies */
	clock_gettime(CLOCK_MONOTONIC, &t0);
	pid = fork();
	if (pid == 0)
		child(now, f, seeds, words);
	while (pid < 0 || (waitpid(pid, &status, 0) < 0 && errno == EINTR))
		if (pid < 0)
			EBB_BUG("no process");
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (status != 0)
		return report(now, f, status);
	printf("%s: %d seeds, %u mutations, %u inputs accepted, %.1f s\n", fuzz_target.name,
	       seeds->n, f->has_only ? 1 : f->runs, now->accepted,
	       (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
	return 0;
}

/* ---- for libFuzzer ---- */

static int write_dictionary(const char *path, const struct fuzz_list *words)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return 2;
	for (int i = 0; i < words->n; i++) {
		fputc('"', out);
		for (size_t k = 0; k < words->at[i].n; k++)
			fprintf(out, "\\x%02x", words->at[i].data[k]);
		fputs("\"\n", out);
	}
	return fclose(out) == 0 ? 0 : 2;
}

static int write_seeds(const char *folder, const struct fuzz_list *seeds)
{
	struct ebb_err err = EBB_ERR_INIT;

	if (ebb_dir_make(folder, &err) < 0)
		die(&err);
	for (int i = 0; i < seeds->n; i++) {
		char *path = ebb_xprintf("%s/seed-%04d", folder, i);

		if (ebb_file_write(path, seeds->at[i].data, seeds->at[i].n, &err) < 0)
			die(&err);
		free(path);
	}
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t x = strtoull(text ? text : "", &end, 10);

	if (!text || end == text || *end) {
		fprintf(stderr, "%s: '%s' is no number\n", fuzz_target.name, text ? text : "");
		exit(2);
	}
	return x;
}

int main(int argc, char **argv)
{
	struct flags f = {.runs = 1000, .seed = 1, .limit_s = SANITIZED ? 60 : 20};
	const char *dictionary = NULL, *folder = NULL;
	static struct fuzz_list seeds, words; /* live as long as the process */
	bool files = false;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *value = argv[i + 1];

		if (a[0] != '-') {
			add_file(&seeds, a);
			files = true;
			continue;
		}
		if (strcmp(a, "--corpus") == 0)
			f.corpus = value;
		else if (strcmp(a, "--runs") == 0)
			f.runs = (uint32_t)number(value);
		else if (strcmp(a, "--seed") == 0)
			f.seed = number(value);
		else if (strcmp(a, "--limit") == 0)
			f.limit_s = (unsigned)number(value);
		else if (strcmp(a, "--only") == 0) {
			f.only = (uint32_t)number(value);
			f.has_only = true;
		} else if (strcmp(a, "--write-dictionary") == 0)
			dictionary = value;
		else if (strcmp(a, "--write-seeds") == 0)
			folder = value;
		else {
			fprintf(stderr, "%s: unknown option '%s'\n", fuzz_target.name, a);
			return 2;
		}
		if (!value) {
			fprintf(stderr, "%s: '%s' needs a value\n", fuzz_target.name, a);
			return 2;
		}
		i++;
	}
	if (f.corpus)
		add_folder(&seeds, f.corpus);
	if (fuzz_target.seeds && !files)
		fuzz_target.seeds(&seeds);
	if (fuzz_target.words)
		fuzz_target.words(&words);
	if (files)
		f.runs = 0;
	fuzz_verbose = files || f.has_only;
	if (dictionary)
		return write_dictionary(dictionary, &words);
	if (folder)
		return write_seeds(folder, &seeds);
	if (seeds.n == 0) {
		fprintf(stderr, "%s: no seeds: give --corpus or files\n", fuzz_target.name);
		return 2;
	}
	return run_all(&f, &seeds, &words);
}
