/* ebb fit: the law R = -a exp(H) + b. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/command.h"
#include "command/fitted.h"
#include "record/join.h"

static const char help[] =
	"  --arm LABEL    this arm, or those a pattern matches ('mine *'); may be repeated\n"
	"  --weight WORD  none; inverse_var: by the binomial variance R (1 - R) / answers of each "
	"accuracy\n"
	"  --early Q      fit the forecast on the first part Q of the steps, like 0.15, instead "
	"of\n"
	"                 the first half of the evaluations\n"
	"  --block N      points in a block of the bootstrap; 5 where there are two of them\n"
	"  --json         one object: {\"run\",\"level\",\"weight\",\"early\",\n"
	"                 \"trials\":[{\"arm\",\"seed\",\"points\",\"status\",\"a\",\"b\","
	"\"ceiling\",\"se_a\",\"se_b\",\n"
	"                   \"se_ceiling\",\"cov_ab\",\"r2\",\"rmse\",\"aicc\",\"linear_r2\","
	"\"linear_aicc\",\"log_r2\",\n"
	"                   \"log_aicc\",\"last_excess\",\"early_points\",\"early_rmse\","
	"\"early_last\",\n"
	"                   \"early_linear_rmse\",\"early_linear_last\",\"early_ceiling\","
	"\"early_se_ceiling\",\n"
	"                   \"early_excess\",\"block\",\"a_blocks\":[LOW,HIGH],\"b_blocks\","
	"\"ceiling_blocks\"}],\n"
	"                 \"arms\":[{\"arm\",\"a\":{\"n\",\"mean\",\"low\",\"high\"},\"b\":{..},"
	"\"ceiling\":{..}, means of\n"
	"                   other numbers, \"fitted\",\"r2_fits\",\"aicc_fits\",\"above_ceiling\","
	"\"a_below_0\",\n"
	"                   \"insufficient_range\"}],\n"
	"                 \"common\":{\"points\",\"a\",\"b\",\"ceiling\",\"f\",\"p\",\"dealings\","
	"\"spread\",\n"
	"                   \"arms\":[{\"arm\",\"a\",\"b\",\"ceiling\"}]} or null,\n"
	"                 \"sizes\":[{\"arms\",\"of\":[{\"arm\",\"millions\"}],\"a\":{\"sizes\","
	"\"seeds\",\"c0\",\"c1\",\"r2\",\n"
	"                   \"bootstrap\":[..],\"t\":[..]},\"b\":{..}}]}\n"
	"                 missing numbers are null; status: ok, insufficient_range, "
	"too_few_points, "
	"diverged,\n"
	"                 not_recorded; of several runs also \"runs\" and \"differences\", as ebb "
	"compare has\n\n"
	"Several runs are one table: what differs between them stands first. Arms that are the "
	"same in\n"
	"label, options and build are one arm with the seeds of all; other arms of equal label "
	"are\n"
	"called RUN: LABEL.\n\n"
	"R is the held-out accuracy of every evaluation, H the policy entropy on the training "
	"questions at\n"
	"the same step (sequence mean, nats). Least squares on exp(H); beside it two rivals, "
	"linear "
	"in H\n"
	"and linear in log(step + 1), by AICc. Standard errors of a trial ignore that its points "
	"follow each\n"
	"other; the block bootstrap knows, but is too narrow over few points; the interval over "
	"seeds (t,\n"
	"95 %) has neither flaw. The law is meant for runs without a term that moves entropy: "
	"choose arms\n"
	"with --arm. Whether they share one law is judged by dealing their labels anew inside each "
	"seed;\n"
	"arms that differ in model.* give a law of size.\n";

/* "--early Q": a number in (0, 1). */
static bool read_early(const char *word, double *early)
{
	char *end;

	*early = strtod(word, &end);
	return *word && !*end && *early > 0.0 && *early < 1.0;
}

static bool read_block(const char *word, int *block)
{
	char *end;
	long n = strtol(word, &end, 10);

	*block = n >= 1 && n <= 1000000 ? (int)n : 0;
	return *word && !*end && *block > 0;
}

/* Returns an exit status + 1 to leave with, or 0. */
static int parse(int argc, char **argv, struct ebb_fit_request *ask)
{
	static const char *const valued[] = {"--arm", "--weight", "--early", "--block"};

	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *value = NULL;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("fit", help) + 1;
		for (size_t k = 0; k < sizeof valued / sizeof *valued; k++)
			if (strcmp(s, valued[k]) == 0 && !(value = argv[++i]))
				return ebb_command_usage("fit", "%s needs a value", s) + 1;
		if (strcmp(s, "--json") == 0)
			ask->json = true;
		else if (strcmp(s, "--arm") == 0)
			ask->label[ask->n_labels++] = value;
		else if (strcmp(s, "--weight") == 0 && strcmp(value, "none") != 0 &&
			 strcmp(value, "inverse_var") != 0)
			return ebb_command_usage("fit", "--weight is none or inverse_var, not '%s'",
						 value) +
			       1;
		else if (strcmp(s, "--weight") == 0)
			ask->weighted = value[0] == 'i';
		else if (strcmp(s, "--early") == 0 && !read_early(value, &ask->early))
			return ebb_command_usage("fit",
						 "--early is a part of the steps between 0 and 1, "
						 "not '%s'",
						 value) +
			       1;
		else if (strcmp(s, "--block") == 0 && !read_block(value, &ask->block))
			return ebb_command_usage("fit", "--block is a number of points, not '%s'",
						 value) +
			       1;
		else if (!value && s[0] == '-')
			return ebb_command_usage("fit", "unknown option '%s'", s) + 1;
		else if (!value)
			ask->path[ask->n_paths++] = s;
	}
	if (ask->n_paths == 0)
		return ebb_command_usage("fit", "name the run directory") + 1;
	return 0;
}

static int fit(const struct ebb_fit_request *ask, struct ebb_err *err)
{
	struct ebb_lineup lineup = {0};
	struct ebb_fits fits = {0};
	struct ebb_run run = {0};
	int rc;

	ebb_record_setup();
	rc = ebb_run_join(&run, ask->path, ask->n_paths, err);
	if (rc == 0)
		rc = ebb_lineup_make(&lineup, &run, err);
	if (rc == 0)
		rc = ebb_fits_make(&fits, &run, ask, err);
	if (rc == 0 && ask->json) {
		rc = ebb_fits_json(&fits, &lineup, err);
	} else if (rc == 0) {
		ebb_lineup_print(&lineup, stdout, false);
		rc = ebb_fits_print(&fits, err);
	}
	ebb_fits_release(&fits);
	ebb_lineup_release(&lineup);
	ebb_run_release(&run);
	return rc;
}

int ebb_command_fit(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_fit_request ask = {.path = ebb_xcalloc((size_t)argc, sizeof *ask.path),
				      .label = ebb_xcalloc((size_t)argc, sizeof *ask.label)};
	int status = parse(argc, argv, &ask);

	if (status > 0)
		status--;
	else if (fit(&ask, &err) != 0)
		status = ebb_command_fail("fit", &err);
	free(ask.label);
	free(ask.path);
	return status;
}
