#include "command/export.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- cells ---- */

static void put_text(const struct ebb_export *e, struct ebb_buf *out, const char *s)
{
	if (e->json)
		ebb_buf_json(out, s);
	else
		ebb_buf_csv(out, s);
}

/* The shortest text that reads back; missing is empty or null. JSON has no infinity: a string. */
static void put_number(const struct ebb_export *e, struct ebb_buf *out, double x)
{
	if (isnan(x)) {
		ebb_buf_puts(out, e->json ? "null" : "");
	} else if (e->json && isinf(x)) {
		ebb_buf_puts(out, x > 0 ? "\"inf\"" : "\"-inf\"");
	} else {
		ebb_buf_double(out, x);
	}
}

/* A swept value: a number in JSON where it is one. */
static void put_value(const struct ebb_export *e, struct ebb_buf *out, const char *value)
{
	char *end;
	double x;

	if (!value) {
		ebb_buf_puts(out, e->json ? "null" : "");
		return;
	}
	x = strtod(value, &end);
	if (e->json && strspn(value, "+-.0123456789eE") == strlen(value) && end != value && !*end &&
	    isfinite(x))
		ebb_buf_double(out, x);
	else
		put_text(e, out, value);
}

/* What stands before a column: the separator and, in JSON, the name. */
static void column(const struct ebb_export *e, struct ebb_buf *out, const char *name)
{
	if (out->len > 0 && (!e->json || out->data[out->len - 1] != '{'))
		ebb_buf_puts(out, ",");
	if (e->json) {
		ebb_buf_json(out, name);
		ebb_buf_puts(out, ":");
	}
}

/* ---- the file ---- */

static void flush(struct ebb_export *e)
{
	fwrite(e->line.data, 1, e->line.len, e->out);
	ebb_buf_reset(&e->line);
}

void ebb_export_begin(struct ebb_export *e)
{
	if (e->json) {
		ebb_buf_puts(&e->line, "[");
	} else {
		ebb_buf_puts(&e->line, "run,arm,seed,trial,axis,coordinate,metric,unit");
		for (int k = 0; k < e->n_indices; k++)
			ebb_buf_printf(&e->line, ",index_%d", k + 1);
		ebb_buf_puts(&e->line, ",value");
		for (int k = 0; k < e->n_keys; k++) {
			ebb_buf_puts(&e->line, ",");
			ebb_buf_csv(&e->line, e->key[k]);
		}
		ebb_buf_puts(&e->line, "\n");
	}
	flush(e);
}

static const char *swept(const struct ebb_run_arm *arm, const char *key)
{
	for (int i = 0; i < arm->n_axes; i++)
		if (strcmp(arm->axis[i].key, key) == 0)
			return arm->axis[i].value;
	return NULL;
}

/* Columns that are the same in every row of a dataset: those before the coordinate, those between
 * it and the indices, those after the value. */
struct constant {
	struct ebb_buf before, between, after;
};

static void constant_make(struct constant *c, const struct ebb_export *e, const struct ebb_run *run,
			  int arm, int seed, const char *metric, const struct ebb_array *a)
{
	const struct ebb_run_arm *label = &run->arm[arm];

	*c = (struct constant){0};
	if (e->json)
		ebb_buf_puts(&c->before, "{");
	column(e, &c->before, "run");
	put_text(e, &c->before, run->name);
	column(e, &c->before, "arm");
	put_text(e, &c->before, label->label);
	column(e, &c->before, "seed");
	ebb_buf_printf(&c->before, "%" PRIu64, run->seed[seed]);
	column(e, &c->before, "trial");
	put_text(e, &c->before, run->trial[arm * run->n_seeds + seed]);
	column(e, &c->before, "axis");
	put_text(e, &c->before, a->axis);
	column(e, &c->before, "coordinate");
	ebb_buf_puts(&c->between, ",");
	if (e->json)
		ebb_buf_puts(&c->between, "\"metric\":");
	put_text(e, &c->between, metric);
	column(e, &c->between, "unit");
	put_text(e, &c->between, a->unit);
	ebb_buf_puts(&c->after, "");
	for (int k = 0; k < e->n_keys; k++) {
		ebb_buf_puts(&c->after, ",");
		if (e->json) {
			ebb_buf_json(&c->after, e->key[k]);
			ebb_buf_puts(&c->after, ":");
		}
		put_value(e, &c->after, swept(label, e->key[k]));
	}
	ebb_buf_puts(&c->after, e->json ? "}" : "\n");
}

static void constant_release(struct constant *c)
{
	ebb_buf_release(&c->before);
	ebb_buf_release(&c->between);
	ebb_buf_release(&c->after);
}

/* index_k of the element, counted from 0; empty where the dataset has fewer dimensions. */
static void put_indices(struct ebb_export *e, const struct ebb_array *a, int64_t element)
{
	int64_t stride = 1;

	for (int k = 1; k < a->rank; k++)
		stride *= a->dim[k];
	for (int k = 0; k < e->n_indices; k++) {
		char name[32];

		snprintf(name, sizeof name, "index_%d", k + 1);
		column(e, &e->line, name);
		if (k + 1 >= a->rank) {
			ebb_buf_puts(&e->line, e->json ? "null" : "");
			continue;
		}
		stride /= a->dim[k + 1];
		ebb_buf_printf(&e->line, "%" PRId64, element / stride % a->dim[k + 1]);
	}
}

void ebb_export_array(struct ebb_export *e, const struct ebb_run *run, int arm, int seed,
		      const char *metric, const struct ebb_array *a)
{
	int64_t elements = 1;
	struct constant c;

	constant_make(&c, e, run, arm, seed, metric, a);
	for (int k = 1; k < a->rank; k++)
		elements *= a->dim[k];
	for (int64_t row = 0; row < a->dim[0]; row++) {
		for (int64_t i = 0; i < elements; i++) {
			if (e->json)
				ebb_buf_puts(&e->line, e->rows > 0 ? ",\n" : "\n");
			ebb_buf_add(&e->line, c.before.data, c.before.len);
			put_number(e, &e->line, a->x[row]);
			ebb_buf_add(&e->line, c.between.data, c.between.len);
			put_indices(e, a, i);
			column(e, &e->line, "value");
			put_number(e, &e->line, a->value[row * elements + i]);
			ebb_buf_add(&e->line, c.after.data, c.after.len);
			e->rows++;
			if (e->line.len > 1 << 16)
				flush(e);
		}
	}
	flush(e);
	constant_release(&c);
}

void ebb_export_end(struct ebb_export *e)
{
	if (e->json)
		ebb_buf_puts(&e->line, e->rows > 0 ? "\n]\n" : "]\n");
	flush(e);
}

void ebb_export_release(struct ebb_export *e)
{
	ebb_buf_release(&e->line);
	free(e->key);
}
