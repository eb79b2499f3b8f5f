/*
 * A small pool of threads on condition variables: nobody spins, one join per phase. Results must not
 * depend on which thread runs which item; every user keeps that promise by writing only what
 * belongs to its item.
 */
#ifndef EBB_BASE_THREAD_H
#define EBB_BASE_THREAD_H

#include "base/err.h"

struct ebb_pool;

/* n_threads >= 1 counts the caller's own thread. */
int ebb_pool_open(struct ebb_pool **pool, int n_threads, struct ebb_err *err);
int ebb_pool_size(const struct ebb_pool *pool);

/* Run work(ctx, item, worker) for item 0..n-1, worker in [0, size); items are handed out in
 * ascending order; returns when all are done. Not re-entrant. */
void ebb_pool_run(struct ebb_pool *pool, int n, void (*work)(void *ctx, int item, int worker),
		  void *ctx);

void ebb_pool_close(struct ebb_pool *pool);

#endif
