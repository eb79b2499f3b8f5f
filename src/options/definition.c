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

static int read_all(struct ebb_definition *def, struct ebb_draft *d, const char *path,
		    const char *const *override, int n_overrides, struct ebb_err *err)
{
	struct ebb_buf text = EBB_BUF_INIT;
	yaml_document_t doc;
	size_t n = 0;
	int rc;

	if (path) {
		rc = ebb_file_read(path, EBB_FILE_MAX, &def->source, &n, err);
		if (rc < 0)
			return rc;
		if (!ebb_document_load(&doc, def->source, n, path, d->diag))
			return 0; /* without a tree nothing more can be said */
		ebb_draft_read(d, &doc);
		yaml_document_delete(&doc);
	} else {
		def->source = ebb_xstrdup("");
	}
	for (int i = 0; i < n_overrides; i++) {
		ebb_draft_override(d, override[i]);
		ebb_buf_printf(&text, "%s\n", override[i]);
	}
	def->overrides = ebb_buf_take(&text);
	name_after_file(d, path);
	ebb_draft_link(d);
	ebb_draft_resolve(d, def);
	return 0;
}

int ebb_definition_read(struct ebb_definition *def, const struct ebb_catalog *catalog,
			const char *path, const char *const *override, int n_overrides,
			struct ebb_diag *diag, struct ebb_err *err)
{
	struct ebb_draft d = {.catalog = catalog, .diag = diag, .first = diag->n, .file = path};
	const char *subject = path ? path : "the command line";
	int rc;

	memset(def, 0, sizeof *def);
	d.whole = path ? (struct ebb_mark){path, 0, 0} : EBB_COMMAND_LINE;
	rc = read_all(def, &d, path, override, n_overrides, err);
	if (rc == 0 && diag->n_errors > 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "%d error%s in '%s'", diag->n_errors,
				 diag->n_errors == 1 ? "" : "s", subject);
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
	}
	ebb_draft_release(&d);
	return rc;
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
	free(def->overrides);
	for (int a = 0; a < def->n_arms; a++) {
		free(def->arm[a].label);
		for (int i = 0; i < def->arm[a].n_axes; i++) {
			free(def->arm[a].axis[i].key);
			free(def->arm[a].axis[i].value);
		}
		free(def->arm[a].axis);
	}
	free(def->arm);
	free(def->seed);
	free(def->plan);
	free(def->plan_of);
	items_release(def->figure, def->n_figures);
	items_release(def->claim, def->n_claims);
	memset(def, 0, sizeof *def);
}
