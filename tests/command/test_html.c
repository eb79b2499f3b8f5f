/* Escaping: no text, whatever its bytes, may become markup; no picture may bring more than lines. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include "base/err.h"
#include "command/html.h"
#include "command/inline_svg.h"

static struct ebb_buf out;

static void release(void)
{
	ebb_buf_release(&out);
}

TestSuite(html, .fini = release);
TestSuite(inline_svg, .fini = release);

static const char *text(const char *s)
{
	ebb_buf_reset(&out);
	ebb_buf_puts(&out, "");
	ebb_html_text(&out, s);
	return out.data;
}

Test(html, what_could_be_markup_is_escaped)
{
	cr_expect_str_eq(text("a < b && \"c\" > 'd'"),
			 "a &lt; b &amp;&amp; &quot;c&quot; &gt; &#39;d&#39;");
	cr_expect_str_eq(text("tab\tand\nline"), "tab\tand\nline");
	cr_expect_str_eq(text("\x1b[31m\x7f\r"), "\xef\xbf\xbd[31m\xef\xbf\xbd\xef\xbf\xbd");
	cr_expect_str_eq(text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8a"),
			 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8a");
	/* cut, overlong and stray bytes; a C1 control */
	cr_expect_str_eq(text("\xc3"), "\xef\xbf\xbd");
	cr_expect_str_eq(text("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd");
	cr_expect_str_eq(text("\xc2\x9b"), "\xef\xbf\xbd");
}

Test(html, every_byte_alone_and_in_pairs)
{
	for (int a = 1; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			const char s[] = {(char)a, (char)b, 0};

			text(s);
			cr_assert(!strpbrk(out.data, "<>\"'"), "%d %d", a, b);
		}
}

Test(html, markup_stays_and_arguments_are_escaped)
{
	ebb_html(&out, "<a title=\"%s\">%d %lld %llu %zu %.2f %.*f %%</a>", "\"<x>", -3, -4LL, 5ULL,
		 (size_t)6, 1.005, 1, 2.25);
	cr_expect_str_eq(out.data, "<a title=\"&quot;&lt;x&gt;\">-3 -4 5 6 1.00 2.2 %</a>");
}

Test(html, other_conversions_are_refused, .signal = SIGABRT)
{
	/* behind the compiler's back */
	const char *volatile fmt = "%x";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	ebb_html(&out, fmt, 1);
#pragma GCC diagnostic pop
}

static const char *number(double x, int decimals)
{
	ebb_buf_reset(&out);
	ebb_html_number(&out, x, decimals);
	return out.data;
}

static const char *p_value(double p)
{
	ebb_buf_reset(&out);
	ebb_html_p(&out, p);
	return out.data;
}

Test(html, numbers)
{
	cr_expect_str_eq(number(1.25, 1), "1.2");
	cr_expect_str_eq(number(-0.5, 2), EBB_HTML_MINUS "0.50");
	cr_expect_str_eq(number(-0.001, 2), "0.00", "no sign on what rounds to zero");
	cr_expect_str_eq(number(NAN, 2), EBB_HTML_NONE);
	cr_expect_str_eq(number(-INFINITY, 2), EBB_HTML_MINUS "inf");
	cr_expect_str_eq(number(1e300, 2), "1e+300");
	ebb_buf_reset(&out);
	ebb_html_signed(&out, 0.5, 1);
	cr_expect_str_eq(out.data, "+0.5");
	cr_expect_str_eq(p_value(0.0421), "0.042");
	cr_expect_str_eq(p_value(0.001), "0.001");
	cr_expect(strstr(p_value(3e-7), EBB_HTML_MINUS "6</sup>"), "%s", out.data);
	cr_expect(strstr(p_value(0.0009), EBB_HTML_MINUS "3</sup>"), "%s", out.data);
	cr_expect(strstr(p_value(0), EBB_HTML_MINUS "15</sup>"), "%s", out.data);
	cr_expect_str_eq(p_value(NAN), EBB_HTML_NONE);
	cr_expect_eq(ebb_html_decimals(0.0561), 4);
	cr_expect_eq(ebb_html_decimals(120), 0);
	cr_expect_eq(ebb_html_decimals(NAN), 3);
	ebb_buf_reset(&out);
	ebb_html_cell_number(&out, NAN, 2);
	cr_expect(!strstr(out.data, "data-v"), "what has no value has no key to sort by");
	ebb_buf_reset(&out);
	ebb_html_cell_number(&out, -0.125, 1);
	cr_expect(strstr(out.data, "data-v=\"-0.125\""), "%s", out.data);
}

/* ---- pictures ---- */

#define HEAD "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<svg viewBox=\"0 0 10 20\" onload=\"x()\">"

static int inlined(const char *svg)
{
	struct ebb_err err = EBB_ERR_INIT;
	int rc;

	ebb_buf_reset(&out);
	ebb_buf_puts(&out, "");
	rc = ebb_inline_svg(&out, svg, "f1", "a \"picture\"", &err);
	if (rc < 0)
		cr_expect_eq(out.len, 0, "something is left of a bad picture: %s", out.data);
	return rc;
}

static void has(const char *what)
{
	cr_expect(strstr(out.data, what), "expected '%s' in:\n%s", what, out.data);
}

static void has_not(const char *what)
{
	cr_expect(!strstr(out.data, what), "did not expect '%s' in:\n%s", what, out.data);
}

Test(inline_svg, ids_get_their_own_names)
{
	cr_assert_eq(inlined(HEAD "<defs><path id='p' d='M0,0'/></defs><use xlink:href='#p'/>"
				  "<g clip-path=\"url(#p)\"><path d=\"M1,1\"/></g></svg>"),
		     0);
	has("id=\"f1-p\"");
	has("href=\"#f1-p\"");
	has("url(#f1-p)");
	has("viewBox=\"0 0 10 20\"");
	has("aria-label=\"a &quot;picture&quot;\"");
	has_not("DOCTYPE");
	has_not("xlink");
	has_not("onload");
}

Test(inline_svg, only_what_draws_is_taken_over)
{
	cr_assert_eq(inlined(HEAD
			     "<script>alert(1)</script><foreignObject><p>x</p><g><path "
			     "d='M9'/></g></foreignObject><style>p{}</style><title>t</title>"
			     "<a href='javascript:x'><text>gone</text></a>"
			     "<!-- <script>y</script> --><path onclick='x()' style='a:b' "
			     "class='wide' d='M2'/><image href='http://x/y.png' width='1'/>"
			     "<image xlink:href='data:image/png;base64,AAAA'/>"
			     "<image href='data:image/svg+xml,x'/>"
			     "<path fill='url(http://x)' d='M3'/><use href='other.svg#x'/></svg>"),
		     0);
	has("M2");
	has("M3");
	has("data:image/png;base64,AAAA");
	has_not("script");
	has_not("alert");
	has_not("foreign");
	has_not("M9");
	has_not("{}");
	has_not("title");
	has_not("gone");
	has_not("onclick");
	has_not("style");
	has_not("class");
	has_not("http://x");
	has_not("other.svg");
	has_not("svg+xml");
}

/* What a browser reads as the address of a file, however it is spelled. */
Test(inline_svg, nothing_is_loaded)
{
	static const char *const value[] = {"URL(http://x)",         "Url( http://x )",
					    "url(#p) url(http://x)", "rgb(0,0,0) url(http://x)",
					    "u\\72l(http://x)",      "&#117;rl(http://x)",
					    "url&#40;http://x)",     "src('http://x')"};
	static const char *const name[] = {"fill", "filter", "clip-path", "stroke"};

	for (size_t i = 0; i < sizeof value / sizeof *value; i++)
		for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
			char *svg = ebb_xprintf("%s<path %s=\"%s\" d='M1'/></svg>", HEAD, name[k],
						value[i]);

			cr_expect_eq(inlined(svg), 0);
			has("<path d=\"M1\"/>");
			free(svg);
		}
	cr_assert_eq(inlined(HEAD "<g transform='translate(1,2) scale(3)' color='rgb( 1, 2, 3)'>"
				  "<path fill='url(#p)' d='M1'/></g></svg>"),
		     0);
	has("transform=\"translate(1,2) scale(3)\" color=\"rgb( 1, 2, 3)\"");
	has("fill=\"url(#f1-p)\"");
}

Test(inline_svg, texts_stay_and_empty_groups_go)
{
	cr_assert_eq(inlined(HEAD "<g fill=\"none\">\n</g><g><text>a &lt; b > c</text></g></svg>"),
		     0);
	has("<text>a &lt; b &gt; c</text>");
	has_not("fill");
	/* a quote of the other kind does not end an attribute */
	cr_assert_eq(inlined(HEAD "<path d='M\" onload=\"x'/></svg>"), 0);
	has("d=\"M&quot; onload=&quot;x\"");
}

Test(inline_svg, no_picture_no_markup)
{
	static const char *const bad[] = {"",
					  "text",
					  "<svg></svg>",
					  "<svg viewBox=\"0 0 1 1;x\"></svg>",
					  "<html viewBox='0 0 1 1'></html>",
					  HEAD,
					  HEAD "<g></svg>",
					  HEAD "</svg></svg>",
					  HEAD "</svg><svg viewBox='0 0 1 1'></svg>",
					  HEAD "<path d='M0",
					  "</svg>"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(inlined(bad[i]), EBB_EFORMAT, "%s", bad[i]);
}

/* A picture cut anywhere, or with any byte changed, is refused or harmless. */
Test(inline_svg, damage)
{
	static const char good[] = HEAD "<g a='b'><text x=\"1\">t</text><a><b/></a><use href='#q'/>"
					"<!-- c --></g><path id=\"q\" d='M0 0'/></svg>";
	static const char byte[] = {'<', '>', '"', '\'', '/', ' ', '=', '!', '?', '-', '\x80'};
	char copy[sizeof good];

	cr_assert_eq(inlined(good), 0);
	for (size_t n = 0; n < sizeof good - 1; n++) {
		char *cut = strndup(good, n);

		cr_expect_eq(inlined(cut), EBB_EFORMAT, "%s", cut);
		free(cut);
		for (size_t k = 0; k < sizeof byte; k++) {
			memcpy(copy, good, sizeof good);
			copy[n] = byte[k];
			if (inlined(copy) == 0) {
				has_not(" onload=\"");
				has_not("<a");
				has_not("<b");
			}
		}
	}
}
