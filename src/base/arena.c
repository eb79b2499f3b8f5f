#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

void ebb_arena_add(struct ebb_arena *arena, void *where, size_t n, size_t size)
{
	if (arena->base)
		EBB_BUG("arena grows after its allocation");
	if (size && n > (SIZE_MAX / 4) / size)
		EBB_BUG("arena piece of %zu x %zu bytes", n, size);
	if (arena->n == arena->capacity) {
		arena->capacity = arena->capacity ? 2 * arena->capacity : 32;
		arena->piece =
			ebb_xrealloc(arena->piece, (size_t)arena->capacity, sizeof *arena->piece);
	}
	arena->piece[arena->n].where = where;
	arena->piece[arena->n].bytes = (n * size + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
	arena->bytes += arena->piece[arena->n].bytes;
	arena->n++;
}

int ebb_arena_commit(struct ebb_arena *arena, struct ebb_err *err)
{
	char *p;

	p = aligned_alloc(ALIGN, arena->bytes ? arena->bytes : ALIGN);
	if (!p)
		return ebb_err_set(err, EBB_ENOMEM, "cannot allocate %.1f MiB",
				   (double)arena->bytes / 1048576.0);
	memset(p, 0, arena->bytes ? arena->bytes : ALIGN);
	arena->base = p;
	ebb_arena_place(arena, p);
	return 0;
}

void ebb_arena_place(struct ebb_arena *arena, void *base)
{
	char *p = base;

	for (int i = 0; i < arena->n; i++) {
		*arena->piece[i].where = p;
		p += arena->piece[i].bytes;
	}
}

void ebb_arena_release(struct ebb_arena *arena)
{
	for (int i = 0; i < arena->n; i++)
		*arena->piece[i].where = NULL;
	free(arena->base);
	free(arena->piece);
	memset(arena, 0, sizeof *arena);
}
