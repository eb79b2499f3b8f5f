/* Reading a definition from its beginning to its end, and giving it back. */
#include "options/definition.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "options/draft.h"

/* The file's name without folders and ".yaml" or ".yml". */
static char *stem_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		n = (size_t)(dot - name);
	return ebb_xprintf("%.*s", (int)n, name);
}

static void name_after_file(struct ebb_draft *d, const char *path)
{
	char *stem;

	if (d->name || d->name_mark.line > 0)
		return;
	if (!path) {
		d->name = ebb_xstrdup("unnamed");
		return;
	}
	stem = stem_of(path);
	if (!ebb_draft_set_name(d, stem, d->whole))
		ebb_draft_error(d, d->whole,
				"the file's name is no name for an experiment: rename "
				"it or give 'name:'");
	free(stem);
}

static int read_all(struct ebb_definition *def, struct ebb_draft *d, const char *const *path,
		    int n_paths, const char *const *override, int n_overrides, struct ebb_err *err)
{
	struct ebb_buf text = EBB_BUF_INIT, source = EBB_BUF_INIT;
	bool whole = true;

	for (int i = 0; i < n_paths; i++) {
		yaml_document_t doc;
		char *data;
		size_t n;
		int rc = ebb_file_read(path[i], EBB_FILE_MAX, &data, &n, err);

		if (rc < 0) {
			ebb_buf_release(&source);
			return rc;
		}
		d->file = path[i];
		d->source = i;
		d->whole = (struct ebb_mark){path[i], 0, 0};
		if (n_paths > 1)
			ebb_buf_printf(&source, "%s# %s\n",
				       source.len && source.data[source.len - 1] != '\n' ? "\n"
											 : "",
				       path[i]);
		ebb_buf_add(&source, data, n);
		if (ebb_document_load(d, &doc, data, n)) {
			ebb_draft_read(d, &doc);
			yaml_document_delete(&doc);
		} else {
			whole = false;
		}
		free(data);
	}
	def->source = ebb_buf_take(&source);
	if (!whole) /* without its trees nothing more can be said of the whole */
		return 0;
	ebb_draft_settle_files(d);
	d->source = EBB_FROM_LINE;
	d->n_overrides = n_overrides;
	for (int i = 0; i < n_overrides; i++) {
		ebb_draft_override(d, override[i]);
		ebb_buf_printf(&text, "%s\n", override[i]);
	}
	def->overrides = ebb_buf_take(&text);
	name_after_file(d, n_paths > 0 ? path[0] : NULL);
	ebb_draft_link(d);
	ebb_draft_settle(d);
	ebb_draft_resolve(d, def);
	return 0;
}

/* A mark's file, one of the caller's paths or a constant of ours, as one that lives as long as def. */
static void own_mark(const struct ebb_definition *def, const char *const *path,
		     struct ebb_mark *mark)
{
	for (int i = 0; i < def->n_files; i++)
		if (mark->file == path[i]) {
			mark->file = def->file[i];
			return;
		}
}

static void own_marks(struct ebb_definition *def, const char *const *path, int n_paths)
{
	def->file = ebb_xcalloc((size_t)n_paths + 1, sizeof *def->file);
	for (int i = 0; i < n_paths; i++)
		def->file[def->n_files++] = ebb_xstrdup(path[i]);
	for (int a = 0; a < def->n_arms; a++)
		for (int i = 0; i < def->arm[a].n_places; i++)
			own_mark(def, path, &def->arm[a].place[i].mark);
	for (int i = 0; i < def->n_figures; i++)
		own_mark(def, path, &def->figure[i].mark);
	for (int i = 0; i < def->n_claims; i++)
		own_mark(def, path, &def->claim[i].mark);
}

int ebb_definition_read(struct ebb_definition *def, const struct ebb_catalog *catalog,
			const char *const *path, int n_paths, const char *const *override,
			int n_overrides, struct ebb_diag *diag, struct ebb_err *err)
{
	struct ebb_draft d = {.catalog = catalog, .diag = diag, .first = diag->n};
	int rc;

	memset(def, 0, sizeof *def);
	d.whole = EBB_COMMAND_LINE;
	rc = read_all(def, &d, path, n_paths, override, n_overrides, err);
	if (rc == 0 && diag->n_errors > 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "%d error%s in '%s'%s", diag->n_errors,
				 diag->n_errors == 1 ? "" : "s",
				 n_paths > 0 ? path[0] : "the command line",
				 n_paths > 1 ? " and what follows it" : "");
	if (rc < 0) {
		ebb_definition_release(def);
	} else {
		def->name = d.name;
		def->about = d.about ? d.about : ebb_xstrdup("");
		def->figure = d.figure;
		def->n_figures = d.n_figures;
		def->claim = d.claim;
		def->n_claims = d.n_claims;
		d.name = d.about = NULL;
		d.figure = d.claim = NULL;
		d.n_figures = d.n_claims = 0;
		own_marks(def, path, n_paths);
	}
	ebb_draft_release(&d);
	return rc;
}

/* ---- what an arm remembers ---- */

static const struct ebb_place *find_place(const struct ebb_arm *arm, const char *key)
{
	for (int i = 0; i < arm->n_places; i++) {
		const struct ebb_option *row = arm->place[i].row;
		size_t n = row ? strlen(row->group) : 0;

		if (row ? strncmp(row->group, key, n) == 0 && key[n] == '.' &&
				    strcmp(row->name, key + n + 1) == 0
			: strcmp(key, "algorithm") == 0)
			return &arm->place[i];
	}
	return NULL;
}

bool ebb_arm_given(const struct ebb_arm *arm, const char *key)
{
	return find_place(arm, key) != NULL;
}

struct ebb_mark ebb_arm_mark(const struct ebb_arm *arm, const char *key)
{
	const struct ebb_place *place = find_place(arm, key);

	return place ? place->mark : (struct ebb_mark){NULL, 0, 0};
}

static void items_release(struct ebb_item *item, int n)
{
	for (int i = 0; i < n; i++)
		free(item[i].text);
	free(item);
}

void ebb_definition_release(struct ebb_definition *def)
{
	free(def->name);
	free(def->about);
	free(def->source);
	for (int i = 0; i < def->n_files; i++)
		free(def->file[i]);
	free(def->file);
	free(def->overrides);
	for (int a = 0; a < def->n_arms; a++)
		ebb_arm_release(&def->arm[a]);
	free(def->arm);
	free(def->seed);
	free(def->plan);
	free(def->plan_of);
	items_release(def->figure, def->n_figures);
	items_release(def->claim, def->n_claims);
	memset(def, 0, sizeof *def);
}
