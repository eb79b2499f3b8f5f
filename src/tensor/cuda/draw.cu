/* Drawing a token a row with its own uniform, made in the kernel: no round trip a token. */
#include "tensor/cuda/common.cuh"
#include "tensor/cuda/head.cuh"

enum { THREADS = 128, ROWS = THREADS / 16, SHARED_FLOATS = 8192 };

/* Philox4x32-10 as base/rng.h has it; the first two of the four words make the uniform. */
__device__ static double uniform_of(const struct ebb_draw &d, uint32_t position)
{
	uint32_t k0 = (uint32_t)d.seed, k1 = (uint32_t)(d.seed >> 32);
	uint32_t c0 = position | d.stream << 24, c1 = d.sample | d.round << 20, c2 = d.slot,
		 c3 = d.step;

	for (int i = 0; i < 10; i++) {
		uint32_t h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
		uint32_t h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;

		c0 = h1 ^ c1 ^ k0;
		c1 = l1;
		c2 = h0 ^ c3 ^ k1;
		c3 = l0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	return (double)(((uint64_t)c0 << 32 | c1) >> 11) * 0x1p-53;
}

/* Is token a drawn before b: the larger logit, the lower id among equals. */
__device__ static inline bool draw_before(const float *logits, int32_t a, int32_t b)
{
	return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

__device__ static void heap_sink(const float *logits, int32_t *heap, int n, int i)
{
	int32_t moving = heap[i];

	for (int child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
		if (child + 1 < n && draw_before(logits, heap[child + 1], heap[child]))
			child++;
		if (!draw_before(logits, heap[child], moving))
			break;
		heap[i] = heap[child];
	}
	heap[i] = moving;
}

/* Weights outside top_k and top_p become 0; one thread, as tensor/cpu/draw.h. */
__device__ static void draw_restrict(int V, const float *logits, int top_k, float top_p,
				     float *weight, int32_t *heap)
{
	int keep = top_k > 0 && top_k < V ? top_k : V, n = V;
	double total = 0.0, sum = 0.0;

	for (int j = 0; j < V; j++)
		heap[j] = j;
	for (int i = V / 2 - 1; i >= 0; i--)
		heap_sink(logits, heap, V, i);
	while (n > V - keep) {
		int32_t likeliest = heap[0];

		heap[0] = heap[--n];
		heap_sink(logits, heap, n, 0);
		heap[n] = likeliest;
		total += (double)weight[likeliest];
	}
	for (int i = 0; i < V - keep; i++)
		weight[heap[i]] = 0.0f;
	if (!(top_p < 1.0f))
		return;
	for (int i = V - 1; i >= V - keep; i--) {
		float kept = weight[heap[i]];

		if (i < V - 1 && sum >= (double)top_p * total)
			weight[heap[i]] = 0.0f;
		sum += (double)kept;
	}
}

/* The largest logit's id, the lowest among equals; the half warp agrees on it. */
__device__ static int32_t draw_likeliest(int V, const float *logits)
{
	float best = -CUDART_INF_F;
	int32_t id = V;

	for (int j = (int)threadIdx.x % 16; j < V; j += 16)
		if (id == V || logits[j] > best) {
			best = logits[j];
			id = j;
		}
	for (int far = 8; far > 0; far /= 2) {
		float other = __shfl_xor_sync(half_mask(), best, far, 16);
		int32_t its = __shfl_xor_sync(half_mask(), id, far, 16);

		if (other > best || (other == best && its < id)) {
			best = other;
			id = its;
		}
	}
	return id < V ? id : 0;
}

/* The cumulative sum in ascending order and in double: one thread. */
__device__ static int32_t draw_below(int V, const float *weight, double uniform)
{
	double total = 0.0, sum = 0.0;
	int32_t last = 0;

#pragma unroll 8
	for (int32_t j = 0; j < V; j++)
		total += (double)weight[j];
	for (int32_t j = 0; j < V; j++) {
		sum += (double)weight[j];
		if (sum > uniform * total)
			return j;
		if (weight[j] > 0.0f)
			last = j;
	}
	return last;
}

__global__ static void draw_kernel(struct ebb_count M, int V, struct ebb_pop logits,
				   const struct ebb_draw_rule *rules, const struct ebb_draw *key,
				   const int32_t *position, int32_t *token, float *sampler_logp,
				   float *scratch)
{
	__shared__ float shared[SHARED_FLOATS];
	int p = (int)blockIdx.y, i = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	int lane = (int)threadIdx.x % 16;
	size_t at = (size_t)p * (size_t)M.most + (size_t)i;
	struct ebb_draw_rule rule;
	const float *row;
	float *weight, inv_tau, sum = 0.0f;
	struct head_norm norm;
	int32_t drawn = 0;

	if (i >= rows_of(M, p))
		return;
	rule = rules[p];
	row = row_of(logits, p, i);
	if (rule.greedy && !sampler_logp) {
		drawn = draw_likeliest(V, row);
		if (lane == 0)
			token[at] = drawn;
		return;
	}
	weight = V <= SHARED_FLOATS / ROWS ? shared + (threadIdx.x / 16) * (unsigned)V
					   : scratch + 2 * at * (size_t)V;
	inv_tau = __fdiv_rn(1.0f, rule.tau);
	norm.top = head_top(V, row, inv_tau);
	for (int j = lane; j < V; j += 16)
		weight[j] = exp_negative(row[j] * inv_tau - norm.top);
	__syncwarp(half_mask());
	if (lane == 0) {
		if (rule.top_k > 0 || rule.top_p < 1.0f)
			draw_restrict(V, row, rule.top_k, rule.top_p, weight,
				      (int32_t *)(scratch + 2 * at * (size_t)V + V));
		if (!rule.greedy)
			drawn = draw_below(V, weight, uniform_of(key[at], (uint32_t)position[at]));
	}
	__syncwarp(half_mask());
	if (rule.greedy)
		drawn = draw_likeliest(V, row);
	if (lane == 0)
		token[at] = drawn;
	if (!sampler_logp)
		return;
	for (int j = lane; j < V; j += 16)
		sum = sum + weight[j];
	norm.log_sum = head_log(tree_sum(sum));
	if (lane == 0)
		sampler_logp[at] = head_logp(row[drawn], inv_tau, norm);
}

void ebb_cuda_draw(struct ebb_gpu_device *g, int P, struct ebb_count M, int V,
		   struct ebb_pop logits, const struct ebb_draw_rule *rule,
		   const struct ebb_draw *key, const int32_t *position, int32_t *token,
		   float *sampler_logp, float *scratch)
{
	if (!worth_launching(g, P, (size_t)M.most, "draw"))
		return;
	draw_kernel<<<dim3(blocks_for((size_t)M.most, ROWS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, V, logits, rule, key, position, token, sampler_logp, scratch);
	ebb_cuda_launched(g, "draw");
}

__global__ static void settle_kernel(struct ebb_drawing d, const float *logp, const float *entropy,
				     const float *sampler_logp)
{
	int p = (int)blockIdx.y, i = (int)(blockIdx.x * THREADS + threadIdx.x), t;
	size_t at = (size_t)p * (size_t)d.n + (size_t)i, to;

	if (i >= d.n || d.length[at] == 0)
		return;
	t = d.t[at];
	to = at * (size_t)d.stride + (size_t)t;
	d.drawn[to] = d.token[at];
	d.logp[to] = logp[at];
	d.entropy[to] = entropy[at];
	if (sampler_logp)
		d.sampler_logp[to] = sampler_logp[at];
	d.t[at] = t + 1;
	if (d.token[at] == d.eos[p] || t + 1 == d.most[p]) {
		d.length[at] = d.one[at] = 0;
		atomicSub(d.running, 1);
	} else {
		d.at[at]++;
		d.length[at]++;
	}
}

void ebb_cuda_settle(struct ebb_gpu_device *g, int P, struct ebb_drawing d, const float *logp,
		     const float *entropy, const float *sampler_logp)
{
	if (!worth_launching(g, P, (size_t)d.n, "settle"))
		return;
	settle_kernel<<<dim3(blocks_for((size_t)d.n, THREADS), (unsigned)P), THREADS, 0,
			g->stream>>>(d, logp, entropy, sampler_logp);
	ebb_cuda_launched(g, "settle");
}

__global__ static void advance_kernel(int n, int32_t by, int32_t *x)
{
	int i = (int)(blockIdx.x * THREADS + threadIdx.x);

	if (i < n)
		x[i] += by;
}

void ebb_cuda_advance(struct ebb_gpu_device *g, int n, int32_t by, int32_t *x)
{
	if (!worth_launching(g, 1, n > 0 ? (size_t)n : 0, "advance"))
		return;
	advance_kernel<<<blocks_for((size_t)n, THREADS), THREADS, 0, g->stream>>>(n, by, x);
	ebb_cuda_launched(g, "advance");
}
