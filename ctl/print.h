/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/print.h - results to stdout in the four formats, complaints to stderr
 *
 * Nothing else in ctl/ but ctl/table.h writes what comes from outside.
 *
 * json is one object with "schema" and "items" (or the members of a single thing); ndjson one
 * object a line; names one name a line. JSON leaves here in ASCII with \u escapes, text for people
 * through log_escape(): whatever a CA or a client has sent, it cannot move a cursor.
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum print_format { PRINT_TABLE, PRINT_JSON, PRINT_NDJSON, PRINT_NAMES };
/* "wide" is a table that tells more */

struct print {
	enum print_format format;
	bool wide;
	size_t items; /* printed so far */
};

MUST_CHECK enum err print_init(struct print *p, const char *word);

/* One of many, unless the format is a table; print_end() after the last, also when there was none.
 * END: the reply's last line, of which a list's "after", "before" and "matches" are printed, or
 * NULL. */
void print_item(struct print *p, const cJSON *item);
void print_end(struct print *p, const cJSON *end);
/* The same with null for those of MEMBERS (NULL-ended) that certd left out, so that a script finds
 * them in every item. */
void print_whole(struct print *p, const cJSON *item, const char *const *members);
/* The one thing there is: its members behind the schema. */
void print_single(struct print *p, const cJSON *object);
/* That a thing is done: DONE to people, NULL for no words; {"ok":true} or, with ERROR, {"ok":false,
 * "error":{...}} as JSON. */
void print_outcome(struct print *p, const char *done, const cJSON *error);
/* One line for people, its newline added here. All of it is escaped, so arguments may come from
 * anywhere. */
void print_line(const char *format, ...) PRINTF_LIKE(1, 2);
/* Lines and their tabs, the rest of them escaped; nothing for NULL. */
void print_lines(const char *text);
/* PEM as it is, without what is no text; nothing for NULL. No copy stays behind. */
void print_pem(const char *pem);
/* One line "label  value" of a person's view; nothing when VALUE is NULL or empty. */
void print_field(const char *label, const char *value);
/* Sends out what is buffered: after each step that a person or program waits for. */
void print_flush(void);
/* False, with a complaint, when stdout did not take everything. */
bool print_close(void);

enum { PRINT_TIME_MAX = 48 };
/* "in 12d 4h", "3m ago", "now"; "-" for 0. Returns DST. */
char *print_relative(int64_t at, int64_t now, char dst[PRINT_TIME_MAX]);
/* The length of a time, two units at most: "12d 4h", "4s". */
char *print_span(int64_t seconds, char dst[PRINT_TIME_MAX]);
/* The time in MEMBER of OBJECT, 0 when there is none. */
int64_t print_time_of(const cJSON *object, const char *member);
/* JSON in ASCII, appended to OUT. */
void print_ascii(const char *json, struct buf *out);

/* "certctl: NAME: sentence" on stderr, NAME may be NULL. */
void complain(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same from an error object of the protocol, with its next try and hint. */
void complain_json(const char *name, const cJSON *error);

#endif
