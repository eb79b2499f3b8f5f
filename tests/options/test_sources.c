/* Where presets come from: every one has a source, and what sources disagree about names options and
 * presets that there are. */
#include <criterion/criterion.h>
#include <string.h>
#include "options/sources.h"

static const char *const known[] = {
	/* presets with a row, built in or not */
#define EBB_SOURCE(preset, ...) #preset,
#include "options/sources.def"
#undef EBB_SOURCE
};

static bool is_built_in(const char *name)
{
	const struct ebb_preset *p;
	int n;

	p = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		if (strcmp(p[i].name, name) == 0)
			return true;
	return false;
}

/* The next word of a text, into out; null after the last. */
static const char *next_word(const char *s, char out[64])
{
	size_t n;

	s += strspn(s, " ");
	n = strcspn(s, " ");
	if (n == 0)
		return NULL;
	cr_assert_lt(n, 64u);
	memcpy(out, s, n);
	out[n] = 0;
	return s + n;
}

static bool is_option(const char *key)
{
	const struct ebb_option *row;
	char name[2 * EBB_STR_MAX];
	int n;

	row = ebb_option_rows(&n);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%s.%s", row[i].group, row[i].name);
		if (strcmp(name, key) == 0)
			return true;
	}
	return false;
}

Test(sources, every_preset_has_one)
{
	const struct ebb_preset *p;
	int n;

	p = ebb_preset_rows(&n);
	cr_assert_geq(n, 11);
	for (int i = 0; i < n; i++) {
		const struct ebb_source *s = ebb_preset_source(&p[i]);

		cr_expect_gt(strlen(s->paper), 0u, "%s", p[i].name);
		cr_expect(strncmp(s->sections, "PG ", 3) == 0 ||
				  strncmp(s->sections, "EI ", 3) == 0,
			  "%s: '%s'", p[i].name, s->sections);
	}
}

/* A row is about presets and options of the program; one whose presets are all still missing may name
 * options that are missing, too. */
Test(sources, disagreements_name_what_there_is)
{
	const struct ebb_disagreement *row;
	char word[64];
	int n;

	row = ebb_disagreement_rows(&n);
	for (int i = 0; i < n; i++) {
		bool built_in = row[i].presets[0] == 0;

		cr_expect(row[i].who[0] && row[i].here[0] && row[i].source[0], "%s", row[i].topic);
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(row[k].topic, row[i].topic);
		for (const char *s = row[i].presets; (s = next_word(s, word));) {
			bool there = false;

			for (size_t k = 0; k < sizeof known / sizeof *known; k++)
				there = there || strcmp(known[k], word) == 0;
			cr_expect(there, "%s: no preset '%s'", row[i].topic, word);
			built_in = built_in || is_built_in(word);
		}
		for (const char *s = row[i].options; built_in && (s = next_word(s, word));)
			cr_expect(is_option(word), "%s: no option '%s'", row[i].topic, word);
	}
}

Test(sources, who_is_concerned)
{
	struct ebb_preset one = {.name = "one"};
	const struct ebb_disagreement by_name = {.presets = "two one"};
	const struct ebb_disagreement other = {.presets = "ones"};
	const struct ebb_disagreement by_option = {.presets = "", .options = "clip.low kl.coef"};

	cr_assert(ebb_disagreement_concerns(&by_name, &one, ""));
	cr_assert(!ebb_disagreement_concerns(&other, &one, "clip.low"));
	cr_assert(ebb_disagreement_concerns(&by_option, &one, "kl.place kl.coef"));
	cr_assert(!ebb_disagreement_concerns(&by_option, &one, "kl.coefs"));
	cr_assert(ebb_word_among("a", " b a ") && !ebb_word_among("a", "ab"));
}
