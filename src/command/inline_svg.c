#include "command/inline_svg.h"

#include <stdbool.h>
#include <string.h>
#include "command/html.h"

/* clang-format off */
static const char *const elements[] = {
	"svg", "g", "path", "polygon", "polyline", "line", "rect", "circle", "ellipse", "text",
	"tspan", "use", "defs", "clipPath", "pattern", "linearGradient", "radialGradient", "stop",
	"image", "filter", "feFlood", "feComposite", NULL};

static const char *const attributes[] = {
	"d", "points", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry",
	"width", "height", "viewBox", "transform", "color", "fill", "fill-opacity", "fill-rule",
	"stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin",
	"stroke-dasharray", "stroke-miterlimit", "opacity", "font-family", "font-size",
	"font-weight", "font-style", "text-anchor", "textLength", "dominant-baseline",
	"shape-rendering", "image-rendering", "preserveAspectRatio", "clip-path", "clip-rule",
	"filter", "filterUnits", "flood-color", "flood-opacity", "in", "in2", "operator", "result",
	"patternUnits", "gradientUnits", "offset", "stop-color", "stop-opacity", "id", "href",
	"xlink:href", "xml:space", NULL};
/* clang-format on */

static bool listed(const char *const *list, const char *s, size_t n)
{
	for (; *list; list++)
		if (strlen(*list) == n && memcmp(*list, s, n) == 0)
			return true;
	return false;
}

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(s, word, n) == 0;
}

static bool starts(const char *s, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(s, word, strlen(word)) == 0;
}

struct place {
	const char *s, *end;
};

struct attribute {
	const char *name, *value;
	size_t n_name, n_value;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next attribute of a tag, between its name and its end. */
static bool next_attribute(struct place *p, struct attribute *a)
{
	const char *close;

	while (p->s < p->end && (is_space(*p->s) || *p->s == '/'))
		p->s++;
	a->name = p->s;
	while (p->s < p->end && !is_space(*p->s) && *p->s != '=')
		p->s++;
	a->n_name = (size_t)(p->s - a->name);
	while (p->s < p->end && is_space(*p->s))
		p->s++;
	if (a->n_name == 0 || p->s >= p->end || *p->s != '=')
		return false;
	p->s++;
	while (p->s < p->end && is_space(*p->s))
		p->s++;
	if (p->s >= p->end || (*p->s != '"' && *p->s != '\''))
		return false;
	close = memchr(p->s + 1, *p->s, (size_t)(p->end - p->s - 1));
	if (!close)
		return false;
	a->value = p->s + 1;
	a->n_value = (size_t)(close - a->value);
	p->s = close + 1;
	return true;
}

/* Bytes that stand in the source between quotes, entities included: none may end the attribute. */
static void put_bytes(struct ebb_buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '"')
			ebb_buf_puts(out, "&quot;");
		else if (s[i] == '<')
			ebb_buf_puts(out, "&lt;");
		else if (s[i] == '>')
			ebb_buf_puts(out, "&gt;");
		else
			ebb_buf_add(out, s + i, 1);
}

/*
 * Does the value load nothing? A presentation attribute is CSS: functions are named in any case, a
 * list may hold several of them, and entities and backslashes spell one without a word of it standing
 * here. So there is one bracket at most, of a colour or of a place in this picture; a transform, which
 * loads nothing, may have more.
 */
static bool is_harmless(const struct attribute *a)
{
	const char *bracket = memchr(a->value, '(', a->n_value);
	size_t rest;

	if (memchr(a->value, '&', a->n_value) || memchr(a->value, '\\', a->n_value))
		return false;
	if (!bracket || is(a->name, a->n_name, "transform"))
		return true;
	rest = (size_t)(a->value + a->n_value - bracket) - 1;
	return (starts(a->value, a->n_value, "url(#") || starts(a->value, a->n_value, "rgb(")) &&
	       !memchr(bracket + 1, '(', rest);
}

static void put_attribute(struct ebb_buf *out, const struct attribute *a, const char *prefix)
{
	bool link = is(a->name, a->n_name, "href") || is(a->name, a->n_name, "xlink:href");

	if (!listed(attributes, a->name, a->n_name) || !is_harmless(a))
		return;
	if (link && !starts(a->value, a->n_value, "#") &&
	    !starts(a->value, a->n_value, "data:image/png;base64,"))
		return;
	ebb_buf_puts(out, " ");
	if (link)
		ebb_buf_puts(out, "href"); /* the old spelling has had its day */
	else
		ebb_buf_add(out, a->name, a->n_name);
	ebb_buf_puts(out, "=\"");
	if (is(a->name, a->n_name, "id")) {
		ebb_buf_printf(out, "%s-", prefix);
		put_bytes(out, a->value, a->n_value);
	} else if (link && a->value[0] == '#') {
		ebb_buf_printf(out, "#%s-", prefix);
		put_bytes(out, a->value + 1, a->n_value - 1);
	} else if (starts(a->value, a->n_value, "url(#")) {
		ebb_buf_printf(out, "url(#%s-", prefix);
		put_bytes(out, a->value + 5, a->n_value - 5);
	} else {
		put_bytes(out, a->value, a->n_value);
	}
	ebb_buf_puts(out, "\"");
}

/* The end of a tag that begins at s: its '>', outside quotes; null: the text is cut. */
static const char *tag_end(const char *s)
{
	for (char quote = 0; *s; s++)
		if (quote)
			quote = *s == quote ? 0 : quote;
		else if (*s == '"' || *s == '\'')
			quote = *s;
		else if (*s == '>')
			return s;
	return NULL;
}

/* What the outermost tag says of the size. */
static bool find_view(const char *tag, const char *end, struct attribute *view)
{
	struct place p = {tag, end};

	while (next_attribute(&p, view))
		if (is(view->name, view->n_name, "viewBox") &&
		    strspn(view->value, "0123456789.- ") >= view->n_value)
			return true;
	return false;
}

struct walk {
	struct ebb_buf *out;
	const char *prefix, *alt;
	int depth;   /* of elements that are open                              */
	int dropped; /* depth at which an element that is left out began, or 0 */
	size_t open; /* where an element without content began, to take it back */
	bool empty;
	bool seen; /* the outermost element */
};

static int open_element(struct walk *w, const char *name, size_t n, const char *end,
			struct ebb_err *err)
{
	bool closed = end[-1] == '/';
	struct attribute a;
	struct place p = {name + n, end};

	w->depth++;
	if (w->dropped == 0 && !listed(elements, name, n))
		w->dropped = w->depth;
	if (w->dropped == 0 && w->depth == 1) {
		if (w->seen || !is(name, n, "svg") || !find_view(name + n, end, &a))
			return ebb_err_set(err, EBB_EFORMAT, "no picture: it has no viewBox");
		w->seen = true;
		ebb_buf_puts(w->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"");
		ebb_buf_add(w->out, a.value, a.n_value);
		ebb_html(w->out, "\" role=\"img\" aria-label=\"%s\">", w->alt);
	} else if (w->dropped == 0) {
		w->open = w->out->len;
		w->empty = is(name, n, "g");
		ebb_buf_puts(w->out, "<");
		ebb_buf_add(w->out, name, n);
		while (next_attribute(&p, &a))
			put_attribute(w->out, &a, w->prefix);
		ebb_buf_puts(w->out, closed ? "/>" : ">");
		w->empty = w->empty && !closed;
	}
	if (closed) {
		if (w->dropped == w->depth)
			w->dropped = 0;
		w->depth--;
	}
	return 0;
}

static void close_element(struct walk *w, const char *name, size_t n)
{
	if (w->dropped == w->depth)
		w->dropped = 0;
	else if (w->dropped == 0 && w->empty && is(name, n, "g"))
		w->out->data[w->out->len = w->open] = 0; /* gnuplot leaves many behind */
	else if (w->dropped == 0) {
		ebb_buf_puts(w->out, "</");
		ebb_buf_add(w->out, name, n);
		ebb_buf_puts(w->out, ">");
	}
	w->empty = false;
	w->depth--;
}

/* Text between tags: as it is, for it is escaped already; white space alone only separates tags. */
static void put_content(struct walk *w, const char *s, size_t n)
{
	size_t blank = 0;

	while (blank < n && is_space(s[blank]))
		blank++;
	if (w->dropped > 0 || w->depth == 0 || blank == n)
		return;
	w->empty = false;
	put_bytes(w->out, s, n);
}

static int one_tag(struct walk *w, const char *s, const char **after, struct ebb_err *err)
{
	const char *end, *name;
	size_t n;
	int rc = 0;

	if (strncmp(s, "<!--", 4) == 0) {
		end = strstr(s + 4, "-->");
		*after = end ? end + 3 : s + strlen(s);
		return 0;
	}
	end = tag_end(s);
	if (!end)
		return ebb_err_set(err, EBB_EFORMAT, "the picture is cut off");
	*after = end + 1;
	if (s[1] == '?' || s[1] == '!')
		return 0;
	name = s[1] == '/' ? s + 2 : s + 1;
	n = strcspn(name, " \n\t\r/>");
	if (s[1] != '/')
		rc = open_element(w, name, n, end, err);
	else if (w->depth > 0 && (w->dropped > 0 || listed(elements, name, n)))
		close_element(w, name, n);
	else
		rc = ebb_err_set(err, EBB_EFORMAT, "no picture: a tag ends that did not begin");
	return rc;
}

int ebb_inline_svg(struct ebb_buf *out, const char *svg, const char *prefix, const char *alt,
		   struct ebb_err *err)
{
	struct walk w = {.out = out, .prefix = prefix, .alt = alt};
	const char *s = svg, *tag;
	size_t start = out->len;
	int rc = 0;

	ebb_buf_puts(out, "");
	while (rc == 0 && (tag = strchr(s, '<')) != NULL) {
		put_content(&w, s, (size_t)(tag - s));
		rc = one_tag(&w, tag, &s, err);
	}
	if (rc == 0 && (!w.seen || w.depth != 0))
		rc = ebb_err_set(err, EBB_EFORMAT, "the picture is cut off");
	if (rc < 0)
		out->data[out->len = start] = 0;
	return rc;
}
