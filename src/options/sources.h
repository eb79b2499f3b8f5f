/*
 * Where the presets come from and what their sources disagree about: sources.def and disagreements.def
 * as data, for the page and the comparison of algorithms. Nothing here has a part in a result.
 */
#ifndef EBB_OPTIONS_SOURCES_H
#define EBB_OPTIONS_SOURCES_H

#include "options/definition.h"

struct ebb_source {
	const char *paper, *sections, *published, *libraries; /* empty: nothing known */
};

/* Of a built-in preset; every one has a row. */
const struct ebb_source *ebb_preset_source(const struct ebb_preset *preset);

struct ebb_disagreement {
	const char *topic;
	const char *options, *presets; /* words separated by blanks; no presets: by the options */
	const char *who, *here, *source;
};

const struct ebb_disagreement *ebb_disagreement_rows(int *n);

/* Is this word one of those, separated by blanks? */
bool ebb_word_among(const char *word, const char *words);

/* Does the row concern the preset? It names it, or names none and the preset sets one of its options.
 * sets: "group.name" of what the preset sets, separated by blanks. */
bool ebb_disagreement_concerns(const struct ebb_disagreement *row, const struct ebb_preset *preset,
			       const char *sets);

#endif
