/*
 * Every operation is run by every instance this processor has; results must agree bit by bit and
 * with a plain double reference. Outputs start as GUARD and scratch as NaN, so that a stray write
 * or a read of memory nobody wrote shows.
 */
#ifndef EBB_TESTS_TENSOR_COMMON_H
#define EBB_TESTS_TENSOR_COMMON_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "tensor/cpu/isa.h"

#define GUARD    -12345.0f
#define MAX_ISAS 3

/* The instances of this processor, best first; prints which are left out. */
int instances(const struct ebb_cpu_isa *isa[MAX_ISAS]);

/* n floats, 64-byte aligned, all `value`. This and what follows is memory for the whole test. */
float *filled(size_t n, float value);
/* n floats uniform in [-scale, scale), the same for the same key. */
float *noise(uint32_t key, size_t n, float scale);
double *doubles(size_t n);
float *copy_of(const float *x, size_t n);

/* Fails the test with `what` and the place where the two differ. */
void expect_same_bits(const char *what, const float *x, const float *y, size_t n);
/* |x - reference| <= tolerance * (1 + the largest |reference|) everywhere. */
void expect_near(const char *what, const float *x, const double *reference, size_t n,
		 double tolerance);
void expect_value(const char *what, const float *x, size_t n, float value);

/* Central differences of a double function of n floats held as doubles. */
void differences(double (*f)(const double *x, void *ctx), void *ctx, const float *x, size_t n,
		 double *gradient);

#endif
