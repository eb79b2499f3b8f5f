/* Text of others on its way to a terminal. */
#ifndef EBB_BASE_TEXT_H
#define EBB_BASE_TEXT_H

/* Bytes of the well-formed UTF-8 sequence at s (RFC 3629), which ends in a zero byte; 0: there is
 * none. */
int ebb_utf8_length(const char *s);

/* In place: what could drive a terminal (C0 but line breaks and tabs, DEL, C1) and what is not UTF-8
 * becomes '?'. Messages quote files, and files are written by anyone. */
void ebb_text_tidy(char *text);

#endif
