/*
 * The split into training and held-out questions: a fixed hash of the question's key, so that a
 * prompt's side depends on nothing but the prompt. One prompt in eight is held out.
 */
#ifndef EBB_TASK_SPLIT_H
#define EBB_TASK_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* Knuth's multiplicative hash, The Art of Computer Programming 6.4, on 32 bits. */
static inline bool ebb_split_held_out(uint64_t key)
{
	uint32_t hash = (uint32_t)key * UINT32_C(2654435761) + UINT32_C(12345);

	return (hash >> 13) % 8 == 0;
}

#endif
