#include "common.h"

int instances(const struct ebb_cpu_isa *isa[MAX_ISAS])
{
	int n, found = 0;
	const struct ebb_cpu_isa *const *all = ebb_cpu_isas(&n);

	for (int i = 0; i < n; i++) {
		if (ebb_cpu_has(all[i]))
			isa[found++] = all[i];
		else
			fprintf(stderr, "skipped: instance %s, which this processor lacks\n",
				all[i]->ops.name);
	}
	cr_assert(found >= 1);
	return found;
}

/* Every block of a test, behind a header of one cache line; they live as long as its process. */
static struct block {
	struct block *next;
} * blocks;

static void *block_of(size_t bytes)
{
	void *p = NULL;
	struct block *b;

	cr_assert(posix_memalign(&p, 64, 64 + bytes) == 0);
	b = p;
	b->next = blocks;
	blocks = b;
	return (char *)p + 64;
}

float *filled(size_t n, float value)
{
	float *x = block_of(n * sizeof *x);

	for (size_t i = 0; i < n; i++)
		x[i] = value;
	return x;
}

float *noise(uint32_t key, size_t n, float scale)
{
	struct ebb_draw d = {.seed = 7, .stream = EBB_STREAM_TEST, .slot = key};
	float *x = filled(n, 0.0f);
	uint32_t word[4];

	for (size_t i = 0; i < n; i++) {
		if (i % 4 == 0)
			ebb_philox(&d, (uint32_t)(i / 4), word);
		x[i] = scale * ((float)(word[i % 4] >> 8) * 0x1p-23f - 1.0f);
	}
	return x;
}

double *doubles(size_t n)
{
	double *x = block_of(n * sizeof *x);

	memset(x, 0, n * sizeof *x);
	return x;
}

float *copy_of(const float *x, size_t n)
{
	float *y = filled(n, 0.0f);

	memcpy(y, x, n * sizeof *x);
	return y;
}

void expect_same_bits(const char *what, const float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert(memcmp(&x[i], &y[i], sizeof x[i]) == 0,
			  "%s: element %zu of %zu is %a here and %a there", what, i, n,
			  (double)x[i], (double)y[i]);
}

void expect_near(const char *what, const float *x, const double *reference, size_t n,
		 double tolerance)
{
	double most = 0.0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs(reference[i]));
	for (size_t i = 0; i < n; i++)
		cr_assert(fabs((double)x[i] - reference[i]) <= tolerance * (1.0 + most),
			  "%s: element %zu of %zu is %.9g, should be %.9g", what, i, n,
			  (double)x[i], reference[i]);
}

void expect_value(const char *what, const float *x, size_t n, float value)
{
	for (size_t i = 0; i < n; i++)
		cr_assert(x[i] == value, "%s: element %zu is %g, should be %g", what, i,
			  (double)x[i], (double)value);
}

void differences(double (*f)(const double *x, void *ctx), void *ctx, const float *x, size_t n,
		 double *gradient)
{
	const double h = 1e-5;
	double *at = doubles(n);

	for (size_t i = 0; i < n; i++)
		at[i] = (double)x[i];
	for (size_t i = 0; i < n; i++) {
		double here = at[i], up;

		at[i] = here + h;
		up = f(at, ctx);
		at[i] = here - h;
		gradient[i] = (up - f(at, ctx)) / (2.0 * h);
		at[i] = here;
	}
}
