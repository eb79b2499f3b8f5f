/*
 * Every GPU operation against its CPU twin, bit by bit, and the GPU's speed.
 *
 *   test_gpu bits      all cases
 *   test_gpu small     one case of each, for compute-sanitizer
 *   test_gpu slow      all cases of the operations, small sequences of steps: for the emulator
 *   test_gpu time      the tables of docs/SPEED.md
 *
 * Exit code 0: all bits equal; 1: some differ; 77: no module or no device, nothing was tested.
 */
#include "rig.h"

enum { SKIPPED = 77 };

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "bits";
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_ops *cpu = ebb_cpu_ops("auto", &err);
	struct ebb_gpu *gpu;
	struct rig r;
	int failures;

	if (strcmp(mode, "bits") != 0 && strcmp(mode, "small") != 0 && strcmp(mode, "slow") != 0 &&
	    strcmp(mode, "time") != 0) {
		fprintf(stderr, "usage: test_gpu bits|small|slow|time\n");
		return 2;
	}
	if (!cpu) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	gpu = ebb_gpu_open(NULL, &err);
	if (!gpu) {
		printf("skipped: %s\n", err.text);
		return SKIPPED;
	}
	printf("device: %s, %d multiprocessors, compute capability %d.%d, %.1f GB; CPU instance: "
	       "%s\n",
	       gpu->info.name, gpu->info.n_processors, gpu->info.major, gpu->info.minor,
	       1e-9 * (double)gpu->info.memory_bytes, cpu->name);
	rig_init(&r, gpu, cpu);
	if (strcmp(mode, "time") == 0) {
		bench(&r);
	} else {
		int small = strcmp(mode, "small") == 0, slow = strcmp(mode, "slow") == 0;
		static const struct {
			const char *name;
			void (*run)(struct rig *r, int small);
		} family[] = {
			{"products, rows, optimizer", cases_basic},
			{"attention, decoding", cases_attention},
			{"head, draw", cases_head},
			{"decoding step, graph replay, companions", cases_step},
			{"tf32 and bf16", cases_fast},
		};

		for (size_t i = 0; i < sizeof family / sizeof *family; i++) {
			int before = r.failures, checks = r.checks;

			family[i].run(&r, small || (slow && family[i].run == cases_step));
			begin(&r, "end of %s", family[i].name);
			printf("%-42s %4d checks, %d failed\n", family[i].name, r.checks - checks,
			       r.failures - before);
			fflush(stdout);
		}
	}
	failures = r.failures;
	printf("%s: %d checks, %d failed\n", mode, r.checks, failures);
	rig_release(&r);
	ebb_gpu_close(gpu);
	return failures > 0;
}
