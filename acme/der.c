/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/der.h"

#include <string.h>
#include <time.h>

enum { DEPTH_MAX = 24, LENGTH_BYTES_MAX = 4 };

struct cursor
der_enter(struct span value)
{
	struct cursor in;

	cursor_init(&in, value.data, value.len);
	in.bad = !value.data;
	return in;
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static size_t
read_length(struct cursor *in)
{
	size_t len = cursor_u8(in), bytes = len & 0x7f;

	if (len < 0x80)
		return len;
	if (bytes == 0 || bytes > LENGTH_BYTES_MAX || in->left < bytes || in->at[0] == 0) {
		in->bad = true;
		return 0;
	}
	for (len = 0; bytes > 0; bytes--)
		len = len << 8 | cursor_u8(in);
	if (len < 0x80)
		in->bad = true;
	return len;
}

struct der_item
der_next(struct cursor *in)
{
	struct der_item item = {0};
	const unsigned char *start = in->at;
	size_t len;

	item.tag = cursor_u8(in);
	if ((item.tag & 0x1f) == 0x1f) /* a tag of several bytes */
		in->bad = true;
	len = read_length(in);
	if (in->bad)
		return (struct der_item){0};
	item.value = cursor_bytes(in, len);
	if (in->bad)
		return (struct der_item){0};
	item.whole = (struct span){start, (size_t)(in->at - start)};
	return item;
}

struct span
der_take(struct cursor *in, uint8_t tag)
{
	struct der_item item = der_next(in);

	if (item.tag == tag && !in->bad)
		return item.value;
	in->bad = true;
	return (struct span){0};
}

struct span
der_maybe(struct cursor *in, uint8_t tag)
{
	if (in->bad || !in->left || in->at[0] != tag)
		return (struct span){0};
	return der_take(in, tag);
}

/* ---- times ---------------------------------------------------------------------------------- */

static bool
read_digits(const unsigned char *text, size_t len, int *ret_number)
{
	*ret_number = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*ret_number = *ret_number * 10 + (text[i] - '0');
	}
	return true;
}

bool
der_time(const struct der_item *item, int64_t *ret_at)
{
	const unsigned char *text = item->value.data;
	bool general = item->tag == DER_GENERALIZED_TIME;
	size_t year_len = general ? 4 : 2;
	struct tm tm = {0}, copy;
	int64_t at;

	if ((!general && item->tag != DER_UTC_TIME) || item->value.len != year_len + 11 ||
	    text[year_len + 10] != 'Z' || !read_digits(text, year_len, &tm.tm_year) ||
	    !read_digits(text + year_len, 2, &tm.tm_mon) ||
	    !read_digits(text + year_len + 2, 2, &tm.tm_mday) ||
	    !read_digits(text + year_len + 4, 2, &tm.tm_hour) ||
	    !read_digits(text + year_len + 6, 2, &tm.tm_min) ||
	    !read_digits(text + year_len + 8, 2, &tm.tm_sec))
		return false;
	tm.tm_year = general ? tm.tm_year - 1900 : tm.tm_year + (tm.tm_year < 50 ? 100 : 0);
	tm.tm_mon--;
	copy = tm;
	at = (int64_t)timegm(&copy);
	if (copy.tm_mon != tm.tm_mon || copy.tm_mday != tm.tm_mday || copy.tm_hour != tm.tm_hour ||
	    copy.tm_min != tm.tm_min || copy.tm_sec != tm.tm_sec)
		return false; /* the 30th of February */
	*ret_at = at;
	return true;
}

/* ---- strictness ----------------------------------------------------------------------------- */

static bool
oid_is_good(struct span v)
{
	bool first = true; /* byte of a number */

	for (size_t i = 0; i < v.len; i++) {
		if (first && v.data[i] == 0x80)
			return false;
		first = !(v.data[i] & 0x80);
	}
	return v.len > 0 && first;
}

static bool
integer_is_good(struct span v)
{
	return v.len == 1 || (v.len > 1 && !(v.data[0] == 0 && !(v.data[1] & 0x80)) &&
	                      !(v.data[0] == 0xff && (v.data[1] & 0x80)));
}

static bool
primitive_is_good(uint8_t tag, struct span v)
{
	switch (tag) {
	case DER_BOOLEAN:
		return v.len == 1 && (v.data[0] == 0 || v.data[0] == 0xff);
	case DER_INTEGER:
		return integer_is_good(v);
	case DER_BIT_STRING:
		return v.len > 0 && v.data[0] < 8 && (v.len > 1 || v.data[0] == 0);
	case DER_NULL:
		return v.len == 0;
	case DER_SEQUENCE & ~DER_CONSTRUCTED:
	case DER_SET & ~DER_CONSTRUCTED:
		return false;
	case DER_OID:
		return oid_is_good(v);
	case DER_UTF8_STRING:
	case DER_PRINTABLE_STRING:
	case DER_T61_STRING:
	case DER_IA5_STRING:
		return v.len == 0 || !memchr(v.data, 0, v.len);
	case DER_UNIVERSAL_STRING:
		return v.len % 4 == 0;
	case DER_BMP_STRING:
		return v.len % 2 == 0;
	default:
		return true;
	}
}

/* A stack of ends instead of recursion: strangers do not choose our depth. */
bool
der_is_strict(struct span whole)
{
	const unsigned char *ends[DEPTH_MAX];
	struct cursor in = der_enter(whole);
	size_t depth = 0;

	while (in.left) {
		struct cursor body;
		struct der_item item = der_next(&in);

		if (in.bad)
			return false;
		if (!depth && in.left)
			return false; /* bytes behind the one value */
		if (depth && item.whole.data + item.whole.len > ends[depth - 1])
			return false;
		if (item.tag & DER_CONSTRUCTED) {
			if (depth == DEPTH_MAX ||
			    (item.tag < 0x40 && item.tag != DER_SEQUENCE && item.tag != DER_SET))
				return false;
			ends[depth++] = item.value.data + item.value.len;
			body = der_enter(item.value);
			in.left += body.left;
			in.at = item.value.data;
		} else if (!primitive_is_good(item.tag, item.value)) {
			return false;
		}
		while (depth && in.at == ends[depth - 1])
			depth--;
	}
	return !in.bad && whole.len > 0 && depth == 0;
}
