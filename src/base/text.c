#include "base/text.h"

#include <string.h>

int ebb_utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (s[0] >= 0x80 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

void ebb_text_tidy(char *text)
{
	char *to = text;

	while (*text) {
		const unsigned char c = (unsigned char)*text;
		int n = ebb_utf8_length(text);

		if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[1] < 0xa0))
			*to++ = '?';
		else
			to = (char *)memmove(to, text, (size_t)n) + n;
		text += n ? n : 1;
	}
	*to = 0;
}
