/* The end of the page: the definition, what it resolved to, and how to make all this again. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "command/html.h"
#include "command/report.h"

/* A word of a shell line: quoted where it needs it. */
static void put_word(struct ebb_buf *b, const char *word)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_@%+=:,./-";

	if (*word && strspn(word, safe) == strlen(word)) {
		ebb_buf_puts(b, word);
		return;
	}
	ebb_buf_puts(b, "'");
	for (; *word; word++)
		if (*word == '\'')
			ebb_buf_puts(b, "'\\''");
		else
			ebb_buf_add(b, word, 1);
	ebb_buf_puts(b, "'");
}

/* Does the line name a file of the command that made the run? Only then is it a heading between the
 * texts of several files, and no comment. */
static bool is_heading(const char *line, size_t n, const char *command)
{
	const char *at = command;
	char *name;
	bool found = false;

	if (n < 3 || line[0] != '#' || line[1] != ' ')
		return false;
	name = strndup(line + 2, n - 2);
	if (!name)
		EBB_BUG("out of memory");
	while (!found && (at = strstr(at, name)) != NULL) {
		found = at > command && at[-1] == ' ' && (at[n - 2] == ' ' || at[n - 2] == 0);
		at++;
	}
	free(name);
	return found;
}

/* The files of the definition: one by our name for it, several by their own, none. */
static void put_files(struct ebb_buf *b, const struct ebb_report *r)
{
	const char *text = ebb_about_get(&r->about.root, "definition"), *end;
	const char *command = ebb_about_get(&r->about.provenance, "command_line");
	size_t start = b->len;
	int n = 0;

	for (const char *s = text ? text : ""; *s; s = *end ? end + 1 : end) {
		char *name;

		end = strchrnul(s, '\n');
		if (!is_heading(s, (size_t)(end - s), command ? command : ""))
			continue;
		name = strndup(s + 2, (size_t)(end - s - 2));
		if (!name)
			EBB_BUG("out of memory");
		ebb_buf_puts(b, " ");
		put_word(b, name);
		free(name);
		n++;
	}
	if (n >= 2)
		return;
	b->data[b->len = start] = 0;
	if (text && *text)
		ebb_buf_puts(b, " experiment.yaml");
}

static void put_overrides(struct ebb_buf *b, const struct ebb_report *r)
{
	const char *text = ebb_about_get(&r->about.root, "overrides"), *end;

	for (const char *s = text ? text : ""; *s; s = *end ? end + 1 : end) {
		char *word;

		end = strchrnul(s, '\n');
		word = strndup(s, (size_t)(end - s));
		if (!word)
			EBB_BUG("out of memory");
		if (*word) {
			ebb_buf_puts(b, " ");
			put_word(b, word);
		}
		free(word);
	}
}

static void put_commands(struct ebb_buf *out, const struct ebb_report *r)
{
	const char *commit = ebb_about_get(&r->first.provenance, "git_commit");
	const char *dirty = ebb_about_get(&r->first.provenance, "git_dirty");
	struct ebb_buf b = EBB_BUF_INIT;

	if (commit && *commit && strcmp(commit, "unknown") != 0) {
		ebb_buf_printf(&b, "git checkout %s", commit);
		if (dirty && strcmp(dirty, "yes") == 0)
			ebb_buf_puts(&b, "   # and apply git_diff, recorded with the program");
		ebb_buf_puts(&b, "\nmake\n");
	}
	ebb_buf_puts(&b, "ebb run");
	put_files(&b, r);
	put_overrides(&b, r);
	ebb_buf_puts(&b, " --out again\nebb diff RUN again   # what differs, to the last bit\n"
			 "ebb report again\n");
	ebb_html(out, "<pre tabindex=\"0\"><code>%s</code></pre>\n", b.data);
	ebb_buf_release(&b);
}

static void put_folded(struct ebb_buf *out, const char *title, const char *text)
{
	if (text && *text)
		ebb_html(out,
			 "<details><summary>%s</summary><pre tabindex=\"0\"><code>%s</code></pre>"
			 "</details>\n",
			 title, text);
}

void ebb_report_source(struct ebb_buf *out, const struct ebb_report *r)
{
	ebb_html(out, "<section id=\"again\">\n<h2>How to make it again</h2>\n"
		      "<p>The same program makes the same trials from the same definition, to the "
		      "last bit. RUN is the directory of this run; it keeps the definition, "
		      "too.</p>\n");
	put_commands(out, r);
	put_folded(out, "The definition", ebb_about_get(&r->about.root, "definition"));
	put_folded(out, "The options it resolved to, for every arm",
		   ebb_about_get(&r->about.root, "resolved"));
	ebb_html(out, "</section>\n");
}
