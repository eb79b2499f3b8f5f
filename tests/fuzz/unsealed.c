/*
 * How HDF5 itself takes damaged files: a trial without its seal, with a few bits flipped in each
 * copy, read whole by our reader in a process of its own. Not a test: the numbers are those of the
 * library, and stand in docs/fuzzing.md.
 *
 *   unsealed [COPIES [BITS [SEED]]]
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/rng.h"
#include "fuzz.h"
#include "made_run.h"

#define SEAL_BYTES 25
#define LIMIT_S    5

enum outcome { SAME, OTHER, REFUSED, CRASHED, HUNG, N_OUTCOMES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return 0;
}
const struct fuzz_target fuzz_target = {.name = "unsealed"};

static int read_all(double *sum)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char **name = NULL;
	int n = 0, rc = ebb_run_open(&run, made_run()->dir, &err);

	*sum = 0.0;
	if (rc == 0)
		rc = ebb_run_names(&run, 0, 0, &name, &n, &err);
	for (int i = 0; i < n && rc == 0; i++) {
		struct ebb_array a;

		rc = ebb_run_read(&run, 0, 0, name[i], &a, &err);
		if (rc < 0)
			break;
		for (int64_t k = 0; k < a.dim[0]; k++)
			*sum = 0.5 * *sum + (a.value[k] == a.value[k] ? a.value[k] : 7.0) + a.x[k];
		ebb_array_release(&a);
	}
	return rc;
}

static enum outcome try(double whole)
{
	struct rlimit core = {0, 0};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		double sum;
		int rc;

		setrlimit(RLIMIT_CORE, &core);
		if (!freopen("/dev/null", "w", stderr))
			_exit(9);
		alarm(LIMIT_S);
		rc = read_all(&sum);
		_exit(rc < 0 ? REFUSED : memcmp(&sum, &whole, sizeof sum) ? OTHER : SAME);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		EBB_BUG("no process");
	if (WIFEXITED(status) && WEXITSTATUS(status) < CRASHED)
		return (enum outcome)WEXITSTATUS(status);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? HUNG : CRASHED;
}

int main(int argc, char **argv)
{
	static const char *const word[N_OUTCOMES] = {"the same numbers", "other numbers", "refused",
						     "crashed", "hung"};
	uint32_t copies = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000,
		 bits = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
	uint64_t seed = argc > 3 ? (uint64_t)atoll(argv[3]) : 1;
	struct fuzz_list files = {0};
	int count[N_OUTCOMES] = {0};
	size_t n;
	double whole;

	if (read_all(&whole) < 0)
		EBB_BUG("the file as it was written cannot be read");
	n = made_run()->n[MADE_TRIAL] - SEAL_BYTES;
	fuzz_list_add(&files, made_run()->data[MADE_TRIAL], n, NULL);
	for (uint32_t c = 0; c < copies; c++) {
		struct ebb_rng r = {{.seed = seed, .stream = EBB_STREAM_TEST, .step = c}, 0};
		uint8_t *data = ebb_xcalloc(n, 1);

		memcpy(data, files.at[0].data, n);
		for (uint32_t b = 0; b < bits; b++) {
			uint32_t at = ebb_rng_below(&r, (uint32_t)n), bit = ebb_rng_below(&r, 8);

			data[at] ^= (uint8_t)(1u << bit);
		}
		made_put(MADE_TRIAL, data, n);
		count[try(whole)]++;
		free(data);
	}
	printf("%zu bytes, %u copies, %u bits each:", n, copies, bits);
	for (int i = 0; i < N_OUTCOMES; i++)
		printf("%s %d %s", i ? "," : "", count[i], word[i]);
	printf("\n");
	return 0;
}
