/*
 * A GPU operation and its CPU twin start from the same bytes and must end with the same bytes:
 * buffers live on both sides, are filled with the same noise (gaps between rows and members too, so
 * that a stray write shows) and are compared whole.
 */
#ifndef EBB_TESTS_GPU_RIG_H
#define EBB_TESTS_GPU_RIG_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tensor/device.h"
#include "tensor/gpu.h"

struct rig {
	struct ebb_gpu *gpu;
	struct ebb_gpu_device *g;
	const struct ebb_ops *cpu;
	int checks, failures;
	char what[256]; /* operation and shape of the case at work */
	uint32_t key;   /* of the noise; moves on with every buffer */
	struct buf *bufs;
	int n_bufs;
};

struct buf {
	char name[32];
	size_t bytes;
	void *host, *device;
};

void rig_init(struct rig *r, struct ebb_gpu *gpu, const struct ebb_ops *cpu);
void rig_release(struct rig *r);

/* Begin a case: the text that a failure prints. Releases the buffers of the case before. */
void begin(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A buffer on both sides, 64-byte aligned on the host. noise: uniform in [-scale, scale), one in
 * sixteen an exact 0. raw copies bytes (null: zeros). */
struct buf *noise(struct rig *r, const char *name, size_t n, float scale);
struct buf *raw(struct rig *r, const char *name, const void *bytes, size_t n);
/* Integers below `limit`. */
struct buf *integers(struct rig *r, const char *name, size_t n, int limit);

static inline float *host(const struct buf *b)
{
	return b->host;
}

/* Member p's part of a host buffer. */
static inline float *part(const struct buf *b, int p, size_t member)
{
	return (float *)b->host + (size_t)p * member;
}

static inline struct ebb_pop pop(const struct buf *b, size_t member, int ld)
{
	return (struct ebb_pop){b->device, member, ld, 0};
}

/* Download and compare with the host's bytes. */
void same(struct rig *r, const struct buf *b);
/* The device reported no failure. */
void no_failure(struct rig *r);
void expect(struct rig *r, int holds, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The families of cases. small: one case each, for slow checkers. */
void cases_basic(struct rig *r, int small);
void cases_attention(struct rig *r, int small);
void cases_head(struct rig *r, int small);
void cases_step(struct rig *r, int small);
void cases_fast(struct rig *r, int small);
/* Timings; a table on stdout. */
void bench(struct rig *r);

#endif
