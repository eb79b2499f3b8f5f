/* The table of verdicts: what was claimed, what was seen, how sure that is. */
#include <math.h>
#include "command/html.h"
#include "command/report.h"

/* The drawing of one row on a scale of its own: the effect, its interval and "no effect" inside. */
static void put_interval(struct ebb_buf *out, const struct ebb_judgement *j)
{
	struct ebb_report_interval i = {.mean = j->effect,
					.low = j->low,
					.high = j->high,
					.none = j->ratio ? 1 : 0,
					.margin = j->ratio ? (double)NAN : j->margin};
	double pad;

	i.from = fmin(fmin(i.none, i.mean), isfinite(i.low) ? i.low : i.mean);
	i.to = fmax(fmax(i.none, i.mean), isfinite(i.high) ? i.high : i.mean);
	if (isfinite(i.margin)) {
		i.from = fmin(i.from, i.none - i.margin);
		i.to = fmax(i.to, i.none + i.margin);
	}
	pad = 0.06 * (i.to - i.from);
	i.from -= pad;
	i.to += pad;
	ebb_report_interval(out, &i);
}

void ebb_report_effect(struct ebb_buf *out, const struct ebb_judgement *j)
{
	void (*number)(struct ebb_buf *, double, int) =
		j->ratio ? ebb_html_number : ebb_html_signed;
	double top =
		fmax(fabs(j->effect), isfinite(j->low) ? fmax(fabs(j->low), fabs(j->high)) : 0);
	int decimals = ebb_html_decimals(top);

	number(out, j->effect, decimals);
	if (!isfinite(j->low) || !isfinite(j->high))
		return;
	ebb_buf_puts(out, " <span class=\"ci\">[");
	number(out, j->low, decimals);
	ebb_buf_puts(out, ", ");
	number(out, j->high, decimals);
	ebb_buf_puts(out, "]</span>");
}

static void put_effect(struct ebb_buf *out, const struct ebb_judgement *j)
{
	ebb_buf_puts(out, "<td class=\"effect\"");
	if (isfinite(j->effect)) {
		ebb_buf_puts(out, " data-v=\"");
		ebb_buf_double(out, j->effect);
		ebb_buf_puts(out, "\"");
	}
	ebb_buf_puts(out, ">");
	ebb_report_effect(out, j);
	put_interval(out, j);
	ebb_buf_puts(out, "</td>");
}

static void put_claim(struct ebb_buf *out, const struct ebb_judgement *j)
{
	int decimals = ebb_html_decimals(fmax(fabs(j->left), fabs(j->right)));

	ebb_html(out, "<td class=\"claim\"><code>%s</code>", j->claim);
	if (isfinite(j->left) && isfinite(j->right)) {
		ebb_html(out, "<small>");
		ebb_html_number(out, j->left, decimals);
		ebb_html(out, " against ");
		ebb_html_number(out, j->right, decimals);
		if (isfinite(j->margin) && j->margin > 0) {
			ebb_html(out, "; smallest effect of interest ");
			ebb_html_number(out, j->margin, ebb_html_decimals(j->margin));
		}
		ebb_html(out, "</small>");
	}
	if (j->note && *j->note)
		ebb_html(out, "<small class=\"note\">%s</small>", j->note);
	ebb_html(out, "</td>");
}

static void put_row(struct ebb_buf *out, const struct ebb_judgement *j, int i)
{
	ebb_html(out, "<tr id=\"claim-%d\"><td data-v=\"%d\">", i + 1, (int)j->verdict);
	ebb_report_verdict(out, j->verdict);
	ebb_html(out, "</td>");
	put_claim(out, j);
	put_effect(out, j);
	ebb_html_cell_p(out, j->p);
	ebb_html_cell_p(out, j->p_holm);
	ebb_html(out, "<td class=\"test\">%s", isnan(j->p) || !j->test ? EBB_HTML_NONE : j->test);
	if (isfinite(j->p_sign)) {
		ebb_html(out, "<small>sign flip ");
		ebb_html_p(out, j->p_sign);
		ebb_html(out, "</small>");
	}
	ebb_html(out, "</td>");
	ebb_html(out, "<td class=\"n\" data-v=\"%d\">%d", j->n, j->n);
	if (j->few && j->n > 0)
		ebb_html(out, "<small class=\"few\">fewer than %d</small>", EBB_SEEDS_FULL);
	if (j->dropped > 0)
		ebb_html(out, "<small>%d left out</small>", j->dropped);
	ebb_html(out, "</td>");
	ebb_html_cell_count(out, j->n_needed > 0 ? j->n_needed : -1);
	ebb_html(out, "</tr>\n");
}

void ebb_report_verdicts(struct ebb_buf *out, const struct ebb_report *r)
{
	ebb_html(out, "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n");
	if (!r->judged) {
		ebb_html(out,
			 "<p>The claims of this run could not be judged:</p>\n"
			 "<pre>%s</pre>\n</section>\n",
			 r->unjudged);
		return;
	}
	if (r->verdicts.n == 0) {
		ebb_html(out, "<p>The definition of this run makes no claims.</p>\n</section>\n");
		return;
	}
	ebb_html(out,
		 "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"verdicts\">"
		 "<table class=\"sortable\"><thead><tr><th scope=\"col\">Verdict</th>"
		 "<th scope=\"col\">Claim</th><th scope=\"col\">Effect "
		 "[95&nbsp;%% interval]</th>"
		 "<th scope=\"col\" class=\"n\">p</th><th scope=\"col\" class=\"n\">"
		 "p&nbsp;Holm</th><th scope=\"col\">Test</th><th scope=\"col\" class=\"n\">N</th>"
		 "<th scope=\"col\" class=\"n\">N&nbsp;needed</th></tr></thead><tbody>\n");
	for (int i = 0; i < r->verdicts.n; i++)
		put_row(out, &r->verdicts.claim[i], i);
	ebb_html(
		out,
		"</tbody></table></div>\n<p class=\"legend\">The effect is the left side minus the "
		"right (or left over right where that is claimed), paired by seed; each drawing is "
		"on a scale of its own, its upright line stands at no effect, its stripe spans the "
		"smallest effect of interest. p Holm is adjusted for the %d claim%s tested. N "
		"counts seeds; N needed is for a power of 0.9 at the effect "
		"seen.</p>\n</section>\n",
		r->verdicts.n_tests, r->verdicts.n_tests == 1 ? "" : "s");
}
