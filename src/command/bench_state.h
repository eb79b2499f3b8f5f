/* One policy at work in a job of `ebb bench`, whoever computes: shared by bench_job.c (the CPU) and
 * bench_gpu.c (a population). */
#ifndef EBB_COMMAND_BENCH_STATE_H
#define EBB_COMMAND_BENCH_STATE_H

#include "command/bench_job.h"
#include "objective/objective.h"
#include "options/options.h"
#include "rollout/rollout.h"

/* Everything one job touches. All arrays are allocated before the first iteration. */
struct ebb_bench_state {
	struct ebb_bench_shape s;
	enum ebb_bench_mode mode;
	int n_prompts, response; /* distinct prompts; tokens generated or trained a sequence */
	int stride;              /* tokens a row of `token`                                  */
	struct ebb_pool *pool;
	const struct ebb_ops *ops;
	struct ebb_layout layout;
	struct ebb_weights w;
	struct ebb_optim opt;
	struct ebb_engine *engine;
	struct ebb_sampler *sampler;
	struct ebb_options o;
	float *grad;
	int32_t *token; /* whole sequences                       (batch, stride)    */
	int32_t *drawn; /* responses as decoded                  (batch, response)  */
	double *old, *logp, *entropy, *w_logp, *w_entropy, *advantage; /* (batch, response) */
	double *reward, *shaped;                                       /* (batch)           */
	int *length, *group, *order;                                   /* (batch)           */
	bool *truncated;                                               /* (batch)           */
	unsigned char *mask;                                           /* (batch, response) */
	struct ebb_row *row;                                           /* (batch)           */
	struct ebb_prompt *prompt;                                     /* (n_prompts)       */
	struct ebb_sample *sample;                                     /* (batch)           */
	struct ebb_batch batch; /* of the step that learns, in mode rl */
	struct ebb_minibatch mb;
	double mean_reward;
};

/* Everything but what the CPU alone needs. */
int ebb_bench_begin(struct ebb_bench_state *b, const struct ebb_bench_shape *s,
		    enum ebb_bench_mode mode, struct ebb_err *err);
void ebb_bench_end(struct ebb_bench_state *b);

/* An iteration: prompts, what is to be drawn, what was drawn, the pass that learns, its end. */
void ebb_bench_prompts(struct ebb_bench_state *b, int iteration);
struct ebb_decode ebb_bench_decode(struct ebb_bench_state *b, int iteration);
void ebb_bench_decoded(struct ebb_bench_state *b);
int ebb_bench_prepare(struct ebb_bench_state *b, struct ebb_pass *pass, struct ebb_err *err);
void ebb_bench_learnt(struct ebb_bench_state *b);

extern const struct ebb_optim_rule ebb_bench_rule;
/* EBB_ENUMERIC where the gradient's norm is not finite. */
int ebb_bench_check(const struct ebb_bench_state *b, double norm, struct ebb_err *err);

/* Work and tokens of an iteration; no times yet. */
void ebb_bench_count(const struct ebb_bench_state *b, struct ebb_bench_result *r);
double ebb_bench_clock(void);
/* Sorts. */
double ebb_bench_median(double *seconds, int n);

#endif
