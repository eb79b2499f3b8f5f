/* The head and the draw: GPU against CPU. */
#include "rig.h"

static void head(struct rig *r, int P, int M, int V, float scale, int with_ref, int with_weights)
{
	int ld = V + 3;
	size_t m = (size_t)M * ld, N = (size_t)P * M;
	struct buf *logits, *ref, *target, *tau, *logp, *entropy, *kl, *moment, *stat, *w[3], *dl;
	struct buf *cross;
	struct ebb_count rows = {M, NULL};
	struct ebb_pop none = {0};

	begin(r, "head P=%d M=%d V=%d scale=%g ref=%d weights=%d", P, M, V, (double)scale, with_ref,
	      with_weights);
	logits = noise(r, "logits", (size_t)P * m, scale);
	ref = noise(r, "ref", (size_t)P * m, scale);
	if (scale < 0.0f) /* none above 0, and zeros of both signs compete for the maximum */
		for (size_t i = 0; i < (size_t)P * m; i++) {
			float x = -fabsf(host(logits)[i]);

			host(logits)[i] = x == 0.0f && i % 3 == 0 ? 0.0f : x;
		}
	r->gpu->op.upload(r->g, logits->device, logits->host, logits->bytes);
	target = integers(r, "target", N, V);
	tau = noise(r, "tau", (size_t)P, 1.0f);
	for (int p = 0; p < P; p++)
		host(tau)[p] = 0.7f + 0.3f * (float)p;
	r->gpu->op.upload(r->g, tau->device, tau->host, tau->bytes);
	logp = noise(r, "logp", N, 1.0f);
	entropy = noise(r, "entropy", N, 1.0f);
	kl = noise(r, "kl", N, 1.0f);
	moment = noise(r, "moment", 4 * N, 1.0f);
	stat = noise(r, "stat", 4 * N, 1.0f);
	for (int i = 0; i < 3; i++)
		w[i] = noise(r, "w", N, 1.0f);
	dl = noise(r, "dlogits", (size_t)P * m, 1.0f);
	cross = noise(r, "cross", N, 1.0f);
	r->gpu->op.head_fwd(r->g, P, rows, V, pop(logits, m, ld), target->device, tau->device,
			    with_ref ? pop(ref, m, ld) : none, logp->device, entropy->device,
			    with_ref ? kl->device : NULL, with_weights ? moment->device : NULL,
			    stat->device);
	r->gpu->op.head_cross_fwd(r->g, P, rows, V, pop(logits, m, ld), tau->device,
				  pop(ref, m, ld), stat->device, cross->device);
	r->gpu->op.head_bwd(r->g, P, rows, V, pop(logits, m, ld), target->device, tau->device,
			    with_ref ? pop(ref, m, ld) : none, stat->device, w[0]->device,
			    with_weights ? w[1]->device : NULL, with_weights ? w[2]->device : NULL,
			    pop(dl, m, ld));
	for (int p = 0; p < P; p++) {
		size_t at = (size_t)p * M;
		const int32_t *t = (const int32_t *)target->host + at;
		const float *q = with_ref ? part(ref, p, m) : NULL;

		r->cpu->head_fwd(M, V, part(logits, p, m), ld, t, host(tau)[p], q, host(logp) + at,
				 host(entropy) + at, with_ref ? host(kl) + at : NULL,
				 with_weights ? host(moment) + 4 * at : NULL, host(stat) + 4 * at);
		r->cpu->head_cross_fwd(M, V, part(logits, p, m), ld, host(tau)[p], part(ref, p, m),
				       host(stat) + 4 * at, host(cross) + at);
		r->cpu->head_bwd(M, V, part(logits, p, m), ld, t, host(tau)[p], q,
				 host(stat) + 4 * at, host(w[0]) + at,
				 with_weights ? host(w[1]) + at : NULL,
				 with_weights ? host(w[2]) + at : NULL, part(dl, p, m));
	}
	same(r, logp);
	same(r, entropy);
	same(r, kl);
	same(r, moment);
	same(r, stat);
	same(r, cross);
	same(r, dl);
}

static void draws(struct rig *r, int P, int M, int V, float scale, int top_k, float top_p,
		  int greedy, int with_logp)
{
	int ld = V + 1;
	size_t m = (size_t)M * ld, N = (size_t)P * M;
	struct ebb_draw_rule rule[3];
	struct ebb_draw *key = ebb_xcalloc(N, sizeof *key);
	double *uniform = ebb_xcalloc(N, sizeof *uniform);
	float *scratch = ebb_xcalloc((size_t)2 * V + 32, sizeof *scratch);
	struct buf *logits, *rules, *keys, *position, *token, *logp, *room;

	begin(r, "draw P=%d M=%d V=%d scale=%g top_k=%d top_p=%g greedy=%d", P, M, V, (double)scale,
	      top_k, (double)top_p, greedy);
	logits = noise(r, "logits", (size_t)P * m, scale);
	position = integers(r, "position", N, 1000);
	for (int p = 0; p < P; p++)
		rule[p] = (struct ebb_draw_rule){.tau = 1.0f + 0.5f * (float)p,
						 .top_k = top_k,
						 .top_p = top_p,
						 .greedy = greedy};
	for (size_t i = 0; i < N; i++) {
		key[i] = (struct ebb_draw){.seed = 0x123456789abcdefu + i,
					   .stream = EBB_STREAM_DECODE,
					   .step = 17,
					   .round = 3,
					   .slot = (uint32_t)i,
					   .sample = (uint32_t)(i % 7)};
		uniform[i] = ebb_uniform(&key[i], (uint32_t)((const int32_t *)position->host)[i]);
	}
	rules = raw(r, "rules", rule, (size_t)P * sizeof *rule);
	keys = raw(r, "keys", key, N * sizeof *key);
	token = integers(r, "token", N, V);
	logp = noise(r, "logp", N, 1.0f);
	room = noise(r, "room", N * 2 * (size_t)V, 1.0f);
	r->gpu->op.draw(r->g, P, (struct ebb_count){M, NULL}, V, pop(logits, m, ld), rules->device,
			keys->device, position->device, token->device,
			with_logp ? logp->device : NULL, room->device);
	for (int p = 0; p < P; p++)
		r->cpu->draw(M, V, part(logits, p, m), ld, rule[p].tau, top_k, top_p,
			     greedy ? NULL : uniform + (size_t)p * M,
			     (int32_t *)token->host + (size_t)p * M,
			     with_logp ? host(logp) + (size_t)p * M : NULL, scratch);
	same(r, token);
	same(r, logp);
	free(key);
	free(uniform);
	free(scratch);
}

void cases_head(struct rig *r, int small)
{
	head(r, 3, 19, 37, 5.0f, 1, 1);
	head(r, 1, 9, 16, 5.0f, 0, 0);
	draws(r, 3, 21, 37, 5.0f, 0, 1.0f, 0, 1);
	draws(r, 1, 21, 64, 3.0f, 5, 0.8f, 0, 1);
	draws(r, 3, 9, 13, 3.0f, 0, 1.0f, 1, 0);
	if (small)
		return;
	head(r, 3, 50, 64, 300.0f, 1, 1); /* probabilities that underflow */
	head(r, 2, 7, 5, 0.0f, 1, 1);     /* all equal */
	head(r, 2, 60, 64, -2.0f, 1, 1);
	head(r, 2, 33, 1000, 8.0f, 1, 1);
	head(r, 1, 5, 50257, 8.0f, 1, 1);
	head(r, 3, 300, 64, 3.0f, 1, 0);
	draws(r, 3, 500, 64, 2.0f, 0, 1.0f, 0, 1);
	draws(r, 3, 100, 64, 2.0f, 0, 0.9f, 0, 1);
	draws(r, 3, 100, 64, 2.0f, 8, 1.0f, 0, 1);
	draws(r, 2, 50, 64, 200.0f, 0, 0.5f, 0, 1);
	draws(r, 2, 50, 64, 0.0f, 3, 0.5f, 0, 1); /* ties */
	draws(r, 2, 50, 64, 2.0f, 4, 0.9f, 1, 1);
	draws(r, 2, 20, 1500, 4.0f, 0, 1.0f, 0, 1); /* weights in device memory */
	draws(r, 1, 5, 5000, 4.0f, 50, 0.9f, 0, 1);
}
