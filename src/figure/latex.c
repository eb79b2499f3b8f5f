#include "figure/latex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

#define TEX_LIMIT (16 << 20)

/* clang-format off */
static const struct sign {
	const char *utf8, *tex;
} sign[] = {
	{"\\", "\\textbackslash{}"}, {"{", "\\{"}, {"}", "\\}"}, {"$", "\\$"}, {"&", "\\&"},
	{"#", "\\#"}, {"%", "\\%"}, {"_", "\\_"}, {"^", "\\^{}"}, {"~", "\\textasciitilde{}"},
	{"<", "$<$"}, {">", "$>$"}, {"|", "$|$"}, {"\"", "''"},
	{"²", "$^2$"}, {"³", "$^3$"}, {"…", "\\ldots{}"}, {"–", "--"}, {"—", "---"}, {"−", "$-$"},
	{"±", "$\\pm$"}, {"×", "$\\times$"}, {"·", "$\\cdot$"}, {"≈", "$\\approx$"}, {"≤", "$\\le$"},
	{"≥", "$\\ge$"}, {"≠", "$\\neq$"}, {"∞", "$\\infty$"}, {"→", "$\\to$"},
	{"α", "$\\alpha$"}, {"β", "$\\beta$"}, {"γ", "$\\gamma$"}, {"δ", "$\\delta$"},
	{"ε", "$\\varepsilon$"}, {"η", "$\\eta$"}, {"θ", "$\\theta$"}, {"κ", "$\\kappa$"},
	{"λ", "$\\lambda$"}, {"μ", "$\\mu$"}, {"π", "$\\pi$"}, {"ρ", "$\\rho$"}, {"σ", "$\\sigma$"},
	{"τ", "$\\tau$"}, {"φ", "$\\varphi$"}, {"χ", "$\\chi$"}, {"ω", "$\\omega$"},
	{"Δ", "$\\Delta$"}, {"Σ", "$\\Sigma$"}, {"Ω", "$\\Omega$"},
};
/* clang-format on */

static const struct sign *sign_at(const char *s)
{
	size_t i;

	for (i = 0; i < sizeof sign / sizeof sign[0]; i++)
		if (strncmp(s, sign[i].utf8, strlen(sign[i].utf8)) == 0)
			return &sign[i];
	return NULL;
}

/* The code point at s and its bytes; a byte that begins none stands for itself. */
static uint32_t code_at(const char *s, size_t *bytes)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 1, i;
	uint32_t code = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));

	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80) {
			*bytes = 1;
			return u[0];
		}
		code = code << 6 | (u[i] & 0x3f);
	}
	*bytes = n;
	return code;
}

void ebb_latex_text(struct ebb_buf *out, const char *text)
{
	const struct sign *found;
	uint32_t code;
	size_t n;

	while (*text != '\0') {
		found = sign_at(text);
		code = code_at(text, &n);
		if (found != NULL) {
			ebb_buf_puts(out, found->tex);
			n = strlen(found->utf8);
		} else if (code < 0x20 || code == 0x7f) {
			ebb_buf_puts(out, " ");
		} else if (code < 0x7f || (n == 2 && code >= 0xa1 && code < 0x180)) {
			ebb_buf_add(out, text, n);
		} else {
			ebb_buf_printf(out, "\\texttt{U+%04X}", (unsigned)code);
		}
		text += n;
	}
}

/* gnuplot writes the picture's whole path, without its ending, wherever a page of it is included. */
static void put_body(struct ebb_buf *out, const char *text, const char *path, const char *picture)
{
	char *whole = ebb_xprintf("{%.*s}", (int)(strlen(path) - strlen(".tex")), path);
	const char *at;

	while ((at = strstr(text, whole)) != NULL) {
		ebb_buf_add(out, text, (size_t)(at - text));
		ebb_buf_printf(out, "{%s}", picture);
		text = at + strlen(whole);
	}
	ebb_buf_puts(out, text);
	free(whole);
}

int ebb_latex_finish(const char *path, const char *name, const char *picture, struct ebb_err *err)
{
	struct ebb_buf out = EBB_BUF_INIT;
	char *text = NULL;
	size_t n;
	int rc = ebb_file_read(path, TEX_LIMIT, &text, &n, err);

	if (rc != 0)
		return rc;
	/* The body changes how @ reads, which it could not as the argument of \resizebox. */
	ebb_buf_printf(&out,
		       "%% %s, drawn by ebb. In the preamble: \\usepackage{graphicx,color} and,\n"
		       "%% for files in another folder, \\graphicspath{{folder/}}. Then\n"
		       "%%   \\input{folder/%s}\n"
		       "%% draws it as wide as the lines around it, and %s.pdf is included.\n"
		       "\\begingroup\n\\setbox0=\\hbox{%%\n",
		       name, name, picture);
	put_body(&out, text, path, picture);
	ebb_buf_puts(&out, "}%\n\\resizebox{\\linewidth}{!}{\\box0}%\n\\endgroup\n");
	rc = ebb_file_write(path, out.data, out.len, err);
	ebb_buf_release(&out);
	free(text);
	return rc;
}
