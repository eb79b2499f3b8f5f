/*
 * Drawing a token a row. scratch holds V weights exp(z - max z) and, behind them, V token ids for
 * the restricted draws.
 */
#ifndef EBB_TENSOR_CPU_DRAW_H
#define EBB_TENSOR_CPU_DRAW_H

/* Is token a drawn before b: the larger logit, the lower id among equals. */
static inline int draw_before(const float *logits, int32_t a, int32_t b)
{
	return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static inline void heap_sink(const float *logits, int32_t *heap, int n, int i)
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

/*
 * Set the weights outside top_k and top_p to 0. A heap gives tokens from the likeliest on: top_k
 * of them, then, of those, the fewest whose weights reach top_p of their sum.
 */
static void draw_restrict(int V, const float *logits, int top_k, float top_p, float *weight,
			  int32_t *heap)
{
	int keep = top_k > 0 && top_k < V ? top_k : V, n = V;
	double total = 0.0, sum = 0.0;

	for (int j = 0; j < V; j++)
		heap[j] = j;
	for (int i = V / 2 - 1; i >= 0; i--)
		heap_sink(logits, heap, V, i);
	/* Popped tokens gather behind the shrinking heap, the likeliest last. */
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

static inline int32_t draw_likeliest(int V, const float *logits)
{
	int32_t best = 0;

	for (int32_t j = 1; j < V; j++)
		if (logits[j] > logits[best])
			best = j;
	return best;
}

static inline int32_t draw_below(int V, const float *weight, double uniform)
{
	d16 lanes = d_zero();
	double sum = 0.0, bound;
	int32_t last = 0;

	for (int j = 0; j < V; j += 16)
		lanes = d_add(lanes, load_row(weight + j, V - j));
	bound = uniform * d_sum(lanes);
	for (int32_t j = 0; j < V; j++) {
		sum += (double)weight[j];
		if (sum > bound)
			return j;
		if (weight[j] > 0.0f)
			last = j;
	}
	return last; /* the bound was rounded up to the sum, or nothing is a number */
}

static void draw(int M, int V, const float *logits, int ld, float tau, int top_k, float top_p,
		 const double *uniform, int32_t *token, float *sampler_logp, float *scratch)
{
	float inv_tau = 1.0f / tau;
	v16 scale = v_set1(inv_tau);

	for (int i = 0; i < M; i++) {
		const float *row = logits + (size_t)i * ld;
		v16 best = v_set1(-INFINITY), sum = v_zero(), top;
		struct head_norm norm;

		if (!uniform && !sampler_logp) {
			token[i] = draw_likeliest(V, row);
			continue;
		}
		for (int j = 0; j < V; j += 16)
			best = v_max(best, head_z(row, j, V, scale));
		norm.top = v_hmax(best);
		top = v_set1(norm.top);
		for (int j = 0; j < V; j += 16)
			store_row(scratch + j, v_exp(v_sub(head_z(row, j, V, scale), top)), V - j);
		if (top_k > 0 || top_p < 1.0f)
			draw_restrict(V, row, top_k, top_p, scratch, (int32_t *)(scratch + V));
		token[i] = uniform ? draw_below(V, scratch, uniform[i]) : draw_likeliest(V, row);
		if (!sampler_logp)
			continue;
		for (int j = 0; j < V; j += 16)
			sum = v_add(sum, load_row(scratch + j, V - j));
		norm.log_sum = (float)ebb_log((double)v_sum(sum));
		sampler_logp[i] = head_logp_of(row[token[i]], inv_tau, norm);
	}
}

#endif
