#include "command/words.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "analysis/recorded.h"
#include "task/task.h"

/* ---- algorithms ---- */

const char *ebb_words_text(const struct ebb_definition *def, const char *file, size_t *n)
{
	const char *begin = def->source, *end;

	for (int i = 0; i < def->n_files; i++) {
		char *head = ebb_xprintf("# %s\n", def->file[i]);
		char *next =
			i + 1 < def->n_files ? ebb_xprintf("\n# %s\n", def->file[i + 1]) : NULL;

		if (def->n_files > 1 && strncmp(begin, head, strlen(head)) == 0)
			begin += strlen(head);
		/* an empty file's text leaves its heading's line break to the next heading */
		end = next ? strstr(begin > def->source ? begin - 1 : begin, next) : NULL;
		end = end ? end + 1 : begin + strlen(begin);
		free(head);
		free(next);
		if (strcmp(def->file[i], file) == 0) {
			*n = (size_t)(end - begin);
			return begin;
		}
		begin = end;
	}
	return NULL;
}

static void add_name(struct ebb_words *words, const char *name)
{
	words->algorithm = ebb_xrealloc(words->algorithm, (size_t)words->n_algorithms + 1,
					sizeof *words->algorithm);
	words->algorithm[words->n_algorithms++] = ebb_xstrdup(name);
}

/*
 * The keys below algorithms: of one text. The definition keeps the variants that run, but a claim
 * may name one that an override took out. The text was read before, so that errors are no news.
 */
static void add_variants(struct ebb_words *words, const char *text, size_t n)
{
	yaml_parser_t parser;
	yaml_event_t e;
	bool more = true, inside = false, key = true;
	int depth = 0;

	if (!yaml_parser_initialize(&parser))
		EBB_BUG("out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	while (more && yaml_parser_parse(&parser, &e)) {
		const char *word =
			e.type == YAML_SCALAR_EVENT ? (const char *)e.data.scalar.value : "";
		bool opens =
			e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT;
		bool closes = e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT;

		if (e.type == YAML_SCALAR_EVENT && key && depth == 1)
			inside = strcmp(word, "algorithms") == 0;
		if (e.type == YAML_SCALAR_EVENT && key && depth == 2 && inside)
			add_name(words, word);
		depth += opens - closes;
		/* after a key comes its value, after a value the next key */
		if (opens || closes)
			key = true;
		else if (e.type == YAML_SCALAR_EVENT)
			key = !key;
		more = e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
}

/* Presets and the algorithms of arms. */
static void add_known(struct ebb_words *words, const struct ebb_definition *def)
{
	int n;
	const struct ebb_preset *preset = ebb_preset_rows(&n);

	for (int i = 0; i < n; i++)
		add_name(words, preset[i].name);
	for (int i = 0; i < def->n_arms; i++)
		if (i == 0 ||
		    strcmp(def->arm[i].options.algorithm, def->arm[i - 1].options.algorithm) != 0)
			add_name(words, def->arm[i].options.algorithm);
}

static void make_scope(struct ebb_words *words)
{
	int n_tasks, n = 0;
	const struct ebb_task *const *task = ebb_task_all(&n_tasks);

	words->curve = ebb_xcalloc((size_t)n_tasks * EBB_TASK_CURVES_MAX, sizeof *words->curve);
	for (int i = 0; i < n_tasks; i++)
		for (int c = 0; c < task[i]->n_curves; c++)
			words->curve[n++] =
				(struct ebb_claim_curve){task[i]->rows.name, &task[i]->curve[c]};
	words->scope = (struct ebb_claim_scope){
		.catalog = ebb_task_catalog(),
		.curve = words->curve,
		.n_curves = n,
		.algorithm = (const char *const *)words->algorithm,
		.n_algorithms = words->n_algorithms,
	};
}

void ebb_words_of_definition(struct ebb_words *words, const struct ebb_definition *def)
{
	*words = (struct ebb_words){0};
	add_known(words, def);
	for (int i = 0; i < def->n_files; i++) {
		size_t bytes = 0;
		const char *text = ebb_words_text(def, def->file[i], &bytes);

		if (text)
			add_variants(words, text, bytes);
	}
	make_scope(words);
	words->scope.def = def;
}

int ebb_words_of_run(struct ebb_words *words, const struct ebb_run *run, struct ebb_err *err)
{
	struct ebb_definition def;
	int rc = ebb_recorded_read(&def, run, ebb_task_catalog(), err);

	*words = (struct ebb_words){0};
	if (rc < 0)
		return rc;
	add_known(words, &def);
	/* several files follow each other in one text; their headings are comments */
	add_variants(words, def.source, strlen(def.source));
	make_scope(words);
	ebb_definition_release(&def);
	return 0;
}

void ebb_words_release(struct ebb_words *words)
{
	for (int i = 0; i < words->n_algorithms; i++)
		free(words->algorithm[i]);
	free(words->algorithm);
	free(words->curve);
	*words = (struct ebb_words){0};
}

int ebb_words_judge(struct ebb_judgements *out, const struct ebb_run *run, const char *const *text,
		    int n, struct ebb_diag *diag, struct ebb_err *err)
{
	struct ebb_words words;
	int rc = ebb_words_of_run(&words, run, err);

	*out = (struct ebb_judgements){0};
	if (rc == 0)
		rc = ebb_judge_run(out, run, text, n, &words.scope, diag, err);
	ebb_words_release(&words);
	return rc;
}
