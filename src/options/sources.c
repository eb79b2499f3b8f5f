#include "options/sources.h"

#include <string.h>

#define EBB_SOURCE(preset, ...)                                                                    \
	static const struct ebb_source source_##preset __attribute__((unused)) = {__VA_ARGS__};
#include "options/sources.def"
#undef EBB_SOURCE

/* In the order of presets.def; one without a row in sources.def ends the build here. */
static const struct {
	const char *name;
	const struct ebb_source *source;
} of_preset[] = {
#define EBB_PRESET(name, ...) {#name, &source_##name},
#include "options/presets.def"
#undef EBB_PRESET
};

static const struct ebb_disagreement disagreement[] = {
#define EBB_DISAGREEMENT(...) {__VA_ARGS__},
#include "options/disagreements.def"
#undef EBB_DISAGREEMENT
};

const struct ebb_source *ebb_preset_source(const struct ebb_preset *preset)
{
	for (size_t i = 0; i < sizeof of_preset / sizeof *of_preset; i++)
		if (strcmp(of_preset[i].name, preset->name) == 0)
			return of_preset[i].source;
	EBB_BUG("no built-in preset '%s'", preset->name);
}

const struct ebb_disagreement *ebb_disagreement_rows(int *n)
{
	*n = (int)(sizeof disagreement / sizeof *disagreement);
	return disagreement;
}

bool ebb_word_among(const char *word, const char *words)
{
	size_t length = strlen(word);

	for (const char *s = words; *(s += strspn(s, " ")); s += strcspn(s, " "))
		if (strcspn(s, " ") == length && memcmp(s, word, length) == 0)
			return true;
	return false;
}

bool ebb_disagreement_concerns(const struct ebb_disagreement *row, const struct ebb_preset *preset,
			       const char *sets)
{
	char key[2 * EBB_STR_MAX];

	if (row->presets[0])
		return ebb_word_among(preset->name, row->presets);
	for (const char *s = row->options; *(s += strspn(s, " ")); s += strcspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (n >= sizeof key)
			EBB_BUG("an option of '%s' is too long a word", row->topic);
		memcpy(key, s, n);
		key[n] = 0;
		if (ebb_word_among(key, sets))
			return true;
	}
	return false;
}
