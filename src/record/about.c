#include "record/about.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "record/schema.h"

/* What a walk over the attributes of one object adds to. */
struct collector {
	struct ebb_about_rows *rows;
	const char *prefix; /* "clip" makes "clip.low" of "low"; null: names as they are */
	struct ebb_err *err;
	int rc;
};

static void add(struct ebb_about_rows *rows, char *key, char *value)
{
	rows->row = ebb_xrealloc(rows->row, (size_t)rows->n + 1, sizeof *rows->row);
	rows->row[rows->n++] = (struct ebb_setting){key, value};
}

/* FALSE and TRUE are 0 and 1 in one byte. */
static char *enum_text(hid_t attribute, hid_t type)
{
	char raw[8], name[64];

	if (H5Tget_size(type) > sizeof raw || H5Aread(attribute, type, raw) < 0 ||
	    H5Tenum_nameof(type, raw, name, sizeof name) < 0)
		return NULL;
	for (char *c = name; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
	return ebb_xstrdup(name);
}

static char *number_text(hid_t attribute, hid_t type)
{
	struct ebb_buf text = EBB_BUF_INIT;
	uint64_t natural;
	int64_t whole;
	double real;

	if (H5Tget_class(type) == H5T_FLOAT) {
		if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) < 0)
			return NULL;
		ebb_buf_double(&text, real);
	} else if (H5Tget_sign(type) == H5T_SGN_NONE) {
		if (H5Aread(attribute, H5T_NATIVE_UINT64, &natural) < 0)
			return NULL;
		ebb_buf_printf(&text, "%llu", (unsigned long long)natural);
	} else {
		if (H5Aread(attribute, H5T_NATIVE_INT64, &whole) < 0)
			return NULL;
		ebb_buf_printf(&text, "%lld", (long long)whole);
	}
	return ebb_buf_take(&text);
}

/* Null: it cannot be read, or is of a kind no record holds. */
static char *value_text(hid_t object, const char *name, hid_t attribute, hid_t type,
			struct ebb_err *err)
{
	char *text = NULL;

	switch (H5Tget_class(type)) {
	case H5T_STRING:
		ebb_h5_get_str(object, name, &text, err);
		return text;
	case H5T_ENUM:
		return enum_text(attribute, type);
	case H5T_INTEGER:
	case H5T_FLOAT:
		return number_text(attribute, type);
	default:
		return NULL;
	}
}

static herr_t collect(hid_t object, const char *name, const H5A_info_t *info, void *ctx)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct collector *c = ctx;
	hid_t attribute = ebb_h5_keep(&h5, H5Aopen(object, name, H5P_DEFAULT));
	hid_t type = attribute < 0 ? attribute : ebb_h5_keep(&h5, H5Aget_type(attribute));
	hid_t space = attribute < 0 ? attribute : ebb_h5_keep(&h5, H5Aget_space(attribute));
	char *value;

	if (type < 0 || space < 0) {
		c->rc = ebb_h5_fail(c->err, EBB_EFORMAT, "cannot open attribute '%s'", name);
	} else if (H5Sget_simple_extent_type(space) == H5S_SCALAR &&
		   !(c->prefix && strcmp(name, "about") == 0)) {
		value = value_text(object, name, attribute, type, c->err);
		if (value)
			add(c->rows,
			    c->prefix ? ebb_xprintf("%s.%s", c->prefix, name) : ebb_xstrdup(name),
			    value);
		else
			c->rc = ebb_h5_fail(c->err, EBB_EFORMAT, "cannot read attribute '%s'",
					    name);
	}
	ebb_h5scope_close(&h5);
	return c->rc;
}

static int read_attributes(hid_t object, const char *prefix, struct ebb_about_rows *rows,
			   struct ebb_err *err)
{
	struct collector c = {rows, prefix, err, 0};

	if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, collect, &c) < 0 && c.rc == 0)
		c.rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot list the attributes");
	return c.rc;
}

static herr_t collect_group(hid_t options, const char *name, const H5L_info_t *info, void *ctx)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct collector *c = ctx;
	hid_t group = ebb_h5_keep(&h5, H5Gopen2(options, name, H5P_DEFAULT));

	if (group < 0)
		c->rc = ebb_h5_fail(c->err, EBB_EFORMAT, "cannot open group 'options/%s'", name);
	else
		c->rc = read_attributes(group, name, c->rows, c->err);
	ebb_h5scope_close(&h5);
	return c->rc;
}

static int read_options(hid_t file, struct ebb_about_rows *rows, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct collector c = {rows, NULL, err, 0};
	hid_t options;

	if (H5Lexists(file, "options", H5P_DEFAULT) <= 0)
		return 0;
	options = ebb_h5_keep(&h5, H5Gopen2(file, "options", H5P_DEFAULT));
	if (options < 0 ||
	    (H5Literate(options, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_group, &c) < 0 &&
	     c.rc == 0))
		c.rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot list group 'options'");
	ebb_h5scope_close(&h5);
	return c.rc;
}

int ebb_about_read(struct ebb_about *about, const char *path, const char *schema,
		   struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT; /* its code decides: there must be one */
	hid_t file, provenance;
	int rc;

	*about = (struct ebb_about){0};
	file = ebb_schema_open(&h5, path, schema, &local);
	if (file < 0) {
		rc = local.code;
		if (err)
			*err = local;
		goto out;
	}
	rc = read_attributes(file, NULL, &about->root, err);
	provenance = rc == 0 && H5Lexists(file, "provenance", H5P_DEFAULT) > 0
			     ? ebb_h5_keep(&h5, H5Gopen2(file, "provenance", H5P_DEFAULT))
			     : H5I_INVALID_HID;
	if (rc == 0 && provenance >= 0)
		rc = read_attributes(provenance, NULL, &about->provenance, err);
	if (rc == 0)
		rc = read_options(file, &about->option, err);
	if (rc < 0)
		ebb_err_wrap(err, "cannot read '%s'", path);
out:
	ebb_h5scope_close(&h5);
	if (rc < 0)
		ebb_about_release(about);
	return rc;
}

static void rows_release(struct ebb_about_rows *rows)
{
	for (int i = 0; i < rows->n; i++) {
		free(rows->row[i].key);
		free(rows->row[i].value);
	}
	free(rows->row);
	*rows = (struct ebb_about_rows){0};
}

void ebb_about_release(struct ebb_about *about)
{
	rows_release(&about->root);
	rows_release(&about->provenance);
	rows_release(&about->option);
}

const char *ebb_about_get(const struct ebb_about_rows *rows, const char *key)
{
	for (int i = 0; i < rows->n; i++)
		if (strcmp(rows->row[i].key, key) == 0)
			return rows->row[i].value;
	return NULL;
}
