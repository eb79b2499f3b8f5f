/* Our mutations next to libFuzzer's own, for a harness linked with it. */
#include <string.h>
#include "base/rng.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct fuzz_list words;
	static uint8_t before[1 << 16];
	struct ebb_rng r = {{.seed = seed, .stream = EBB_STREAM_TEST}, 0};
	struct fuzz_bytes other = {before, size < sizeof before ? size : sizeof before, NULL};

	if (!words.n && fuzz_target.words)
		fuzz_target.words(&words);
	if (!fuzz_target.text || ebb_rng_below(&r, 2))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(before, data, other.n);
	return fuzz_mutate(&r, data, size, max_size, &other, &words, true);
}
