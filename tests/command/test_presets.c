/* Every built-in preset trains: two steps of the quickstart, one base policy for all, and what it
 * records of itself is finite. */
#include "outside_json.h"

#include <math.h>

TestSuite(presets, .init = make_dir, .fini = remove_dir, .timeout = 280);

/* A policy that is right now and then after a moment of supervision. */
#define SMALL                                                                                      \
	"seeds=1 train.steps=2 train.prompts=8 train.group=8 model.width=32 model.heads=2 "        \
	"model.ffn=64 model.layers=1 task.operands=2 task.modulus=3 pretrain.steps=80 "            \
	"pretrain.warmup=5 pretrain.batch=32 eval.questions=16 eval.samples=4 record.snapshot=0 "

/* Curves that no algorithm is without. */
static const char *const core[] = {
	"actor/entropy",        "actor/entropy_seq", "reward/mean",
	"actor/loss",           "actor/grad_norm",   "response_length/mean",
	"rollout/tokens_total", "eval/accuracy",     "eval/entropy"};

#define N_CORE (sizeof core / sizeof *core)

/* Is every value of these curves there and finite? */
static void check_record(const char *name)
{
	struct ebb_buf line = EBB_BUF_INIT;
	json_t *rows, *row;
	size_t i, n[N_CORE] = {0};

	ebb_buf_printf(&line, "export %s --json", name);
	for (size_t k = 0; k < N_CORE; k++)
		ebb_buf_printf(&line, " --metric %s", core[k]);
	rows = ebb_json(line.data);
	cr_assert(json_is_array(rows), "%s", name);
	json_array_foreach(rows, i, row)
	{
		const char *metric = word(row, "metric");

		for (size_t k = 0; k < N_CORE; k++)
			if (strcmp(metric, core[k]) == 0) {
				json_t *v = json_object_get(row, "value");

				cr_expect(json_is_number(v) && isfinite(json_number_value(v)),
					  "%s: %s is not finite", name, metric);
				n[k]++;
			}
	}
	for (size_t k = 0; k < N_CORE; k++)
		cr_expect_geq(n[k], 2u, "%s: %zu rows of %s", name, n[k], core[k]);
	json_decref(rows);
	ebb_buf_release(&line);
}

Test(presets, every_one_trains_two_steps)
{
	const char *root_dir = getenv("EBB_SOURCE_ROOT");
	json_t *root = ebb_json("algorithms --json"), *all = json_object_get(root, "algorithms"),
	       *row;
	size_t i;

	json_array_foreach(all, i, row)
	{
		const char *name = word(row, "name");
		char *line = ebb_xprintf("run %s/experiments/quickstart.yaml algorithm=%s " SMALL
					 "--out %s",
					 root_dir ? root_dir : ".", name, name);

		cr_expect_eq(ebb(line), 0, "%s:\n%s", name, output.data);
		does_not_say("diverged");
		check_record(name);
		free(line);
	}
	cr_assert_geq(i, 11u);
	json_decref(root);
}
