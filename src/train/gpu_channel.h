/*
 * Between the workers, a process each, and the process that has the GPU. A worker writes an order
 * into its channel, in memory that both share at the same addresses, and sleeps; the server takes
 * the orders of many workers, serves equal ones in one pass, and wakes them. While an update waits
 * for coefficients the turn goes to the worker and back.
 *
 * The parent makes the office before it starts anybody. It tells the server of workers that ended,
 * and workers of a server that did.
 */
#ifndef EBB_TRAIN_GPU_CHANNEL_H
#define EBB_TRAIN_GPU_CHANNEL_H

#include <stdatomic.h>
#include "model/population.h"
#include "rollout/rollout.h"

enum ebb_order_kind {
	EBB_ORDER_JOIN, /* model, precision, policies, optimizers, positions, samples: a seat in a population */
	EBB_ORDER_PUT, /* flat -> policy; with optimizer >= 0: flat, second, t -> its moments      */
	EBB_ORDER_GET, /* the other way                                                            */
	EBB_ORDER_COPY, /* policy = from                                                            */
	EBB_ORDER_DECODE, /* decode with policy                                                     */
	EBB_ORDER_SCORE, /* pass with policy against `against`                                     */
	EBB_ORDER_UPDATE, /* pass, weighed here or by the worker, then a step of policy       */
};

struct ebb_order {
	enum ebb_order_kind kind;
	struct ebb_model model;
	enum ebb_gpu_precision precision;
	int policies, optimizers, positions, samples;
	int policy, against, from, optimizer, slot;
	float *flat, *second;
	int64_t t;
	struct ebb_decode decode;
	struct ebb_pass pass;
	struct ebb_optim_rule rule;
	unsigned char
		*block; /* UPDATE: a block of objective/form.h, which the device weighs; null: the
			       * worker weighs */
	size_t block_bytes, block_back;
	int block_T;
	/* answers */
	int n_ranges; /* WEIGHING: whose coefficients are wanted */
	struct ebb_range range[EBB_LANES];
	double norm;
	struct ebb_optim_stepped stepped;
};

/* Whose turn it is. */
enum ebb_turn {
	EBB_TURN_IDLE,
	EBB_TURN_ASKED,
	EBB_TURN_WEIGHING,
	EBB_TURN_WEIGHED,
	EBB_TURN_ANSWERED
};

struct ebb_office;

struct ebb_channel {
	struct ebb_office *office;
	_Atomic uint32_t turn; /* enum ebb_turn; the worker sleeps on it */
	atomic_bool gone;      /* its worker ended; the server takes this back */
	int mates;             /* trials of this shape, its own included       */
	struct ebb_order order;
	int rc; /* of the answer, with its text */
	char text[512];
	char *heap; /* what the order points to */
	size_t bytes, used;
};

enum ebb_office_state { EBB_OFFICE_OPENING, EBB_OFFICE_OPEN, EBB_OFFICE_FAILED };

struct ebb_office {
	_Atomic uint32_t state;      /* enum ebb_office_state                 */
	_Atomic uint32_t bell;       /* rung by everybody; the server sleeps on it */
	atomic_bool closing;         /* the server shall end                  */
	atomic_bool dead;            /* it has ended                          */
	char device[128], text[512]; /* its name; why it failed          */
	size_t memory_bytes;
	int members; /* seats of a population, memory permitting */
	int n;
	struct ebb_channel *channel; /* (n) */
	size_t bytes;
};

/* Shared memory for n workers; ends with the last process that has it. */
struct ebb_office *ebb_office_open(int n, int members, struct ebb_err *err);
void ebb_office_close(struct ebb_office *office);

/* Ring for the server. */
void ebb_office_ring(struct ebb_office *office);
/* Sleep until *word is no longer `value`, somebody wakes, or so long. */
void ebb_futex_wait(_Atomic uint32_t *word, uint32_t value, double seconds);
void ebb_futex_wake(_Atomic uint32_t *word);

/* n bytes of the order's memory, 64-byte aligned; null where it is full. */
void *ebb_channel_take(struct ebb_channel *channel, size_t bytes);

#endif
