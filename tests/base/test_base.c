/* The ground floor: numbers, random draws, hashes, messages, files, threads. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/near.h"
#include "base/real.h"
#include "base/rng.h"
#include "base/sort.h"
#include "base/thread.h"

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
Test(rng, philox_known_answers)
{
	struct ebb_draw zero = {0};
	uint32_t w[4];

	ebb_philox(&zero, 0, w);
	cr_assert_eq(w[0], 0x6627e8d5u);
	cr_assert_eq(w[1], 0xe169c58du);
	cr_assert_eq(w[2], 0xbc57ac4cu);
	cr_assert_eq(w[3], 0x9b00dbd8u);
}

Test(rng, every_coordinate_matters)
{
	struct ebb_draw d = {.seed = 7, .stream = 3, .step = 5, .round = 1, .slot = 2, .sample = 4};
	uint32_t base[4], w[4];

	ebb_philox(&d, 9, base);
	for (int i = 0; i < 7; i++) {
		struct ebb_draw e = d;
		uint32_t position = 9;

		switch (i) {
		case 0: e.seed = 8; break;
		case 1: e.stream = 4; break;
		case 2: e.step = 6; break;
		case 3: e.round = 2; break;
		case 4: e.slot = 3; break;
		case 5: e.sample = 5; break;
		case 6: position = 10; break;
		}
		ebb_philox(&e, position, w);
		cr_assert(memcmp(w, base, sizeof w) != 0, "coordinate %d does nothing", i);
	}
}

Test(rng, uniform_and_normal_have_their_moments)
{
	struct ebb_draw d = {.seed = 11, .stream = EBB_STREAM_TEST};
	double u = 0, u2 = 0, z = 0, z2 = 0, z4 = 0;
	int n = 200000, below[7] = {0};

	for (int i = 0; i < n; i++) {
		double x = ebb_uniform(&d, (uint32_t)i), y;

		cr_assert(x >= 0 && x < 1);
		u += x;
		u2 += x * x;
		d.sample = 1;
		y = ebb_normal(&d, (uint32_t)i);
		d.sample = 2;
		below[ebb_below(&d, (uint32_t)i, 7)]++;
		d.sample = 0;
		z += y;
		z2 += y * y;
		z4 += y * y * y * y;
	}
	/* five standard errors each */
	cr_assert(fabs(u / n - 0.5) < 5 * sqrt(1 / 12.0 / n));
	cr_assert(fabs(u2 / n - 1 / 3.0) < 5 * sqrt(4 / 45.0 / n));
	cr_assert(fabs(z / n) < 5 / sqrt(n));
	cr_assert(fabs(z2 / n - 1) < 5 * sqrt(2.0 / n));
	cr_assert(fabs(z4 / n - 3) < 5 * sqrt(96.0 / n));
	for (int i = 0; i < 7; i++)
		cr_assert(fabs(below[i] - n / 7.0) < 5 * sqrt(n * 6 / 49.0));
}

static double ulps(double got, long double want)
{
	double near = (double)want;
	double unit = nextafter(fabs(near), INFINITY) - fabs(near);

	return fabs((double)((long double)got - want)) / unit;
}

Test(real, exp_log_expm1_stay_within_an_ulp)
{
	struct ebb_draw d = {.seed = 3, .stream = EBB_STREAM_TEST};
	double worst_exp = 0, worst_log = 0, worst_expm1 = 0;

	for (uint32_t i = 0; i < 200000; i++) {
		double x = (ebb_uniform(&d, i) - 0.5) * 1400;
		double y = exp((ebb_uniform(&d, i) - 0.5) * 1400);
		double s = (ebb_uniform(&d, i) - 0.5) * pow(2, -(double)(i % 40));

		worst_exp = fmax(worst_exp, ulps(ebb_exp(x), expl(x)));
		worst_log = fmax(worst_log, ulps(ebb_log(y), logl(y)));
		worst_expm1 = fmax(worst_expm1, ulps(ebb_expm1(s), expm1l(s)));
	}
	cr_assert(worst_exp < 1.0, "exp %.3f ulp", worst_exp);
	cr_assert(worst_log < 1.0, "log %.3f ulp", worst_log);
	cr_assert(worst_expm1 < 4.0, "expm1 %.3f ulp", worst_expm1);
	cr_assert_eq(ebb_exp(0), 1.0);
	cr_assert_eq(ebb_log(1), 0.0);
	cr_assert_eq(ebb_exp(-INFINITY), 0.0);
	cr_assert(isinf(ebb_exp(710)) && isinf(ebb_log(0)) && isnan(ebb_log(-1)));
	cr_assert(isnan(ebb_exp(NAN)) && isnan(ebb_log(NAN)) && isnan(ebb_expm1(NAN)));
	cr_assert_eq(ebb_expm1(-1e3), -1.0);
	cr_assert(ebb_exp(-744) > 0 && ebb_exp(-746) == 0);
}

Test(hash, sha256_known_answers)
{
	char hex[65], long_text[1001];

	ebb_sha256_hex("", 0, hex, 64);
	cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ebb_sha256_hex("abc", 3, hex, 64);
	cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	memset(long_text, 'a', 1000);
	long_text[1000] = 0;
	ebb_sha256_hex(long_text, 1000, hex, 16);
	cr_assert_str_eq(hex, "41edece42d63e8d9");
}

Test(near, finds_the_slip_and_nothing_far)
{
	struct ebb_near n;

	ebb_near_init(&n, "clip.hihg");
	ebb_near_offer(&n, "clip.low");
	ebb_near_offer(&n, "clip.high");
	cr_assert_str_eq(n.best, "clip.high");
	ebb_near_init(&n, "minibatches");
	ebb_near_offer(&n, "train.minibatches");
	cr_assert_str_eq(n.best, "train.minibatches");
	ebb_near_init(&n, "xyzzy");
	ebb_near_offer(&n, "clip.high");
	cr_assert_null(n.best);
}

Test(buf, doubles_round_trip_shortest)
{
	const double x[] = {0.1, 1e-6, 3e-4, 1.0 / 3, 1e300, -0.25, 100, 5e-324};
	const char *const text[] = {"0.1", "1e-06", "0.0003", NULL, "1e+300", "-0.25", "100", NULL};
	struct ebb_buf b = EBB_BUF_INIT;

	for (int i = 0; i < 8; i++) {
		ebb_buf_reset(&b);
		ebb_buf_double(&b, x[i]);
		cr_assert_eq(strtod(b.data, NULL), x[i]);
		if (text[i])
			cr_assert_str_eq(b.data, text[i]);
	}
	ebb_buf_reset(&b);
	ebb_buf_json(&b, "a\"b\\c\n\x01");
	cr_assert_str_eq(b.data, "\"a\\\"b\\\\c\\n\\u0001\"");
	ebb_buf_release(&b);
}

Test(diag, renders_in_order_of_place)
{
	struct ebb_diag d = EBB_DIAG_INIT;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ebb_diag_add(&d, EBB_ERROR, (struct ebb_mark){"x.yaml", 9, 2}, "late");
	ebb_diag_add(&d, EBB_WARNING, (struct ebb_mark){"x.yaml", 2, 5}, "early '%s'", "key");
	ebb_diag_add(&d, EBB_ERROR, (struct ebb_mark){NULL, 0, 0}, "nowhere");
	cr_assert_eq(ebb_diag_render(&d, f), 2);
	fclose(f);
	cr_assert_str_eq(text, "error: nowhere\nx.yaml:2:5: warning: early 'key'\n"
			       "x.yaml:9:2: error: late\n");
	free(text);
	ebb_diag_release(&d);
}

Test(err, wrap_puts_context_first)
{
	struct ebb_err e = EBB_ERR_INIT;

	cr_assert_eq(ebb_err_set(&e, EBB_EIO, "cannot read '%s'", "f"), EBB_EIO);
	cr_assert_eq(ebb_err_wrap(&e, "trial %d", 3), EBB_EIO);
	cr_assert_str_eq(e.text, "trial 3: cannot read 'f'");
}

Test(file, write_read_and_refuse)
{
	char dir[] = "/tmp/ebb-test-XXXXXX", *path, *deep, *data;
	struct ebb_err e = EBB_ERR_INIT;
	size_t n;

	cr_assert_not_null(mkdtemp(dir));
	deep = ebb_path_join(dir, "a/b/c");
	cr_assert_eq(ebb_dir_writable(deep, &e), 0);
	cr_assert_eq(ebb_dir_make(deep, &e), 0);
	path = ebb_path_join(deep, "f");
	cr_assert_eq(ebb_file_write(path, "hello", 5, &e), 0);
	cr_assert_eq(ebb_file_read(path, 100, &data, &n, &e), 0);
	cr_assert_eq(n, 5);
	cr_assert_str_eq(data, "hello");
	free(data);
	cr_assert_eq(ebb_file_read(path, 4, &data, &n, &e), EBB_EINVAL);
	cr_assert_eq(ebb_file_read("/nonexistent/x", 4, &data, &n, &e), EBB_ENOENT);
	cr_assert_eq(ebb_file_read(dir, 4, &data, &n, &e), EBB_EINVAL);
	cr_assert_eq(ebb_dir_make(path, &e), EBB_EIO);
	cr_assert_eq(ebb_dir_writable(path, &e), EBB_EIO);
	free(path);
	free(deep);
}

Test(arena, pieces_are_aligned_and_apart)
{
	struct ebb_arena a = EBB_ARENA_INIT;
	struct ebb_err e = EBB_ERR_INIT;
	float *x;
	char *y;

	ebb_arena_add(&a, &x, 5, sizeof *x);
	ebb_arena_add(&a, &y, 3, 1);
	cr_assert_eq(ebb_arena_commit(&a, &e), 0);
	cr_assert_eq((uintptr_t)x % 64, 0);
	cr_assert_eq((uintptr_t)y % 64, 0);
	cr_assert((char *)(x + 5) + 64 <= y);
	ebb_arena_release(&a);
	cr_assert_null(x);
}

struct tally {
	int done[1000];
	int worker_seen[8];
	pthread_mutex_t lock;
};

static void count(void *ctx, int item, int worker)
{
	struct tally *t = ctx;

	pthread_mutex_lock(&t->lock);
	t->done[item]++;
	t->worker_seen[worker]++;
	pthread_mutex_unlock(&t->lock);
}

Test(thread, every_item_once_in_every_phase)
{
	for (int size = 1; size <= 4; size++) {
		struct tally t = {.lock = PTHREAD_MUTEX_INITIALIZER};
		struct ebb_err e = EBB_ERR_INIT;
		struct ebb_pool *pool;

		cr_assert_eq(ebb_pool_open(&pool, size, &e), 0);
		cr_assert_eq(ebb_pool_size(pool), size);
		for (int phase = 1; phase <= 50; phase++) {
			ebb_pool_run(pool, 1000, count, &t);
			for (int i = 0; i < 1000; i++)
				cr_assert_eq(t.done[i], phase);
		}
		ebb_pool_run(pool, 0, count, &t);
		ebb_pool_close(pool);
	}
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Short and long, of many scales, with equal numbers, zeros of both signs and infinities. */
Test(sort, as_a_comparison_would)
{
	struct ebb_rng r = {.draw = {.seed = 3, .stream = EBB_STREAM_TEST}};
	double x[2000], y[2000];

	for (int n = 0; n <= 2000; n = n < 100 ? n + 1 : n + 317) {
		for (int i = 0; i < n; i++) {
			x[i] = (ebb_rng_uniform(&r) - 0.5) *
			       pow(10.0, (int)ebb_rng_below(&r, 40) - 20);
			if (ebb_rng_below(&r, 4) == 0)
				x[i] = (double)ebb_rng_below(&r, 3) - 1.0;
			if (ebb_rng_below(&r, 50) == 0)
				x[i] = ebb_rng_below(&r, 2) ? INFINITY : -INFINITY;
		}
		memcpy(y, x, (size_t)n * sizeof *x);
		qsort(y, (size_t)n, sizeof *y, by_value);
		ebb_sort(x, n);
		for (int i = 0; i < n; i++)
			cr_assert_eq(x[i], y[i], "%d of %d", i, n);
	}
	x[0] = 0.0;
	x[1] = -0.0;
	ebb_sort(x, 2);
	cr_assert(signbit(x[0]) && !signbit(x[1]));
}
