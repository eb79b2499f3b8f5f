#include "record/block.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/text.h"
#include "options/text.h"
#include "record/schema.h"

#define FIELDS_MAX 65536

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows go into the journal as they lie in memory, which must be little-endian"
#endif

static const char magic[4] = {'e', 'b', 'b', 'j'};

static const char *const element_word[] = {
	[EBB_F64_ELEMENT] = "f64",
	[EBB_F32_ELEMENT] = "f32",
	[EBB_I32_ELEMENT] = "i32",
	[EBB_U8_ELEMENT] = "u8",
};

void ebb_block_pack(struct ebb_block *block, const void *payload,
		    unsigned char header[EBB_BLOCK_HEADER])
{
	uint32_t kind = (uint32_t)block->kind;

	memcpy(header, magic, 4);
	memcpy(header + 4, &kind, 4);
	memcpy(header + 8, &block->first, 8);
	memcpy(header + 16, &block->n, 8);
	memcpy(header + 24, &block->bytes, 8);
	block->crc = ebb_crc32(ebb_block_crc_start(header), payload, (size_t)block->bytes);
	memcpy(header + 32, &block->crc, 4);
}

uint32_t ebb_block_crc_start(const unsigned char header[EBB_BLOCK_HEADER])
{
	return ebb_crc32(0, header, EBB_BLOCK_HEADER - 4);
}

bool ebb_block_begins(const unsigned char *bytes, int64_t n)
{
	return memcmp(bytes, magic, n < 4 ? (size_t)n : 4) == 0;
}

bool ebb_block_unpack(struct ebb_block *block, const unsigned char header[EBB_BLOCK_HEADER])
{
	uint32_t kind;

	memcpy(&kind, header + 4, 4);
	memcpy(&block->first, header + 8, 8);
	memcpy(&block->n, header + 16, 8);
	memcpy(&block->bytes, header + 24, 8);
	memcpy(&block->crc, header + 32, 4);
	if (memcmp(header, magic, 4) != 0 || kind > EBB_N_AXES)
		return false;
	block->kind = (int)kind;
	if (kind == EBB_BLOCK_TEXT)
		return block->first == 0 && block->n == 0 && block->bytes > 0 &&
		       block->bytes <= EBB_BLOCK_TEXT_MAX;
	return block->first >= 0 && block->first <= EBB_BLOCK_ROWS_MAX && block->n > 0 &&
	       block->n <= EBB_BLOCK_ROWS_MAX - block->first && block->bytes >= 0 &&
	       block->bytes <= EBB_BLOCK_DATA_MAX;
}

int64_t ebb_field_row_bytes(const struct ebb_field *field)
{
	int64_t bytes = (int64_t)ebb_element_bytes(field->element);

	if (field->rank < 0 || field->rank > 3)
		return -1;
	for (int k = 0; k < field->rank; k++) {
		if (field->dim[k] < 1 || bytes > EBB_ROW_BYTES_MAX / field->dim[k])
			return -1;
		bytes *= field->dim[k];
	}
	return bytes;
}

/* ---- the text of a block ---- */

/* What no reader would take back (string_of) is not written: a journal must not be lost to a label. */
static void add_text(struct ebb_buf *out, const char *key, const char *value)
{
	char *text = ebb_xstrdup(value ? value : "");

	ebb_text_tidy(text);
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	ebb_buf_printf(out, "\"%s\":", key);
	ebb_buf_json(out, text);
	free(text);
}

static void add_field(struct ebb_buf *out, const struct ebb_field *f)
{
	ebb_buf_puts(out, "{");
	add_text(out, "name", f->name);
	ebb_buf_puts(out, ",");
	add_text(out, "unit", f->unit);
	ebb_buf_puts(out, ",");
	add_text(out, "about", f->about);
	ebb_buf_puts(out, ",");
	add_text(out, "source", f->source);
	ebb_buf_printf(out, ",\"axis\":\"%s\",\"element\":\"%s\",\"deterministic\":%s,\"dim\":[",
		       ebb_axis_word(f->axis), element_word[f->element],
		       f->deterministic ? "true" : "false");
	for (int k = 0; k < f->rank; k++) {
		ebb_buf_printf(out, "%s{\"size\":%d,", k ? "," : "", f->dim[k]);
		add_text(out, "about", f->dim_about[k]);
		ebb_buf_puts(out, "}");
	}
	ebb_buf_puts(out, "]}");
}

/* The seed is a string: it has 64 bits, and numbers of JSON are safe up to 53. */
void ebb_block_text(struct ebb_buf *out, const struct ebb_trial_head *head, const char *started,
		    const struct ebb_field *field, int n_fields)
{
	ebb_buf_puts(out, "{\"format\":\"ebb-journal\",\"version\":1,");
	add_text(out, "id", head->id);
	ebb_buf_puts(out, ",");
	add_text(out, "label", head->label);
	ebb_buf_printf(out, ",\"seed\":\"%" PRIu64 "\",\"steps\":%" PRId64 ",\"attempt\":%d,",
		       head->options->seed, head->options->train.steps, head->attempt);
	add_text(out, "started", started);
	for (int i = 0; i < n_fields; i++) {
		ebb_buf_puts(out, i ? ",\n" : ",\"field\":[\n");
		add_field(out, &field[i]);
	}
	ebb_buf_puts(out, n_fields ? "]}\n" : "}\n");
}

/* Whoever reads a journal shows its words: none of them drives a terminal. */
static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && ebb_text_is_plain(text) ? text : NULL;
}

static bool integer_of(const json_t *object, const char *key, int64_t low, int64_t high,
		       int64_t *value)
{
	const json_t *number = json_object_get(object, key);

	if (!json_is_integer(number))
		return false;
	*value = (int64_t)json_integer_value(number);
	return *value >= low && *value <= high;
}

static bool seed_of(const json_t *object, uint64_t *seed)
{
	const char *text = string_of(object, "seed");
	char again[24];

	if (!text || strlen(text) > 20)
		return false;
	*seed = strtoull(text, NULL, 10);
	snprintf(again, sizeof again, "%" PRIu64, *seed);
	return strcmp(again, text) == 0;
}

/* Copy what fits, whole characters only. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (n >= size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	to[n] = 0;
}

static bool read_dims(struct ebb_field *f, const json_t *dim)
{
	if (!json_is_array(dim) || json_array_size(dim) > 3)
		return false;
	f->rank = (int)json_array_size(dim);
	for (int k = 0; k < f->rank; k++) {
		const json_t *d = json_array_get(dim, (size_t)k);
		const char *about = string_of(d, "about");
		int64_t size;

		if (!about || !integer_of(d, "size", 1, EBB_ROW_BYTES_MAX, &size))
			return false;
		f->dim[k] = (int)size;
		f->dim_about[k] = ebb_xstrdup(about);
	}
	return true;
}

static bool read_field(struct ebb_field *f, const json_t *object)
{
	const char *name = string_of(object, "name"), *unit = string_of(object, "unit"),
		   *about = string_of(object, "about"), *source = string_of(object, "source"),
		   *axis = string_of(object, "axis"), *element = string_of(object, "element");
	const json_t *deterministic = json_object_get(object, "deterministic");
	int a = 0, e = 0;

	if (!name || !*name || !unit || !about || !source || !axis || !element ||
	    !json_is_boolean(deterministic))
		return false;
	while (a < EBB_N_AXES && strcmp(axis, ebb_axis_word((enum ebb_axis)a)) != 0)
		a++;
	while (e <= EBB_U8_ELEMENT && strcmp(element, element_word[e]) != 0)
		e++;
	if (a == EBB_N_AXES || e > EBB_U8_ELEMENT)
		return false;
	f->name = ebb_xstrdup(name);
	f->unit = ebb_xstrdup(unit);
	f->about = ebb_xstrdup(about);
	f->source = ebb_xstrdup(source);
	f->axis = (enum ebb_axis)a;
	f->element = (enum ebb_element)e;
	f->deterministic = json_is_true(deterministic);
	return read_dims(f, json_object_get(object, "dim")) && ebb_field_row_bytes(f) > 0;
}

static bool read_fields(struct ebb_journal_view *view, const json_t *list)
{
	size_t n = json_array_size(list); /* 0 where it is not an array */

	if (n == 0 || n > FIELDS_MAX)
		return false;
	view->field = ebb_xcalloc(n, sizeof *view->field);
	for (size_t i = 0; i < n; i++) {
		view->n_fields++; /* also a field that is half read is released with the view */
		if (!read_field(&view->field[i], json_array_get(list, i)))
			return false;
	}
	return true;
}

static bool read_head(struct ebb_journal_view *view, const json_t *root)
{
	const char *format = string_of(root, "format"), *id = string_of(root, "id"),
		   *label = string_of(root, "label"), *started = string_of(root, "started");
	int64_t version, steps, attempt;
	uint64_t seed;

	if (!format || strcmp(format, "ebb-journal") != 0 ||
	    !integer_of(root, "version", 1, 1, &version) || !id || strlen(id) >= EBB_ID_MAX ||
	    !label || !started || !seed_of(root, &seed) ||
	    !integer_of(root, "steps", 0, INT64_MAX, &steps) ||
	    !integer_of(root, "attempt", 0, INT32_MAX, &attempt))
		return false;
	if (view->n_fields > 0 ? strcmp(view->id, id) != 0 || view->seed != seed
			       : !read_fields(view, json_object_get(root, "field")))
		return false;
	copy_text(view->id, sizeof view->id, id);
	copy_text(view->label, sizeof view->label, label);
	copy_text(view->started, sizeof view->started, started);
	view->seed = seed;
	view->steps = steps;
	view->attempt = (int)attempt;
	return true;
}

bool ebb_block_text_read(struct ebb_journal_view *view, const char *text, size_t n)
{
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(root) && read_head(view, root);

	json_decref(root);
	return good;
}

static bool same_field(const struct ebb_field *a, const struct ebb_field *b)
{
	return strcmp(a->name, b->name) == 0 && a->axis == b->axis && a->element == b->element &&
	       a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

int ebb_journal_fits(const struct ebb_journal_view *view, const char *path,
		     const struct ebb_field *field, int n_fields, struct ebb_err *err)
{
	for (int i = 0; i < view->n_fields && i < n_fields; i++)
		if (!same_field(&view->field[i], &field[i]))
			return ebb_err_set(err, EBB_EFORMAT,
					   "the rows of '%s' are of other fields: number %d is "
					   "'%s' there and '%s' here, or has another shape",
					   path, i + 1, view->field[i].name, field[i].name);
	if (view->n_fields != n_fields)
		return ebb_err_set(err, EBB_EFORMAT,
				   "the rows of '%s' are of other fields: it has %d, wanted are %d",
				   path, view->n_fields, n_fields);
	return 0;
}
