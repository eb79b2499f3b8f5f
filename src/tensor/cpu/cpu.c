/* Which instance of the operations this processor runs, and how fast its multipliers are. */
#include <string.h>
#include <time.h>
#include "tensor/cpu/isa.h"

const struct ebb_cpu_isa *const *ebb_cpu_isas(int *n)
{
	static const struct ebb_cpu_isa *const isas[] = {
#ifdef __x86_64__
		&ebb_cpu_avx512,
		&ebb_cpu_avx2,
#endif
		&ebb_cpu_scalar,
	};

	*n = (int)(sizeof isas / sizeof isas[0]);
	return isas;
}

int ebb_cpu_has(const struct ebb_cpu_isa *isa)
{
#ifdef __x86_64__
	/* Feature bits, never the model: a virtual machine may mask it. */
	if (isa == &ebb_cpu_avx512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		       __builtin_cpu_supports("fma");
	if (isa == &ebb_cpu_avx2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
	return isa == &ebb_cpu_scalar;
}

const struct ebb_ops *ebb_cpu_ops(const char *isa, struct ebb_err *err)
{
	char known[64] = "";
	int n;
	const struct ebb_cpu_isa *const *isas = ebb_cpu_isas(&n);

	for (int i = 0; i < n; i++) {
		if (!ebb_cpu_has(isas[i]))
			continue;
		if (strcmp(isa, "auto") == 0 || strcmp(isa, isas[i]->ops.name) == 0)
			return &isas[i]->ops;
		strcat(known, known[0] ? ", " : "");
		strcat(known, isas[i]->ops.name);
	}
	ebb_err_set(err, EBB_ENODEV,
		    "instruction set '%s' is not to be had here; this processor has: %s", isa,
		    known);
	return NULL;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ebb_cpu_peak_flops(const struct ebb_ops *ops)
{
	int n;
	const struct ebb_cpu_isa *const *isas = ebb_cpu_isas(&n);
	double best = 0.0, start = now_s();
	volatile float sink;

	for (int i = 0; i < n; i++) {
		if (&isas[i]->ops != ops)
			continue;
		/* The best of short pieces: others may share the core. */
		do {
			double begin = now_s(), flops, rate;
			float result;

			flops = isas[i]->fma_loop(20000, &result);
			sink = result;
			rate = flops / (now_s() - begin) * 1e-9;
			best = rate > best ? rate : best;
		} while (now_s() - start < 0.05);
	}
	(void)sink;
	return best;
}
