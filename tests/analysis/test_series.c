/* Curves on a common axis: bands, refusals, resampling, windows, meters. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>
#include "analysis/series.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

Test(series, mean_and_band)
{
	double x[] = {0, 10, 20}, y0[] = {1, 4, NAN}, y1[] = {3, 4, 7}, y2[] = {5, 4, NAN};
	struct ebb_curve c[] = {{100, 3, x, y0}, {101, 3, x, y1}, {102, 3, x, y2}};
	struct ebb_series s;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_series_make(&s, "arm", c, 3, false, 0, &err), 0, "%s", err.text);
	cr_assert(s.n_seeds == 3 && s.n_rows == 3 && !s.resampled && s.window == 1);
	CLOSE(s.mean[0], 3.0, 1e-15);
	/* sd 2, half width t(0.975, 2) 2 / sqrt(3) */
	CLOSE(s.high[0] - s.mean[0], 4.30265273 * 2 / sqrt(3.0), 1e-7);
	CLOSE(s.high[1], 4.0, 0);
	cr_assert(s.n[2] == 1 && s.mean[2] == 7.0 && isnan(s.low[2]), "one seed has no band");
	cr_assert_eq(s.value[1 * 3 + 0], 3.0);
	ebb_series_release(&s);
	ebb_series_release(&s); /* safe when zero */
}

Test(series, misaligned_is_refused)
{
	double x[] = {0, 10, 20}, other[] = {0, 11, 20}, y[] = {1, 2, 3};
	struct ebb_curve shifted[] = {{100, 3, x, y}, {101, 3, other, y}};
	struct ebb_curve cut[] = {{100, 3, x, y}, {107, 2, x, y}};
	struct ebb_series s;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_series_make(&s, "dapo", shifted, 2, false, 0, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "dapo") && strstr(err.text, "row 2") &&
			  strstr(err.text, "101") && strstr(err.text, "11"),
		  "%s", err.text);
	cr_assert_eq(ebb_series_make(&s, "dapo", cut, 2, false, 0, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "107") && strstr(err.text, "3 rows"), "%s", err.text);
	cr_assert_eq(ebb_series_make(&s, "dapo", cut, 0, false, 0, &err), EBB_EINVAL);
}

Test(series, resampling_is_linear_between_rows_and_only_where_asked)
{
	/* Lines y = x and y = 2x sampled at different places: the mean must be 1.5 x on the overlap. */
	double xa[] = {0, 4, 10}, ya[] = {0, 4, 10}, xb[] = {1, 3, 9, 12}, yb[] = {2, 6, 18, 24};
	struct ebb_curve c[] = {{1, 3, xa, ya}, {2, 4, xb, yb}};
	struct ebb_series s;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_series_make(&s, "a", c, 2, true, 0, &err), 0, "%s", err.text);
	cr_assert(s.resampled && s.n_rows == 3);
	CLOSE(s.x[0], 1.0, 0);
	CLOSE(s.x[2], 10.0, 0);
	for (int i = 0; i < 3; i++)
		CLOSE(s.mean[i], 1.5 * s.x[i], 1e-12);
	ebb_series_release(&s);

	yb[1] = NAN; /* beside a missing value there is none */
	cr_assert_eq(ebb_series_make(&s, "a", c, 2, true, 0, &err), 0);
	cr_assert(s.n[1] == 1);
	ebb_series_release(&s);

	c[1].x = xa, c[1].n = 3; /* equal axes are left alone */
	cr_assert_eq(ebb_series_make(&s, "a", c, 2, true, 0, &err), 0);
	cr_assert_not(s.resampled);
	ebb_series_release(&s);

	xb[0] = 11, c[1].x = xb, c[1].n = 1;
	cr_assert_eq(ebb_series_make(&s, "a", c, 2, true, 0, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "share no part"), "%s", err.text);
}

Test(series, windows_average_consecutive_rows_per_seed)
{
	double x[7], y0[7], y1[7];
	struct ebb_curve c[] = {{1, 7, x, y0}, {2, 7, x, y1}};
	struct ebb_series s;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 7; i++) {
		x[i] = i;
		y0[i] = i;
		y1[i] = 10 + i;
	}
	y0[1] = NAN;
	cr_assert_eq(ebb_series_make(&s, "a", c, 2, false, 3, &err), 0);
	cr_assert(s.window == 3 && s.n_rows == 3);
	CLOSE(s.x[0], 1.0, 0); /* rows 0..2, 3..5, 6 */
	CLOSE(s.x[2], 6.0, 0);
	CLOSE(s.value[0], 1.0, 0); /* 0 and 2 */
	CLOSE(s.value[1], 4.0, 0);
	CLOSE(s.value[2], 6.0, 0);
	CLOSE(s.value[3], 11.0, 0);
	CLOSE(s.value[5], 16.0, 0);
	CLOSE(s.mean[1], 9.0, 0);
	ebb_series_release(&s);
}

Test(series, meters)
{
	double step[] = {0, 1, 2}, tokens[] = {100, 300, 350}, of[] = {0, 0, 2, 2, 2},
	       falls[] = {5, 4, 6};
	struct ebb_meter m;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_meter_make(&m, step, tokens, 3, &err), 0);
	CLOSE(ebb_meter_at(&m, 0), 0, 0);     /* before the first batch */
	CLOSE(ebb_meter_at(&m, 1), 100, 0);   /* one is done */
	CLOSE(ebb_meter_at(&m, 1.5), 200, 0); /* half of the second */
	CLOSE(ebb_meter_at(&m, 3), 350, 0);
	CLOSE(ebb_meter_at(&m, 9), 350, 0);
	CLOSE(ebb_meter_step(&m, 200), 1.5, 0);
	ebb_meter_release(&m);

	/* Two updates in batch 0, none in 1, three in 2. */
	cr_assert_eq(ebb_meter_updates(&m, step, 3, of, 5, &err), 0);
	CLOSE(ebb_meter_at(&m, 1), 2, 0);
	CLOSE(ebb_meter_at(&m, 2), 2, 0);
	CLOSE(ebb_meter_at(&m, 3), 5, 0);
	CLOSE(ebb_meter_step(&m, 1), 0.5, 0);
	CLOSE(ebb_meter_step(&m, 3.5), 2.5, 0);
	ebb_meter_release(&m);

	cr_assert_eq(ebb_meter_make(&m, step, falls, 3, &err), EBB_EFORMAT);
	cr_assert_eq(ebb_meter_make(&m, step, falls, 0, &err), EBB_EINVAL);
}

Test(series, scale_names)
{
	enum ebb_scale s;

	cr_assert(ebb_scale_parse("tokens", &s) && s == EBB_SCALE_TOKENS);
	cr_assert_str_eq(ebb_scale_name(s), "tokens");
	cr_assert_not(ebb_scale_parse("token", &s));
	cr_assert_not(ebb_scale_parse("native", &s));
}
