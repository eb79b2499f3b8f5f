/*
 * Declare, then allocate once: pieces are registered with the address of the pointer that shall
 * hold them, then one allocation backs them all. Every piece starts on a 64-byte boundary and is
 * followed by 64 bytes of slack, so that vector code may read (never use) a little past its end.
 */
#ifndef EBB_BASE_ARENA_H
#define EBB_BASE_ARENA_H

#include <stddef.h>
#include "base/err.h"

struct ebb_arena {
	struct ebb_arena_piece {
		void **where;
		size_t bytes;
	} *piece;
	int n, capacity;
	char *base;
	size_t bytes; /* total, known before the allocation: a printable number */
};

#define EBB_ARENA_INIT {0}

/* where: address of a pointer of any type. */
void ebb_arena_add(struct ebb_arena *arena, void *where, size_t n, size_t size);
/* Allocate zero-filled and set every registered pointer. */
int ebb_arena_commit(struct ebb_arena *arena, struct ebb_err *err);
/* Set every registered pointer to its place in memory of `bytes` that is the caller's, zeroed or not,
 * on this machine or on a device. */
void ebb_arena_place(struct ebb_arena *arena, void *base);
/* Free everything; safe on a zeroed arena. Registered pointers are set to null. */
void ebb_arena_release(struct ebb_arena *arena);

#endif
