/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/certview.h"

#include <stdio.h>
#include <string.h>

/* Values of OIDs, and whole AlgorithmIdentifiers where they have one form only. */
static const unsigned char oid_san[] = {0x55, 0x1d, 0x11};
static const unsigned char oid_basic[] = {0x55, 0x1d, 0x13};
static const unsigned char oid_usage[] = {0x55, 0x1d, 0x0f};
static const unsigned char oid_ext_usage[] = {0x55, 0x1d, 0x25};
static const unsigned char oid_any_usage[] = {0x55, 0x1d, 0x25, 0x00};
static const unsigned char oid_server[] = {0x2b, 6, 1, 5, 5, 7, 3, 1};
static const unsigned char oid_info_access[] = {0x2b, 6, 1, 5, 5, 7, 1, 1};
static const unsigned char oid_ocsp[] = {0x2b, 6, 1, 5, 5, 7, 0x30, 1};
static const unsigned char oid_tls_feature[] = {0x2b, 6, 1, 5, 5, 7, 1, 24};
static const unsigned char oid_authority_key[] = {0x55, 0x1d, 0x23};
static const unsigned char oid_common_name[] = {0x55, 0x04, 0x03};
static const unsigned char alg_p256[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                         0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

#define SPAN_OF(bytes) ((struct span){bytes, sizeof(bytes)})

enum {
	USAGE_SIGNATURE = 0x80,
	USAGE_ENCIPHERMENT = 0x20,
	USAGE_AGREEMENT = 0x08,
	V3 = 2,
	ALGORITHM_MAX = 32
};
enum { GENERAL_NAME_URI = 6, STATUS_REQUEST = 5 };

static void
read_key(struct span whole, struct certview *view)
{
	struct cursor in = der_enter(whole), key;
	struct span algorithm, bits;

	key = der_enter(der_take(&in, DER_SEQUENCE));
	algorithm = der_take(&key, DER_SEQUENCE);
	bits = der_take(&key, DER_BIT_STRING);
	view->public_key = whole;
	if (cursor_end(&key) && span_equal(algorithm, SPAN_OF(alg_p256)) &&
	    bits.len == CERTVIEW_POINT_LEN + 1 && bits.data[0] == 0 && bits.data[1] == 4)
		view->p256_point = (struct span){bits.data + 1, CERTVIEW_POINT_LEN};
	else
		view->is_odd = true;
}

static bool
algorithm_is_good(struct span value)
{
	struct cursor in = der_enter(value);

	(void)der_take(&in, DER_OID);
	if (in.left)
		(void)der_next(&in);
	return cursor_end(&in);
}

static bool
read_times(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value);
	struct der_item before = der_next(&in), after = der_next(&in);

	return cursor_end(&in) && der_time(&before, &view->not_before) &&
	       der_time(&after, &view->not_after);
}

static bool
read_basic(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), body;
	struct span ca;

	body = der_enter(der_take(&in, DER_SEQUENCE));
	ca = der_maybe(&body, DER_BOOLEAN);
	view->is_ca = ca.len == 1 && ca.data[0] != 0;
	(void)der_maybe(&body, DER_INTEGER);
	return cursor_end(&body) && cursor_end(&in);
}

static bool
read_usage(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value);
	struct span bits = der_take(&in, DER_BIT_STRING);

	if (!cursor_end(&in) || !bits.len)
		return false;
	if (bits.len < 2 ||
	    !(bits.data[1] & (USAGE_SIGNATURE | USAGE_ENCIPHERMENT | USAGE_AGREEMENT)))
		view->is_for_servers = false;
	return true;
}

static bool
read_ext_usage(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), body;
	bool found = false;

	body = der_enter(der_take(&in, DER_SEQUENCE));
	if (!cursor_end(&in) || !body.left)
		return false;
	while (body.left && !body.bad) {
		struct span oid = der_take(&body, DER_OID);

		found = found || span_equal(oid, SPAN_OF(oid_server)) ||
		        span_equal(oid, SPAN_OF(oid_any_usage));
	}
	if (!found)
		view->is_for_servers = false;
	return !body.bad;
}

static bool
read_san(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value);

	view->san = der_take(&in, DER_SEQUENCE);
	return cursor_end(&in);
}

/* AccessDescriptions; what is odd here is no reason to refuse a certificate. */
static bool
read_info_access(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), list = der_enter(der_take(&in, DER_SEQUENCE));

	while (list.left && !list.bad && !view->ocsp.data) {
		struct cursor one = der_enter(der_take(&list, DER_SEQUENCE));
		struct span method = der_take(&one, DER_OID);
		struct der_item location = der_next(&one);

		if (!one.bad && location.tag == (DER_CONTEXT | GENERAL_NAME_URI) &&
		    span_equal(method, SPAN_OF(oid_ocsp)))
			view->ocsp = location.value;
	}
	return true;
}

/* RFC 5280, 4.2.1.1; what is odd here is no reason to refuse a certificate either. */
static bool
read_authority_key(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), list = der_enter(der_take(&in, DER_SEQUENCE));

	view->authority_key = der_maybe(&list, DER_CONTEXT | 0);
	return true;
}

/* A list of numbers of TLS extensions. */
static bool
read_tls_feature(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), list = der_enter(der_take(&in, DER_SEQUENCE));

	while (list.left && !list.bad) {
		struct span number = der_take(&list, DER_INTEGER);

		view->must_staple =
			view->must_staple || (number.len == 1 && number.data[0] == STATUS_REQUEST);
	}
	return true;
}

/* Those we look into, each at most once; their values are DER of their own. */
static const struct {
	struct span oid;
	bool (*read)(struct span value, struct certview *view);
} known[] = {
	{SPAN_OF(oid_san), read_san},
	{SPAN_OF(oid_basic), read_basic},
	{SPAN_OF(oid_usage), read_usage},
	{SPAN_OF(oid_ext_usage), read_ext_usage},
	{SPAN_OF(oid_info_access), read_info_access},
	{SPAN_OF(oid_tls_feature), read_tls_feature},
	{SPAN_OF(oid_authority_key), read_authority_key},
};

static bool
read_extension(struct span extension, unsigned *seen, struct certview *view)
{
	struct cursor in = der_enter(extension);
	struct span oid = der_take(&in, DER_OID), value;

	(void)der_maybe(&in, DER_BOOLEAN);
	value = der_take(&in, DER_OCTET_STRING);
	if (!cursor_end(&in))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!span_equal(oid, known[i].oid))
			continue;
		if (*seen & 1u << i || !der_is_strict(value) || !known[i].read(value, view))
			return false;
		*seen |= 1u << i;
	}
	return true;
}

static bool
read_extensions(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), list;
	unsigned seen = 0;

	list = der_enter(der_take(&in, DER_SEQUENCE));
	while (list.left && !list.bad)
		if (!read_extension(der_take(&list, DER_SEQUENCE), &seen, view))
			return false;
	return cursor_end(&list) && cursor_end(&in);
}

/* Well-formed UTF-8 (RFC 3629): OpenSSL refuses a name with anything else. */
static bool
is_utf8(struct span text)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	for (size_t i = 0, more; i < text.len; i += more + 1) {
		uint8_t c = text.data[i];
		uint32_t v;

		more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more >= text.len - i)
			return false;
		v = more ? c & (0x3fu >> more) : c;
		for (size_t k = 1; k <= more; k++) {
			if ((text.data[i + k] & 0xc0) != 0x80)
				return false;
			v = v << 6 | (text.data[i + k] & 0x3f);
		}
		if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return false;
	}
	return true;
}

static bool
text_is_good(const struct der_item *item, struct certview *view)
{
	if (item->tag & DER_CONSTRUCTED)
		return false;
	if (item->tag == DER_UTF8_STRING)
		return is_utf8(item->value);
	if (item->tag != DER_PRINTABLE_STRING && item->tag != DER_IA5_STRING)
		view->is_odd = true;
	return true;
}

/* RDNSequence: sets of (OID, text). */
static bool
name_is_good(struct span whole, struct certview *view)
{
	struct cursor in = der_enter(whole), name = der_enter(der_take(&in, DER_SEQUENCE));

	while (name.left && !name.bad) {
		struct cursor set = der_enter(der_take(&name, DER_SET));

		if (!set.left)
			return false;
		while (set.left && !set.bad) {
			struct cursor pair = der_enter(der_take(&set, DER_SEQUENCE));
			struct der_item text;

			(void)der_take(&pair, DER_OID);
			text = der_next(&pair);
			if (!cursor_end(&pair) || !text_is_good(&text, view))
				return false;
		}
		if (set.bad)
			return false;
	}
	return !name.bad;
}

static struct span
take_whole(struct cursor *in, uint8_t tag)
{
	struct der_item item = der_next(in);

	in->bad = in->bad || item.tag != tag;
	return item.whole;
}

static bool
read_tbs(struct span value, struct certview *view)
{
	struct cursor in = der_enter(value), explicit;
	struct span version, algorithm, times, extensions;

	explicit = der_enter(der_take(&in, DER_CONTEXT | DER_CONSTRUCTED));
	version = der_take(&explicit, DER_INTEGER);
	view->serial = der_take(&in, DER_INTEGER);
	algorithm = der_take(&in, DER_SEQUENCE);
	view->issuer = take_whole(&in, DER_SEQUENCE);
	times = der_take(&in, DER_SEQUENCE);
	view->subject = take_whole(&in, DER_SEQUENCE);
	read_key(take_whole(&in, DER_SEQUENCE), view);
	(void)der_maybe(&in, DER_CONTEXT | 1);
	(void)der_maybe(&in, DER_CONTEXT | 2);
	extensions = der_maybe(&in, DER_CONTEXT | DER_CONSTRUCTED | 3);
	if (!cursor_end(&in) || !cursor_end(&explicit) || version.len != 1 ||
	    version.data[0] != V3 || !span_equal(algorithm, view->algorithm) ||
	    !algorithm_is_good(algorithm))
		return false;
	return name_is_good(view->issuer, view) && name_is_good(view->subject, view) &&
	       read_times(times, view) && (!extensions.data || read_extensions(extensions, view));
}

enum err
certview_read(struct span der, struct certview *ret_view)
{
	struct certview view = {.whole = der, .is_for_servers = true};
	struct cursor in = der_enter(der), body;
	struct der_item tbs;
	struct span bits;

	if (!der_is_strict(der))
		return ERR_INVALID;
	body = der_enter(der_take(&in, DER_SEQUENCE));
	tbs = der_next(&body);
	view.algorithm = der_take(&body, DER_SEQUENCE);
	bits = der_take(&body, DER_BIT_STRING);
	if (!cursor_end(&in) || !cursor_end(&body) || tbs.tag != DER_SEQUENCE || bits.len < 2 ||
	    bits.data[0] != 0)
		return ERR_INVALID;
	view.tbs = tbs.whole;
	view.signature = (struct span){bits.data + 1, bits.len - 1};
	if (!read_tbs(tbs.value, &view))
		return ERR_INVALID;
	*ret_view = view;
	return ERR_OK;
}

void
certview_common_name(struct span name, char *dst, size_t size)
{
	struct cursor in = der_enter(name), list = der_enter(der_take(&in, DER_SEQUENCE));
	struct span text = {0};

	while (list.left && !list.bad) {
		struct cursor set = der_enter(der_take(&list, DER_SET));
		struct cursor pair = der_enter(der_take(&set, DER_SEQUENCE));
		struct span oid = der_take(&pair, DER_OID);

		text = der_next(&pair).value;
		if (span_equal(oid, SPAN_OF(oid_common_name)))
			break;
	}
	snprintf(dst, size, "%.*s", (int)text.len, text.len ? (const char *)text.data : "");
}

bool
certview_is_rsa(const struct certview *view)
{
	/* AlgorithmIdentifier: rsaEncryption (RFC 3279, 2.3.1) */
	static const unsigned char oid[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1};
	const struct span *key = &view->public_key;

	return memmem(key->data, key->len < ALGORITHM_MAX ? key->len : ALGORITHM_MAX, oid,
	              sizeof(oid));
}
