/*
 * A sweep of 300 tiny trials from outside, with fewer file descriptors than trials: what was counted,
 * what the index links to, and that nobody who reads it keeps files open or takes long.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "record/record.h"

#define ARMS    30
#define SEEDS   10
#define TRIALS  (ARMS * SEEDS)
#define FILES   256
#define SECONDS 10 /* for a command that only reads: it takes a few tenths */

static char dir[] = "/tmp/ebb-many-XXXXXX";
static struct ebb_buf output; /* stdout and stderr of the last command */

static void begin(void)
{
	struct rlimit files = {FILES, FILES};

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_not_null(getenv("EBB_EXE"), "EBB_EXE is not set; run through meson test");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ebb_record_setup();
}

static void end(void)
{
	char *line = ebb_xprintf("rm -rf %s", dir);

	cr_expect_eq(system(line), 0);
	free(line);
	ebb_buf_release(&output);
}

TestSuite(many, .init = begin, .fini = end, .timeout = 280);

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Run "ebb ARGUMENTS" in the test's folder, which must succeed; returns its seconds. */
static double ebb(const char *arguments)
{
	char *line = ebb_xprintf("cd %s && %s %s 2>&1", dir, getenv("EBB_EXE"), arguments);
	char chunk[4096];
	double started = now();
	FILE *f = popen(line, "r");
	size_t n;
	int status;

	cr_assert_not_null(f);
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		ebb_buf_add(&output, chunk, n);
	status = pclose(f);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ebb %s: %s", arguments,
		  output.data);
	free(line);
	return now() - started;
}

static void says(const char *text)
{
	cr_assert(strstr(output.data, text), "expected '%s' in:\n%s", text, output.data);
}

static int occurrences(const char *text)
{
	int n = 0;

	for (const char *at = output.data; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static void write_definition(void)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char *path = ebb_path_join(dir, "many.yaml");

	ebb_buf_puts(&b, "name: many\n"
			 "task: {name: chain, preset: main}\n"
			 "algorithm: grpo\n"
			 "model: {layers: 1, width: 8, heads: 1, ffn: 8}\n"
			 "pretrain: {steps: 1, batch: 4, warmup: 0}\n"
			 "train: {steps: 3, prompts: 2, group: 2, minibatches: 1}\n"
			 "eval: {questions: 4, samples: 2, cadence: 0}\n"
			 "record: {snapshot: 0}\n"
			 "sweep:\n  alpha: [");
	for (int a = 0; a < ARMS; a++)
		ebb_buf_printf(&b, "%s%g", a > 0 ? ", " : "", 0.0005 * a);
	ebb_buf_printf(&b, "]\nseeds: %d\n", SEEDS);
	cr_assert_eq(ebb_file_write(path, b.data, b.len, &err), 0, "%s", err.text);
	ebb_buf_release(&b);
	free(path);
}

/* Files of a folder under dir whose name ends so. */
static int count(const char *folder, const char *ending)
{
	char *path = ebb_path_join(dir, folder);
	DIR *d = opendir(path);
	struct dirent *e;
	size_t length, tail = strlen(ending);
	int n = 0;

	cr_assert_not_null(d, "%s", path);
	while ((e = readdir(d)) != NULL) {
		length = strlen(e->d_name);
		n += length > tail && strcmp(e->d_name + length - tail, ending) == 0;
	}
	closedir(d);
	free(path);
	return n;
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	cr_assert_not_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Follow the link as any reader of HDF5 would: it leads to this trial with this seed. */
static void check_link(hid_t index, const char *link, const char *id, uint64_t seed)
{
	char found[64] = "";
	uint64_t of = 0;
	hid_t trial = H5Oopen(index, link, H5P_DEFAULT), a, type;

	cr_assert_geq(trial, 0, "'%s' leads nowhere", link);
	a = H5Aopen(trial, "trial_id", H5P_DEFAULT);
	type = H5Aget_type(a);
	if (H5Tis_variable_str(type) > 0) {
		char *text = NULL;

		cr_assert_geq(H5Aread(a, type, &text), 0);
		snprintf(found, sizeof found, "%s", text);
		H5free_memory(text);
	} else {
		cr_assert_lt(H5Tget_size(type), sizeof found);
		cr_assert_geq(H5Aread(a, type, found), 0);
	}
	H5Tclose(type);
	H5Aclose(a);
	cr_assert_str_eq(found, id, "'%s' leads to %s", link, found);
	a = H5Aopen(trial, "seed", H5P_DEFAULT);
	cr_assert_geq(H5Aread(a, H5T_NATIVE_UINT64, &of), 0);
	H5Aclose(a);
	cr_assert_eq(of, seed, "'%s' leads to seed %llu", link, (unsigned long long)of);
	H5Oclose(trial);
}

static void check_index(const char *run_dir)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char *path = ebb_path_join(run_dir, "run.h5");
	hid_t index = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);

	cr_assert_geq(index, 0);
	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	cr_assert(run.n_arms == ARMS && run.n_seeds == SEEDS);
	for (int a = 0; a < ARMS; a++)
		for (int s = 0; s < SEEDS; s++) {
			const char *id = run.trial[a * SEEDS + s];
			char *link = ebb_xprintf("/arms/%03d %s/%llu", a, run.arm[a].label,
						 (unsigned long long)run.seed[s]);

			cr_assert(run.finished[a * SEEDS + s], "%s", link);
			check_link(index, link, id, run.seed[s]);
			free(link);
			link = ebb_xprintf("/trials/%s", id);
			check_link(index, link, id, run.seed[s]);
			free(link);
		}
	ebb_run_release(&run);
	H5Fclose(index);
	free(path);
}

/* Every trial's curve through our own reader, which must not keep what it opened. */
static void check_reading(const char *run_dir)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_array x;
	struct ebb_run run;
	int before;

	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	before = open_files();
	for (int i = 0; i < TRIALS; i++) {
		cr_assert_eq(ebb_run_read(&run, i / SEEDS, i % SEEDS, "actor/entropy", &x, &err), 0,
			     "%s", err.text);
		cr_assert_eq(x.dim[0], 3);
		ebb_array_release(&x);
	}
	cr_assert_eq(open_files(), before, "%d files were left open", open_files() - before);
	ebb_run_release(&run);
}

Test(many, three_hundred_trials)
{
	char *run_dir = ebb_path_join(dir, "r");
	double seconds;

	write_definition();
	ebb("run many.yaml --out r --jobs 2");
	says("300 trials: 0 were finished, 300 done now");
	cr_assert_eq(count("r/trials", ".h5"), TRIALS);
	cr_assert_eq(count("r/trials", ".part"), 0);
	cr_assert_eq(count("r/trials", ".tmp"), 0);
	check_index(run_dir);
	check_reading(run_dir);

	seconds = ebb("run many.yaml --out r --jobs 2");
	says("300 were finished, 0 done now");
	cr_assert_lt(seconds, SECONDS);
	check_index(run_dir);

	seconds = ebb("compare r --metric entropy --json");
	cr_assert_lt(seconds, SECONDS);
	cr_assert_eq(occurrences("\"arm\":"), ARMS);
	cr_assert_eq(occurrences("\"seed\":"), TRIALS);
	cr_assert_eq(occurrences("\"unfinished\":0"), ARMS);
	cr_assert_eq(occurrences("\"pairs\":10"), ARMS - 1);

	seconds = ebb("status r");
	cr_assert_lt(seconds, SECONDS);

	if (system("command -v gnuplot >/dev/null") == 0) {
		seconds = ebb("plot r entropy reward-vs-entropy");
		cr_assert_lt(seconds, SECONDS);
		says("no room for 14 of the arms");
		cr_assert_eq(count("r/figures", ".png"), 2);
	}
	free(run_dir);
}
