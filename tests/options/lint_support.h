/* Options of a lint case: base, then settings, with the names of what somebody set. */
#ifndef EBB_TEST_OPTIONS_LINT_SUPPORT_H
#define EBB_TEST_OPTIONS_LINT_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "options/lint.h"

static inline void apply_settings(struct ebb_options *o, const struct ebb_catalog *catalog,
				  const char *settings)
{
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_options_apply(o, catalog, settings, &err), 0, "%s: %s", settings,
		     err.text);
}

/* base is "@preset" or settings. */
static inline void options_of(struct ebb_options *o, const struct ebb_catalog *catalog,
			      const char *base, const char *settings)
{
	const struct ebb_preset *p;
	int n;

	ebb_options_init(o, catalog);
	p = ebb_preset_rows(&n);
	for (int i = 0; i < n && base[0] == '@'; i++) {
		if (strcmp(p[i].name, base + 1) != 0)
			continue;
		apply_settings(o, catalog, p[i].settings);
		snprintf(o->algorithm, sizeof o->algorithm, "%s", p[i].name);
		base = "";
	}
	cr_assert_neq(base[0], '@', "no preset %s", base);
	if (base[0])
		apply_settings(o, catalog, base);
	apply_settings(o, catalog, settings);
}

#endif
