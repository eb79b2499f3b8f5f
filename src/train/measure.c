#include "train/measure.h"

#include <math.h>
#include <string.h>
#include "base/real.h"
#include "base/sort.h"
#include "objective/cluster.h"
#include "objective/skew.h"

void ebb_reading_clear(struct ebb_reading *r)
{
	for (int i = 0; i < EBB_N_METRICS; i++)
		r->metric[i] = NAN;
	for (int i = 0; i < EBB_TASK_CURVES_MAX; i++)
		r->curve[i] = NAN;
}

/* A mean that says NaN, not 0/0 with a trap, where nothing was counted. */
static double ratio(double sum, double count)
{
	return count > 0 ? sum / count : NAN;
}

/* paid: by the group's own clusters, whose rewards are no independent successes. */
static void measure_groups(const struct ebb_store *s, bool paid, struct ebb_reading *r)
{
	int degenerate = 0, all_correct = 0, all_wrong = 0;
	double predicted = 0, average;

	for (int i = 0; i < s->n; i++) {
		const double *reward = s->reward + i * s->G;
		double low = reward[0], high = reward[0], sum = 0;
		int right = 0, wrong = 0;

		for (int g = 0; g < s->G; g++) {
			low = fmin(low, reward[g]);
			high = fmax(high, reward[g]);
			sum += reward[g];
			right += s->verdict[i * s->G + g].reward >= 1.0;
			wrong += s->verdict[i * s->G + g].reward <= 0.0;
		}
		degenerate += low == high;
		all_correct += right == s->G;
		all_wrong += wrong == s->G;
		predicted += ebb_degenerate_probability(sum / s->G, s->G);
	}
	if (s->n > 0)
		ebb_group_rates(s->reward, s->n, s->G, &r->metric[EBB_M_EFF_RATE], &average);
	r->metric[EBB_M_GROUP_DEGENERATE] = ratio(degenerate, s->n);
	r->metric[EBB_M_GROUP_DEGENERATE_PRED] = paid ? NAN : ratio(predicted, s->n);
	r->metric[EBB_M_GROUP_ALL_CORRECT] = ratio(all_correct, s->n);
	r->metric[EBB_M_GROUP_ALL_WRONG] = ratio(all_wrong, s->n);
}

/* Does a run of four tokens come twice? The end mark is none of them. */
static bool repeats_itself(const struct ebb_answer *a, int32_t eos)
{
	const int n = a->n - (a->n > 0 && a->token[a->n - 1] == eos);

	for (int i = 0; i + 4 < n; i++)
		for (int j = i + 1; j + 4 <= n; j++)
			if (memcmp(a->token + i, a->token + j, 4 * sizeof *a->token) == 0)
				return true;
	return false;
}

/* Sums over tokens and responses of one kind. */
struct tally {
	double entropy, tokens, length, rows;
};

void ebb_measure_rollouts(const struct ebb_lab *lab, const struct ebb_store *s,
			  struct ebb_reading *r, double *position_entropy, double *position_count)
{
	struct tally all = {0}, correct = {0}, wrong = {0};
	double seq = 0, sampled = 0, first = 0, reward = 0, reward2 = 0, truth = 0, candidates = 0;
	double value[EBB_TASK_CURVES_MAX], weight[EBB_TASK_CURVES_MAX];
	double sum[EBB_TASK_CURVES_MAX] = {0}, total[EBB_TASK_CURVES_MAX] = {0};
	int truncated = 0, repeats = 0, rows = s->n * s->G;

	for (int t = 0; t < s->T && position_entropy; t++)
		position_entropy[t] = position_count[t] = 0;
	for (int i = 0; i < rows; i++) {
		const double *entropy = s->entropy + (size_t)i * (size_t)s->T;
		const double *logp = s->logp + (size_t)i * (size_t)s->T;
		/* not the coin that training may pay; the splits go by the truth */
		const bool verifies = lab->o->reward.source == EBB_REWARD_VERIFIER;
		const double right = s->verdict[i].reward, judged = verifies ? s->reward[i] : right;
		struct tally *kind = right >= 0.5 ? &correct : &wrong;
		struct ebb_answer a = {.token = s->response + (size_t)i * (size_t)s->T,
				       .n = s->length[i],
				       .truncated = s->truncated[i],
				       .entropy = entropy};
		double h = 0;

		for (int t = 0; t < a.n; t++) {
			h += entropy[t];
			sampled -= logp[t];
			candidates += ebb_exp(entropy[t]);
			if (position_entropy) {
				position_entropy[t] += entropy[t];
				position_count[t]++;
			}
		}
		all.entropy += h;
		all.tokens += a.n;
		kind->entropy += h;
		kind->tokens += a.n;
		kind->length += a.n;
		kind->rows++;
		seq += a.n ? h / a.n : 0;
		first += a.n ? entropy[0] : 0;
		reward += judged;
		truth += right;
		reward2 += judged * judged;
		truncated += a.truncated;
		repeats += repeats_itself(&a, lab->task->eos);
		memset(weight, 0, sizeof weight);
		lab->task->observe(lab->o, &s->question[i / s->G], &a, &s->verdict[i], value,
				   weight);
		for (int c = 0; c < lab->task->n_curves; c++) {
			sum[c] += weight[c] > 0 ? value[c] * weight[c] : 0;
			total[c] += weight[c];
		}
	}
	for (int t = 0; t < s->T && position_entropy; t++)
		position_entropy[t] = ratio(position_entropy[t], position_count[t]);
	r->metric[EBB_M_ENTROPY] = ratio(all.entropy, all.tokens);
	r->metric[EBB_M_ENTROPY_SEQ] = ratio(seq, rows);
	r->metric[EBB_M_ENTROPY_SAMPLED] = ratio(sampled, all.tokens);
	r->metric[EBB_M_ENTROPY_FIRST] = ratio(first, rows);
	r->metric[EBB_M_ENTROPY_CORRECT] = ratio(correct.entropy, correct.tokens);
	r->metric[EBB_M_ENTROPY_WRONG] = ratio(wrong.entropy, wrong.tokens);
	r->metric[EBB_M_REWARD_MEAN] = ratio(reward, rows);
	r->metric[EBB_M_REWARD_TRUE] = ratio(truth, rows);
	r->metric[EBB_M_REWARD_STD] =
		rows > 1 ? sqrt(fmax(0, (reward2 - reward * reward / rows) / (rows - 1))) : NAN;
	r->metric[EBB_M_LENGTH_MEAN] = ratio(all.tokens, rows);
	r->metric[EBB_M_LENGTH_CORRECT] = ratio(correct.length, correct.rows);
	r->metric[EBB_M_LENGTH_WRONG] = ratio(wrong.length, wrong.rows);
	r->metric[EBB_M_LENGTH_CLIP] = ratio(truncated, rows);
	r->metric[EBB_M_LOGIT_CANDIDATES] = ratio(candidates, all.tokens);
	for (int c = 0; c < lab->task->n_curves; c++)
		r->curve[c] = ratio(sum[c], total[c]);
	r->metric[EBB_M_REPETITION] = ratio(repeats, rows);
	measure_groups(s, lab->o->reward.source == EBB_REWARD_CLUSTER, r);
	ebb_measure_clusters(lab->o, s, r);
}

void ebb_measure_logits(const struct ebb_row *row, int n, int stride, const double *moment, int V,
			const double *entropy, struct ebb_reading *r)
{
	double N = 0, mean = 0, m2 = 0, m3 = 0, m4 = 0, skew = 0, tokens = 0, v = V;

	/* merge the central moments of one token (V logits) into the pool; P. Pebay, "Formulas for
	 * robust, one-pass parallel computation of covariances", Sandia report 2008-6212 */
	for (int i = 0; i < n; i++) {
		for (int t = 0; t < row[i].length - row[i].start; t++) {
			const double *m = moment + ((size_t)i * (size_t)stride + (size_t)t) * 4;
			double b2 = m[1] * v, b3 = m[2] * v, b4 = m[3] * v;
			double d = m[0] - mean, sum = N + v, a = N, q2 = m2, q3 = m3;

			mean += d * v / sum;
			m2 = q2 + b2 + d * d * a * v / sum;
			m3 = q3 + b3 + d * d * d * a * v * (a - v) / (sum * sum) +
			     3 * d * (a * b2 - v * q2) / sum;
			m4 += b4 +
			      d * d * d * d * a * v * (a * a - a * v + v * v) / (sum * sum * sum) +
			      6 * d * d * (a * a * b2 + v * v * q2) / (sum * sum) +
			      4 * d * (a * b3 - v * q3) / sum;
			N = sum;
			if (m[1] > 0) {
				skew += m[2] / (m[1] * sqrt(m[1]));
				tokens++;
			}
		}
	}
	if (N == 0 || m2 == 0)
		return;
	r->metric[EBB_M_LOGIT_MEAN] = mean;
	r->metric[EBB_M_LOGIT_VARIANCE] = m2 / N;
	r->metric[EBB_M_LOGIT_SKEWNESS] = sqrt(N) * m3 / (m2 * sqrt(m2));
	r->metric[EBB_M_LOGIT_KURTOSIS] = N * m4 / (m2 * m2) - 3;
	r->metric[EBB_M_LOGIT_SKEW_POSITION] = ratio(skew, tokens);
}

/* Pearson's correlation of pairs as they come (Welford's updates). */
struct pairs {
	double n, x, y, xx, yy, xy;
};

static void pairs_add(struct pairs *p, double x, double y)
{
	double dx = x - p->x, dy = y - p->y;

	p->n++;
	p->x += dx / p->n;
	p->y += dy / p->n;
	p->xx += dx * (x - p->x);
	p->yy += dy * (y - p->y);
	p->xy += dx * (y - p->y);
}

/* NaN where one side is constant. */
static double pairs_correlation(const struct pairs *p)
{
	return p->xx > 0 && p->yy > 0 ? p->xy / sqrt(p->xx * p->yy) : NAN;
}

/* Mean verdict on the members of the largest clusters: of ties, the mean. */
static double majority_of(const struct ebb_store *s, int group)
{
	const int *id = s->cluster + group * s->G;
	double right = 0, most = 0;
	int largest = 0;

	for (int g = 0; g < s->G; g++) {
		int members = 0;

		for (int h = 0; h < s->G; h++)
			members += id[h] == id[g];
		if (members > largest) {
			largest = members;
			right = most = 0;
		}
		if (members == largest) {
			right += s->verdict[group * s->G + g].reward;
			most++;
		}
	}
	return right / most;
}

void ebb_measure_clusters(const struct ebb_options *o, const struct ebb_store *s,
			  struct ebb_reading *r)
{
	const bool paid = o->reward.source == EBB_REWARD_CLUSTER;
	const int rows = s->n * s->G;
	double entropy = 0, normalised = 0, largest = 0, clusters = 0, empty = 0, majority = 0;
	struct pairs gold = {0};
	int low = 0, high = 0;

	if (s->G < 2)
		return;
	for (int i = 0; i < s->n; i++) {
		struct ebb_cluster_group g;

		ebb_cluster_measure(o, s->G, s->empty + i * s->G, s->cluster + i * s->G, &g);
		entropy += g.entropy;
		normalised += g.normalised;
		largest += g.largest;
		clusters += g.clusters;
		empty += g.empty;
		majority += majority_of(s, i);
		low += g.low;
		high += g.high;
	}
	r->metric[EBB_M_EMPO_ENTROPY] = ratio(entropy, s->n);
	r->metric[EBB_M_EMPO_ENTROPY_NORM] = ratio(normalised, s->n);
	r->metric[EBB_M_EMPO_LARGEST] = ratio(largest, s->n);
	r->metric[EBB_M_EMPO_CLUSTERS] = ratio(clusters, s->n);
	r->metric[EBB_M_EMPO_EMPTY] = ratio(empty, rows);
	r->metric[EBB_M_EMPO_MAJORITY] = ratio(majority, s->n);
	if (!paid)
		return;
	r->metric[EBB_M_EMPO_LOW] = ratio(low, s->n);
	r->metric[EBB_M_EMPO_HIGH] = ratio(high, s->n);
	for (int i = 0; i < rows; i++)
		pairs_add(&gold, s->reward[i], s->verdict[i].reward);
	r->metric[EBB_M_EMPO_CORR] = pairs_correlation(&gold);
}

void ebb_measure_info(const struct ebb_store *s, struct ebb_reading *r)
{
	const int rows = s->n * s->G;
	double sum[2] = {0, 0}, count[2] = {0, 0};
	struct pairs length = {0};
	int unmarked = 0;

	for (int i = 0; i < rows; i++) {
		const int right = s->verdict[i].reward >= 0.5;

		sum[right] += s->info[i];
		count[right]++;
		unmarked += s->verdict[i].marker < 0;
		pairs_add(&length, s->info[i], s->length[i]);
	}
	r->metric[EBB_M_INFO_CORRECT] = ratio(sum[1], count[1]);
	r->metric[EBB_M_INFO_WRONG] = ratio(sum[0], count[0]);
	r->metric[EBB_M_INFO_NO_MARKER] = ratio(unmarked, rows);
	r->metric[EBB_M_INFO_LENGTH_CORR] = pairs_correlation(&length);
}

#define REFERENCE_TOP 50  /* the released script's sampler leaves so many scores, ... */
#define REFERENCE_TAU 0.6 /* ... divided by its temperature */

void ebb_measure_distribution(const struct ebb_store *s, const float *logits, int V, double tau,
			      double *work, struct ebb_reading *r)
{
	struct ebb_skew_pool pool = {0};
	double weighted = 0, spread = 0, largest = 0, candidates = 0, tokens = 0;

	for (int i = 0; i < s->n * s->G; i++)
		for (int t = 0; t < s->length[i]; t++) {
			const float *z =
				logits + ((size_t)i * (size_t)s->T + (size_t)t) * (size_t)V;
			double skew = ebb_skew_weighted(z, V, work);
			int n;

			ebb_skew_reference(&pool, z, V, REFERENCE_TOP, REFERENCE_TAU, work);
			largest += ebb_largest_probability(z, V, tau, 0.01, &n, work);
			candidates += n;
			tokens++;
			if (isfinite(skew)) {
				weighted += skew;
				spread++;
			}
		}
	r->metric[EBB_M_LOGIT_SKEW_REFERENCE] = ebb_skew(&pool);
	r->metric[EBB_M_LOGIT_SKEW_WEIGHTED] = ratio(weighted, spread);
	r->metric[EBB_M_LOGIT_MAX_PROB] = ratio(largest, tokens);
	r->metric[EBB_M_LOGIT_CANDIDATES_1PCT] = ratio(candidates, tokens);
}

void ebb_measure_pairs(const struct ebb_pair_stats *s, struct ebb_reading *r)
{
	r->metric[EBB_M_PREFERENCE_LOSS] = s->loss;
	r->metric[EBB_M_PREFERENCE_ACCURACY] = s->accuracy;
	r->metric[EBB_M_PREFERENCE_MARGIN] = s->margin;
	r->metric[EBB_M_PREFERENCE_CHOSEN] = s->logp[0];
	r->metric[EBB_M_PREFERENCE_REJECTED] = s->logp[1];
	r->metric[EBB_M_PREFERENCE_CHOSEN_DRIFT] = s->drift[0];
	r->metric[EBB_M_PREFERENCE_REJECTED_DRIFT] = s->drift[1];
	r->metric[EBB_M_PREFERENCE_CHOSEN_KL] = s->kl[0];
	r->metric[EBB_M_PREFERENCE_REJECTED_KL] = s->kl[1];
	r->metric[EBB_M_PREFERENCE_CHOSEN_LENGTH] = s->length[0];
	r->metric[EBB_M_PREFERENCE_REJECTED_LENGTH] = s->length[1];
	r->metric[EBB_M_PREFERENCE_PAIRS] = s->pairs;
	r->metric[EBB_M_PREFERENCE_SKIPPED] = s->skipped;
	r->metric[EBB_M_PREFERENCE_EXCLUDED] = s->excluded;
}

void ebb_measure_kl(const struct ebb_store *s, const double *logp, const double *from,
		    struct ebb_reading *r)
{
	double kl = 0, reverse = 0, k1 = 0, k2 = 0, k3 = 0, n = 0;

	for (int i = 0; i < s->n * s->G; i++) {
		for (int t = 0; t < s->length[i]; t++) {
			size_t c = (size_t)i * (size_t)s->T + (size_t)t;
			double d = logp[c] - s->ref[c];

			kl += s->kl[c];
			reverse += from[c];
			k1 += d;
			k2 += d * d / 2;
			k3 += ebb_expm1(-d) + d;
			n++;
		}
	}
	r->metric[EBB_M_KL_REF] = ratio(kl, n);
	r->metric[EBB_M_KL_REF_REVERSE] = ratio(reverse, n);
	r->metric[EBB_M_KL_REF_K1] = ratio(k1, n);
	r->metric[EBB_M_KL_REF_K2] = ratio(k2, n);
	r->metric[EBB_M_KL_REF_K3] = ratio(k3, n);
}

/* Between the two order statistics around q (n - 1), in a line; n > 0. */
static double quantile(const double *sorted, int64_t n, double q)
{
	const double at = q * (double)(n - 1);
	const int64_t k = (int64_t)at, next = k + 1 < n ? k + 1 : k;

	return sorted[k] + (at - (double)k) * (sorted[next] - sorted[k]);
}

void ebb_measure_entropy(const struct ebb_store *s, double *scratch, struct ebb_reading *r,
			 double *decile)
{
	static const struct {
		int metric;
		double q;
	} row[] = {{EBB_M_ENTROPY_P10, 0.1},
		   {EBB_M_ENTROPY_P50, 0.5},
		   {EBB_M_ENTROPY_P80, 0.8},
		   {EBB_M_ENTROPY_P90, 0.9},
		   {EBB_M_ENTROPY_P99, 0.99}};
	double count[EBB_DECILES] = {0};
	int64_t n = 0;

	for (int k = 0; k < EBB_DECILES; k++)
		decile[k] = 0;
	for (int i = 0; i < s->n * s->G; i++)
		for (int t = 0; t < s->length[i]; t++) {
			const double h = s->entropy[(size_t)i * (size_t)s->T + (size_t)t];
			/* the decile that the middle of the token lies in */
			const int k = EBB_DECILES * (2 * t + 1) / (2 * s->length[i]);

			scratch[n++] = h;
			decile[k] += h;
			count[k]++;
		}
	for (int k = 0; k < EBB_DECILES; k++)
		decile[k] = ratio(decile[k], count[k]);
	ebb_sort(scratch, n);
	for (size_t k = 0; n > 0 && k < sizeof row / sizeof *row; k++)
		r->metric[row[k].metric] = quantile(scratch, n, row[k].q);
}

double ebb_measure_ratio_dev(const struct ebb_store *s, int first, const int *row, int n,
			     const double *logp, int stride)
{
	double worst = 0;

	for (int i = 0; i < n; i++) {
		const double *sampler = s->sampler_logp + (size_t)row[i] * (size_t)s->T;
		const double *trainer = logp + (size_t)i * (size_t)stride;

		for (int t = 0; row[i] >= first && !s->injected[row[i]] && t < s->length[row[i]];
		     t++)
			worst = fmax(worst, fabs(ebb_expm1(trainer[t] - sampler[t])));
	}
	return worst;
}
