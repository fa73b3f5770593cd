/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/der.h - walking over DER (X.690) without copying it
 *
 * Only what certificates and keys need: one-byte tags, definite lengths in their shortest form.
 * der_is_strict() goes through a whole value first and refuses what OpenSSL would refuse later, so
 * that what is stored can be loaded.
 */
#ifndef ACME_DER_H
#define ACME_DER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_T61_STRING = 0x14,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_UNIVERSAL_STRING = 0x1c,
	DER_BMP_STRING = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONSTRUCTED = 0x20,
	DER_CONTEXT = 0x80, /* | number, | DER_CONSTRUCTED */
};

struct der_item {
	uint8_t tag;
	struct span value;
	struct span whole; /* with tag and length */
};

/* The next item of IN; IN turns bad where there is none. */
struct der_item der_next(struct cursor *in);
/* The value of the next item, which must have TAG. */
struct span der_take(struct cursor *in, uint8_t tag);
/* The same when the next item has TAG; else an empty span with data NULL, and IN stays. */
struct span der_maybe(struct cursor *in, uint8_t tag);
struct cursor der_enter(struct span value);
bool span_equal(struct span a, struct span b);
/* RFC 5280, 4.1.2.5, to unix seconds. */
bool der_time(const struct der_item *item, int64_t *ret_at);
/* One value, well-formed all the way down, and no NUL in a text. */
bool der_is_strict(struct span whole);

#endif
