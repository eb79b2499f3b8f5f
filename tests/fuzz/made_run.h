/* A whole run made by our own writers, for harnesses that damage its files: two arms, two seeds,
 * datasets of every element, and a file of tensors. */
#ifndef TESTS_FUZZ_MADE_RUN_H
#define TESTS_FUZZ_MADE_RUN_H

#include "record/record.h"
#include "record/tensors.h"

enum made_file { MADE_INDEX, MADE_TRIAL, MADE_TENSORS, MADE_N };

struct made_run {
	char *dir;          /* holds run.h5, trials/, tensors.h5                            */
	char *path[MADE_N]; /* of the files that harnesses damage                           */
	char *data[MADE_N]; /* their bytes as they were written                             */
	size_t n[MADE_N];
	char id[EBB_ID_MAX]; /* of the trial                                                */
};

#define MADE_IDENTITY  "tensors of a test\n"
#define MADE_TENSORS_N 2
/* Views into storage of the harness: 3 x 4 and 1 x 5. */
void made_tensors(struct ebb_tensor_view view[MADE_TENSORS_N], float store[17]);

/* Made by the first who asks, in fuzz_folder(); children share it. */
const struct made_run *made_run(void);

/* Put bytes in the place of one of its files, as a new file: readers remember sound ones. */
void made_put(enum made_file which, const void *data, size_t n);

#endif
