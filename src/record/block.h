/*
 * What a journal (record/journal.h) is made of: blocks, each a header of 36 bytes and its payload,
 * everything little-endian.
 *
 *   0  4  magic "ebbj"
 *   4  4  kind: 0 a text that describes the trial, 1 + axis rows of that axis
 *   8  8  number of the first row on its axis
 *  16  8  rows
 *  24  8  bytes of the payload
 *  32  4  CRC-32 of bytes 0..31 and the payload
 *
 * The payload of rows has the fields of the axis one after another, each with all rows of the block;
 * that of a text is JSON. The first block is a text with the fields; every later text marks where
 * another attempt took the trial up, and has none.
 */
#ifndef EBB_RECORD_BLOCK_H
#define EBB_RECORD_BLOCK_H

#include "base/buf.h"
#include "record/journal.h"

#define EBB_BLOCK_HEADER   36
#define EBB_BLOCK_TEXT     0
#define EBB_BLOCK_TEXT_MAX (1 << 24)          /* bytes of a text                              */
#define EBB_BLOCK_ROWS_MAX ((int64_t)1 << 40) /* rows of one axis                             */
#define EBB_BLOCK_DATA_MAX ((int64_t)1 << 40) /* bytes of a payload                           */
#define EBB_ROW_BYTES_MAX                                                                          \
	((int64_t)1 << 30) /* of one field: a chunk of HDF5 holds at least a
						* row and must stay below 4 GiB                */

struct ebb_block {
	int kind;
	int64_t first, n, bytes;
	uint32_t crc;
};

/* Write the header of a block whose payload is payload[0..bytes-1]; sets block->crc. */
void ebb_block_pack(struct ebb_block *block, const void *payload,
		    unsigned char header[EBB_BLOCK_HEADER]);

/* Can these n < EBB_BLOCK_HEADER bytes be the beginning of a header? */
bool ebb_block_begins(const unsigned char *bytes, int64_t n);
/* False where this cannot be a header. The CRC is the reader's to compare, from this start. */
bool ebb_block_unpack(struct ebb_block *block, const unsigned char header[EBB_BLOCK_HEADER]);
uint32_t ebb_block_crc_start(const unsigned char header[EBB_BLOCK_HEADER]);

/* The text of a block: the trial and, with n_fields > 0, its fields. */
void ebb_block_text(struct ebb_buf *out, const struct ebb_trial_head *head, const char *started,
		    const struct ebb_field *field, int n_fields);

/* Take a text into the view: the fields from the first one, the attempt from every one. False where
 * it is not such a text or describes another trial than the view already does. */
bool ebb_block_text_read(struct ebb_journal_view *view, const char *text, size_t n);

/* Bytes of one row of a field; -1: not a field that a record can have. */
int64_t ebb_field_row_bytes(const struct ebb_field *field);

/* Are the view's fields these, as far as the bytes of their rows go? EBB_EFORMAT names the first
 * that is not. */
int ebb_journal_fits(const struct ebb_journal_view *view, const char *path,
		     const struct ebb_field *field, int n_fields, struct ebb_err *err);

#endif
