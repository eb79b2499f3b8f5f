#include "train/gpu_channel.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What one order may take: address space, pages come as they are written. */
#define HEAP_BYTES ((size_t)2 << 30)

struct ebb_office *ebb_office_open(int n, int members, struct ebb_err *err)
{
	const size_t head = sizeof(struct ebb_office) + (size_t)n * sizeof(struct ebb_channel);
	const size_t begin = (head + 4095) / 4096 * 4096;
	struct ebb_office *office;

	office = mmap(NULL, begin + (size_t)n * HEAP_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (office == MAP_FAILED) {
		ebb_err_set(err, EBB_ENOMEM,
			    "cannot share memory with %d workers: %s; lower --jobs", n,
			    strerror(errno));
		return NULL;
	}
	office->bytes = begin + (size_t)n * HEAP_BYTES;
	office->members = members;
	office->n = n;
	office->channel = (struct ebb_channel *)(office + 1);
	for (int i = 0; i < n; i++) {
		office->channel[i].office = office;
		office->channel[i].heap = (char *)office + begin + (size_t)i * HEAP_BYTES;
		office->channel[i].bytes = HEAP_BYTES;
	}
	return office;
}

void ebb_office_close(struct ebb_office *office)
{
	if (office)
		munmap(office, office->bytes);
}

void ebb_futex_wait(_Atomic uint32_t *word, uint32_t value, double seconds)
{
	const struct timespec limit = {(time_t)seconds, (long)(1e9 * (seconds - (time_t)seconds))};

	syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
}

void ebb_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void ebb_office_ring(struct ebb_office *office)
{
	atomic_fetch_add(&office->bell, 1);
	ebb_futex_wake(&office->bell);
}

void *ebb_channel_take(struct ebb_channel *channel, size_t bytes)
{
	char *p = channel->heap + channel->used;

	bytes = (bytes + 63) / 64 * 64;
	if (bytes > channel->bytes - channel->used)
		return NULL;
	channel->used += bytes;
	return p;
}
