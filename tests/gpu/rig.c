#include "rig.h"

#include <stdarg.h>

enum { MAX_BUFS = 64 };

void rig_init(struct rig *r, struct ebb_gpu *gpu, const struct ebb_ops *cpu)
{
	*r = (struct rig){.gpu = gpu, .g = gpu->device, .cpu = cpu};
	r->bufs = ebb_xcalloc(MAX_BUFS, sizeof *r->bufs);
}

static void drop_buffers(struct rig *r)
{
	for (int i = 0; i < r->n_bufs; i++) {
		free(r->bufs[i].host);
		r->gpu->op.device_free(r->g, r->bufs[i].device);
	}
	r->n_bufs = 0;
}

void rig_release(struct rig *r)
{
	drop_buffers(r);
	free(r->bufs);
}

void begin(struct rig *r, const char *format, ...)
{
	va_list ap;

	no_failure(r);
	drop_buffers(r);
	va_start(ap, format);
	vsnprintf(r->what, sizeof r->what, format, ap);
	va_end(ap);
}

struct buf *raw(struct rig *r, const char *name, const void *bytes, size_t n)
{
	struct buf *b;

	if (r->n_bufs == MAX_BUFS)
		EBB_BUG("more than %d buffers in one case", MAX_BUFS);
	b = &r->bufs[r->n_bufs++];
	snprintf(b->name, sizeof b->name, "%s", name);
	b->bytes = n;
	b->host = aligned_alloc(64, (n + 128) / 64 * 64);
	b->device = r->gpu->op.device_alloc(r->g, n);
	if (!b->host || !b->device) {
		no_failure(r);
		EBB_BUG("%s: no memory for %zu bytes of %s", r->what, n, name);
	}
	memset(b->host, 0, (n + 128) / 64 * 64);
	if (bytes)
		memcpy(b->host, bytes, n);
	r->gpu->op.upload(r->g, b->device, b->host, n);
	return b;
}

struct buf *noise(struct rig *r, const char *name, size_t n, float scale)
{
	struct ebb_draw d = {.seed = 11, .stream = EBB_STREAM_TEST, .slot = r->key++};
	float *x = ebb_xcalloc(n + 1, sizeof *x);
	uint32_t word[4];
	struct buf *b;

	for (size_t i = 0; i < n; i++) {
		if (i % 4 == 0) {
			d.step = (uint32_t)(i >> 24);
			ebb_philox(&d, (uint32_t)(i / 4 & 0x3fffff), word);
		}
		x[i] = word[i % 4] % 16 == 0
			       ? 0.0f
			       : scale * ((float)(word[i % 4] >> 8) * 0x1p-23f - 1.0f);
	}
	b = raw(r, name, x, n * sizeof *x);
	free(x);
	return b;
}

struct buf *integers(struct rig *r, const char *name, size_t n, int limit)
{
	struct ebb_draw d = {.seed = 12, .stream = EBB_STREAM_TEST, .slot = r->key++};
	int32_t *x = ebb_xcalloc(n + 1, sizeof *x);
	struct buf *b;

	for (size_t i = 0; i < n; i++)
		x[i] = (int32_t)ebb_below(&d, (uint32_t)i, (uint32_t)limit);
	b = raw(r, name, x, n * sizeof *x);
	free(x);
	return b;
}

void expect(struct rig *r, int holds, const char *format, ...)
{
	va_list ap;

	r->checks++;
	if (holds)
		return;
	if (r->failures++ > 40)
		return; /* enough to see what is wrong */
	printf("FAILED %s: ", r->what);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void no_failure(struct rig *r)
{
	struct ebb_err err = EBB_ERR_INIT;
	int rc = ebb_gpu_sync(r->gpu, &err);

	if (rc != 0)
		expect(r, 0, "%s", err.text);
}

void same(struct rig *r, const struct buf *b)
{
	unsigned char *got = ebb_xcalloc(b->bytes + 1, 1);
	const uint32_t *x, *y = b->host;
	size_t n = b->bytes / 4, first = n, wrong = 0;

	r->gpu->op.download(r->g, got, b->device, b->bytes);
	no_failure(r);
	x = (const uint32_t *)(const void *)got;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i]) {
			first = wrong == 0 ? i : first;
			wrong++;
		}
	if (wrong > 0) {
		float fx, fy;

		memcpy(&fx, x + first, 4);
		memcpy(&fy, y + first, 4);
		expect(r, 0,
		       "%s: %zu of %zu words differ, first %zu: GPU %08x (%.9g), CPU %08x (%.9g)",
		       b->name, wrong, n, first, x[first], (double)fx, y[first], (double)fy);
	} else {
		expect(r, 1, "%s", "");
	}
	free(got);
}
