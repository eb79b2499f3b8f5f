/* Metrics that are no datasets but follow from one, for any number in their name: rows of a table that
 * grows as they are asked for. The program reads definitions and runs in one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "options/metrics.h"

#define K_MAX 1024  /* of eval.samples */
#define T_MAX 100.0 /* of eval.temperatures */

struct row {
	struct ebb_metric m;
	enum ebb_derived kind;
	double number;
	struct row *next;
	char name[64], about[160];
};

static struct row *rows;

static const struct kind {
	const char *word, *from, *about, *source;
} kind_of[] = {
	[EBB_DERIVED_PASS] = {"pass@", "eval/outcome",
			      "held-out questions that %s samples out of eval.samples hold a right "
			      "answer to, expected share",
			      "PG 8 pass_at_k, unbiased: arXiv:2107.03374"},
	[EBB_DERIVED_ACCURACY] = {"accuracy@", "eval/accuracy_at_temperature",
				  "held-out accuracy of samples at temperature %s",
				  "EI 7.5 evaluation temperature sweep"},
};

/* The number behind the kind's word, in the one form it is written in. */
static bool parse(const char *name, enum ebb_derived kind, double *number)
{
	const char *word = kind_of[kind].word;
	char text[40], *end;

	if (strncmp(name, "eval/", 5) == 0)
		name += 5;
	if (strncmp(name, word, strlen(word)) != 0)
		return false;
	name += strlen(word);
	*number = strtod(name, &end);
	snprintf(text, sizeof text, "%.10g", *number);
	if (end == name || *end || strcmp(text, name) != 0)
		return false;
	if (kind == EBB_DERIVED_PASS)
		return *number >= 1 && *number <= K_MAX && *number == (double)(int)*number;
	return *number >= 0 && *number <= T_MAX;
}

static struct row *add(enum ebb_derived kind, double number)
{
	const struct kind *k = &kind_of[kind];
	struct row *r = ebb_xcalloc(1, sizeof *r);
	char text[40];

	snprintf(text, sizeof text, "%.10g", number);
	snprintf(r->name, sizeof r->name, "eval/%s%s", k->word, text);
	snprintf(r->about, sizeof r->about, k->about, text);
	r->kind = kind;
	r->number = number;
	r->m = (struct ebb_metric){.name = r->name,
				   .brief = r->name + strlen("eval/"),
				   .unit = "share",
				   .about = r->about,
				   .axis = EBB_AXIS_EVAL,
				   .deterministic = true,
				   .source = k->source};
	r->next = rows;
	rows = r;
	return r;
}

static const struct row *find(const char *name)
{
	double number;

	for (int kind = 0; kind < EBB_N_DERIVED; kind++) {
		if (!parse(name, (enum ebb_derived)kind, &number))
			continue;
		for (const struct row *r = rows; r; r = r->next)
			if ((int)r->kind == kind && r->number == number)
				return r;
		return add((enum ebb_derived)kind, number);
	}
	return NULL;
}

const struct ebb_metric *ebb_metric_derived(const char *name, enum ebb_derived *kind,
					    double *number)
{
	const struct row *r = find(name);

	if (!r)
		return NULL;
	if (kind)
		*kind = r->kind;
	if (number)
		*number = r->number;
	return &r->m;
}

const char *ebb_metric_dataset(const char *name)
{
	const struct row *r = find(name);

	return r ? kind_of[r->kind].from : name;
}
