#include "command/bench_before.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ebb_bench_past {
	json_t *root, *results;
};

int ebb_bench_past_open(struct ebb_bench_past **past, const char *path, struct ebb_err *err)
{
	struct ebb_bench_past *p = ebb_xcalloc(1, sizeof *p);
	json_error_t where;

	*past = NULL;
	p->root = json_load_file(path, 0, &where);
	p->results = json_object_get(p->root, "results");
	if (!p->root && where.line < 0)
		ebb_err_set(err, EBB_EIO, "%s; give a file written by 'ebb bench --json'",
			    where.text);
	else if (!p->root)
		ebb_err_set(err, EBB_EINVAL,
			    "%s:%d:%d: %s; give a file written by 'ebb bench --json'", path,
			    where.line, where.column, where.text);
	else if (!json_is_array(p->results))
		ebb_err_set(err, EBB_EINVAL,
			    "%s has no list \"results\"; give a file written by 'ebb bench --json'",
			    path);
	if (err->code) {
		ebb_bench_past_close(p);
		return err->code;
	}
	*past = p;
	return EBB_OK;
}

void ebb_bench_past_close(struct ebb_bench_past *past)
{
	if (!past)
		return;
	json_decref(past->root);
	free(past);
}

static bool is_text(const json_t *row, const char *key, const char *text)
{
	const char *it = json_string_value(json_object_get(row, key));

	return it && strcmp(it, text) == 0;
}

static bool is_same(const json_t *row, const char *mode, const struct ebb_bench_shape *s,
		    const char *isa)
{
	const struct {
		const char *key;
		int64_t value;
	} at[] = {
		{"width", s->width},   {"layers", s->layers}, {"threads", s->threads},
		{"batch", s->batch},   {"seq", s->seq},       {"vocab", s->vocab},
		{"prompt", s->prompt},
	};
	const bool groups = strcmp(mode, "rl") == 0;

	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (json_integer_value(json_object_get(row, at[i].key)) != at[i].value)
			return false;
	return is_text(row, "mode", mode) && is_text(row, "isa", isa) &&
	       (!groups || json_integer_value(json_object_get(row, "group")) == s->group);
}

struct ebb_bench_rate ebb_bench_before(const struct ebb_bench_past *past, const char *mode,
				       const struct ebb_bench_shape *s, const char *isa)
{
	struct ebb_bench_rate best = {NAN, NAN};
	const json_t *row;
	size_t i;

	json_array_foreach(past ? past->results : NULL, i, row)
	{
		const double rate = json_number_value(json_object_get(row, "tokens_per_s"));

		if (is_same(row, mode, s, isa) && rate > 0 && !(rate <= best.tokens_per_s))
			best = (struct ebb_bench_rate){
				rate, json_number_value(json_object_get(row, "peak_share"))};
	}
	return best;
}
