#include "base/thread.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct ebb_pool {
	int size; /* the caller's thread included */
	pthread_t *thread;
	struct worker {
		struct ebb_pool *pool;
		int index;
	} * worker;
	pthread_mutex_t lock;
	pthread_cond_t start, finish;
	unsigned phase; /* counts calls of ebb_pool_run */
	bool stop;
	/* the current phase, under lock */
	void (*work)(void *ctx, int item, int worker);
	void *ctx;
	int n, next, busy;
};

/* Take items until none is left; the lock is held on entry and exit. */
static void drain(struct ebb_pool *pool, int worker)
{
	while (pool->next < pool->n) {
		int item = pool->next++;

		pthread_mutex_unlock(&pool->lock);
		pool->work(pool->ctx, item, worker);
		pthread_mutex_lock(&pool->lock);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct ebb_pool *pool = w->pool;
	unsigned seen = 0;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->stop && pool->phase == seen)
			pthread_cond_wait(&pool->start, &pool->lock);
		if (pool->stop)
			break;
		seen = pool->phase;
		drain(pool, w->index);
		if (--pool->busy == 0)
			pthread_cond_signal(&pool->finish);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int ebb_pool_open(struct ebb_pool **out, int n_threads, struct ebb_err *err)
{
	struct ebb_pool *pool = ebb_xcalloc(1, sizeof *pool);

	*out = NULL;
	pool->thread = ebb_xcalloc((size_t)n_threads, sizeof *pool->thread);
	pool->worker = ebb_xcalloc((size_t)n_threads, sizeof *pool->worker);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->start, NULL);
	pthread_cond_init(&pool->finish, NULL);
	pool->size = 1;
	for (int i = 1; i < n_threads; i++) {
		pool->worker[i] = (struct worker){pool, i};
		int rc = pthread_create(&pool->thread[i], NULL, worker_main, &pool->worker[i]);

		if (rc) {
			ebb_err_set(err, EBB_ENOMEM, "cannot start thread %d of %d: %s", i + 1,
				    n_threads, strerror(rc));
			ebb_pool_close(pool);
			return EBB_ENOMEM;
		}
		pool->size++;
	}
	*out = pool;
	return 0;
}

int ebb_pool_size(const struct ebb_pool *pool)
{
	return pool->size;
}

void ebb_pool_run(struct ebb_pool *pool, int n, void (*work)(void *ctx, int item, int worker),
		  void *ctx)
{
	if (pool->size == 1 || n <= 1) {
		for (int i = 0; i < n; i++)
			work(ctx, i, 0);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	pool->work = work;
	pool->ctx = ctx;
	pool->n = n;
	pool->next = 0;
	pool->busy = pool->size - 1;
	pool->phase++;
	pthread_cond_broadcast(&pool->start);
	drain(pool, 0);
	while (pool->busy)
		pthread_cond_wait(&pool->finish, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

void ebb_pool_close(struct ebb_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->start);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 1; i < pool->size; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->start);
	pthread_cond_destroy(&pool->finish);
	pthread_mutex_destroy(&pool->lock);
	free(pool->thread);
	free(pool->worker);
	free(pool);
}
