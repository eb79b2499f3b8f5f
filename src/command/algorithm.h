/* What the forms of ebb algorithms share: a preset's settings, its loss, two presets line by line. */
#ifndef EBB_COMMAND_ALGORITHM_H
#define EBB_COMMAND_ALGORITHM_H

#include "command/page.h"
#include "options/sources.h"

#define EBB_PRESET_SETTINGS_MAX 64

struct ebb_preset_setting {
	const struct ebb_option *row;
	char value[EBB_STR_MAX], builtin[EBB_STR_MAX];
};

/* Every option the preset moves away from its default, in table order; returns how many. */
int ebb_preset_settings(const struct ebb_preset *p,
			struct ebb_preset_setting out[EBB_PRESET_SETTINGS_MAX]);
/* Their keys, separated by blanks; the caller frees them. */
char *ebb_preset_keys(const struct ebb_preset *p);
/* The loss of the preset under the built-in defaults of everything else. */
void ebb_preset_formula(const struct ebb_preset *p, struct ebb_page *page);

/* A line of the loss, or an option, of two presets; null: one of them has none. */
struct ebb_pair_line {
	const struct ebb_line *of[2];
};
struct ebb_pair_option {
	const struct ebb_option *row;
	const char *value[2], *builtin; /* the built-in one where a preset does not set it */
};

/* What differs between two presets. Release frees all that the lines point at. */
struct ebb_preset_pair {
	const struct ebb_preset *preset[2];
	struct ebb_page page[2];
	struct ebb_preset_setting setting[2][EBB_PRESET_SETTINGS_MAX];
	struct ebb_pair_line *line;
	int n_lines;
	struct ebb_pair_option option[2 * EBB_PRESET_SETTINGS_MAX];
	int n_options;
};
void ebb_preset_pair_make(struct ebb_preset_pair *pair, const struct ebb_preset *a,
			  const struct ebb_preset *b);
void ebb_preset_pair_release(struct ebb_preset_pair *pair);

/* ---- the forms ---- */

void ebb_algorithms_pair(const struct ebb_preset *a, const struct ebb_preset *b);
/* n rows; details: with the loss and what its sources disagree about. */
void ebb_algorithms_json(const struct ebb_preset *const *p, int n, bool details);
/* docs/algorithms.md */
void ebb_algorithms_markdown(void);

#endif
