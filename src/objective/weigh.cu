/*
 * Weighing by rows on a device: token.h's arithmetic, the text the host runs, a thread a response.
 * Doubles throughout, so the coefficients have the host's bits.
 */
#include "tensor/cuda/common.cuh"
#include "objective/form.h"

enum { THREADS = 64 };

/* Response token t of a sequence stands at entry judged + t of a member's rows. */
__global__ static void weigh_kernel(struct ebb_weighing z)
{
	const int p = (int)blockIdx.y, b = (int)(blockIdx.x * THREADS + threadIdx.x);
	const size_t q = (size_t)p * (size_t)z.n + (size_t)b;
	unsigned char *block = z.block + (size_t)p * z.stride;
	const int T = ((const struct ebb_weigh_form *)block)->T;
	const size_t at = (size_t)p * z.member;
	double *room;
	int tokens;

	if (b >= z.n || z.tokens[q] == 0)
		return;
	room = z.room + 6 * q * (size_t)z.most;
	tokens = min(z.tokens[q], T);
	for (int t = 0; t < T; t++) {
		const size_t from = at + (size_t)z.judged[q] + (size_t)t;

		room[t] = t < tokens ? (double)z.logp[from] : 0.0;
		room[z.most + t] = t < tokens ? (double)z.entropy[from] : 0.0;
		room[2 * z.most + t] = t < tokens && z.kl ? (double)z.kl[from] : 0.0;
	}
	ebb_weigh_form_row(block, z.row[q], room, room + z.most, z.kl ? room + 2 * z.most : NULL,
			   room + 3 * z.most, room + 4 * z.most, z.kl ? room + 5 * z.most : NULL);
	for (int t = 0; t < tokens; t++) {
		const size_t to = at + (size_t)z.judged[q] + (size_t)t;

		z.w_logp[to] = (float)room[3 * z.most + t];
		z.w_entropy[to] = (float)room[4 * z.most + t];
		if (z.kl)
			z.w_kl[to] = (float)room[5 * z.most + t];
	}
}

void ebb_cuda_weigh(struct ebb_gpu_device *g, int P, struct ebb_weighing z)
{
	if (!worth_launching(g, P, (size_t)z.n, "weigh"))
		return;
	weigh_kernel<<<dim3(blocks_for((size_t)z.n, THREADS), (unsigned)P), THREADS, 0,
		       g->stream>>>(z);
	ebb_cuda_launched(g, "weigh");
}
