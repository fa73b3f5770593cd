/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hostname.h"
#include "base/units.h"
#include "daemon/conf/conf.h"

enum { URL_MAX = 1023, MAIL_MAX = 254, LISTED_MAX = 16, HOST_MAX = 256 };

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool
conf_number(struct conf_context *cx, const struct conf_token *word, const struct conf_range *range,
            uint32_t *ret_number)
{
	uint64_t n;
	enum err err = units_parse_number(word->text, &n);

	if (err == ERR_INVALID)
		return conf_fail(cx, &word->at, "\"%s\" is not a number",
		                 conf_show(cx, word->text));
	if (err || n < range->min || n > range->max)
		return conf_fail(cx, &word->at, "%s is out of range: %" PRIu32 " to %" PRIu32,
		                 conf_show(cx, word->text), range->min, range->max);
	*ret_number = (uint32_t)n;
	return true;
}

bool
conf_span(struct conf_context *cx, const struct conf_token *word, const struct conf_range *range,
          uint32_t *ret_ms)
{
	char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
	uint64_t ms;
	enum err err = units_parse_ms(word->text, &ms);

	if (err == ERR_INVALID && !units_parse_number(word->text, &ms))
		return conf_fail(cx, &word->at, "%s needs a unit: ms, s, m, h or d",
		                 conf_show(cx, word->text));
	if (err == ERR_INVALID)
		return conf_fail(cx, &word->at,
		                 "\"%s\" is not a time: write 500ms, 10s, 5m, 2h or 1d",
		                 conf_show(cx, word->text));
	if (err || ms < range->min || ms > range->max)
		return conf_fail(cx, &word->at, "%s is out of range: %s to %s",
		                 conf_show(cx, word->text), units_format_ms(range->min, min),
		                 units_format_ms(range->max, max));
	*ret_ms = (uint32_t)ms;
	return true;
}

/* "HOST:PORT" or "[HOST]:PORT" as HOST (SIZE bytes) and where PORT begins; NULL or why not. */
static const char *
split_address(const char *text, char *host, size_t size, const char **ret_port)
{
	const char *from = text + (*text == '['), *to = strrchr(text, *text == '[' ? ']' : ':');
	const char *port = to ? to + 1 + (*text == '[') : NULL;

	if (*text == '[' && !to)
		return "\"]\" is missing";
	if (*text == '[' && to[1] != ':')
		return "the port is missing: [ADDRESS]:PORT";
	if (!to && !text[strspn(text, DIGITS)])
		return "a port needs an address before it: 0.0.0.0:443 or [::]:443";
	if (!to)
		return "the port is missing: ADDRESS:PORT";
	if (*text != '[' && memchr(text, ':', (size_t)(to - text)))
		return "an IPv6 address stands in brackets: [2001:db8::1]:443";
	if (to == from)
		return "the address is missing: 0.0.0.0 or [::] for all";
	if ((size_t)(to - from) >= size)
		return "this is too long for an address";
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	*ret_port = port;
	return NULL;
}

static bool
convert_address(const char *host, bool is_v6, uint16_t port, struct conf_address *a)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a->sa;
	char text[INET6_ADDRSTRLEN];

	*a = (struct conf_address){.len = is_v6 ? sizeof(*v6) : sizeof(*v4)};
	if (is_v6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	}
	if (inet_pton(a->sa.ss_family, host,
	              is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
		return false;
	inet_ntop(a->sa.ss_family, is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr, text,
	          sizeof(text));
	snprintf(a->text, sizeof(a->text), is_v6 ? "[%s]:%u" : "%s:%u", text, port);
	return true;
}

/* The parts of WORD, "HOST:PORT"; HOST has SIZE bytes. */
static bool
take_address(struct conf_context *cx, const struct conf_token *word, char *host, size_t size,
             uint16_t *ret_port)
{
	const char *port_text, *shown = conf_show(cx, word->text);
	const char *why = split_address(word->text, host, size, &port_text);
	uint64_t port;

	if (why)
		return conf_fail(cx, &word->at, "\"%s\": %s", shown, why);
	if (units_parse_number(port_text, &port) || port < 1 || port > 65535)
		return conf_fail(cx, &word->at, "\"%s\": a port is a number from 1 to 65535",
		                 shown);
	*ret_port = (uint16_t)port;
	return true;
}

static bool
fail_address(struct conf_context *cx, const struct conf_token *word)
{
	return conf_fail(cx, &word->at, "\"%s\": this is not an IPv%c address",
	                 conf_show(cx, word->text), *word->text == '[' ? '6' : '4');
}

bool
conf_socket_address(struct conf_context *cx, const struct conf_token *word,
                    struct conf_address *ret_address)
{
	char host[HOST_MAX];
	uint16_t port;

	if (!take_address(cx, word, host, sizeof(host), &port))
		return false;
	if (convert_address(host, *word->text == '[', port, ret_address))
		return true;
	if (*word->text != '[' && strpbrk(host, LOWER UPPER))
		return conf_fail(cx, &word->at,
		                 "\"%s\" is a name: give a numeric address, as 0.0.0.0:443 or "
		                 "[2001:db8::1]:443",
		                 conf_show(cx, word->text));
	return fail_address(cx, word);
}

bool
conf_server(struct conf_context *cx, const struct conf_token *word, struct conf_server *ret_server)
{
	struct conf_server s = {0};
	struct hostname name;
	char host[HOST_MAX];
	size_t len;

	if (!take_address(cx, word, host, sizeof(host), &s.port))
		return false;
	len = strlen(host);
	s.text = word->text;
	if (convert_address(host, *word->text == '[', s.port, &s.address)) {
		s.text = conf_strdup(cx, s.address.text);
	} else if (*word->text == '[' || !strpbrk(host, LOWER UPPER "_")) {
		return fail_address(cx, word);
	} else if (hostname_parse_sni(host, len, &name)) {
		return conf_fail(cx, &word->at, "\"%s\": neither an address nor a host name",
		                 conf_show(cx, word->text));
	} else {
		s.address = (struct conf_address){0};
		s.host = conf_strdup(cx, name.name);
		if (!s.host)
			return false;
	}
	*ret_server = s;
	return s.text != NULL;
}

bool
conf_path(struct conf_context *cx, const struct conf_token *word, size_t max, const char **ret_path)
{
	if (word->text[0] != '/')
		return conf_fail(cx, &word->at,
		                 "\"%s\" is not a full path: it must begin with \"/\"",
		                 conf_show(cx, word->text));
	if (strlen(word->text) > max)
		return conf_fail(cx, &word->at, "a path of more than %zu bytes", max);
	*ret_path = word->text;
	return true;
}

/* Behind "https://": host, maybe a port, maybe a path (RFC 3986, without user and fragment). */
static const char *
check_url(const char *text)
{
	static const char in_host[] = LOWER UPPER DIGITS ".-";
	static const char in_path[] = LOWER UPPER DIGITS "-._~!$&'()*+,;=:@%/?";
	size_t n = *text == '[' ? 1 + strspn(text + 1, DIGITS "abcdefABCDEF:.")
	                        : strspn(text, in_host);
	uint64_t port = 443;

	if (*text == '[' && text[n++] != ']')
		return "\"]\" is missing";
	if (n == 0)
		return "the host is missing";
	text += n;
	if (*text == ':') {
		char digits[8] = "";

		n = strspn(text + 1, DIGITS);
		if (n < sizeof(digits))
			memcpy(digits, text + 1, n);
		if (units_parse_number(digits, &port) || port < 1 || port > 65535)
			return "a port is a number from 1 to 65535";
		text += 1 + n;
	}
	if (*text == '@')
		return "a user or password does not belong into the URL";
	if (*text && *text != '/' && *text != '?')
		return "after the host a \":PORT\" or \"/\" must follow";
	text += strspn(text, in_path);
	return *text ? "it has a character that URLs do not have" : NULL;
}

bool
conf_https_url(struct conf_context *cx, const struct conf_token *word, const char **ret_url)
{
	static const char https[] = "https://";
	const char *shown = conf_show(cx, word->text), *why;

	if (strncmp(word->text, "http://", 7) == 0)
		return conf_fail(cx, &word->at, "\"%s\": a CA is spoken to over https only", shown);
	if (strncmp(word->text, https, sizeof(https) - 1) != 0)
		return conf_fail(cx, &word->at, "\"%s\" is not a URL: it must begin with \"%s\"",
		                 shown, https);
	if (strlen(word->text) > URL_MAX)
		return conf_fail(cx, &word->at, "a URL of more than %d bytes", URL_MAX);
	why = check_url(word->text + sizeof(https) - 1);
	if (why)
		return conf_fail(cx, &word->at, "\"%s\": %s", shown, why);
	*ret_url = word->text;
	return true;
}

/* Enough to catch slips; whether somebody reads it only the CA finds out. */
bool
conf_mail(struct conf_context *cx, const struct conf_token *word, const char **ret_mail)
{
	static const char in_mail[] = LOWER UPPER DIGITS "!#$&'*+-/=?^_`{|}~.@";
	const char *at = strchr(word->text, '@');

	if (!at || at == word->text || !at[1] || strchr(at + 1, '@') ||
	    strlen(word->text) > MAIL_MAX || word->text[strspn(word->text, in_mail)])
		return conf_fail(cx, &word->at, "\"%s\" is not a mail address",
		                 conf_show(cx, word->text));
	*ret_mail = word->text;
	return true;
}

bool
conf_block_name(struct conf_context *cx, const struct conf_token *word, const char *what,
                char *ret_name)
{
	size_t len = strlen(word->text);

	if (!len || len > NAME_WORD_MAX || *word->text == '-' ||
	    word->text[strspn(word->text, LOWER DIGITS "-")])
		return conf_fail(
			cx, &word->at,
			"\"%s\" cannot name a %s: use a-z, 0-9 and \"-\" (not first), at most "
			"%d of them",
			conf_show(cx, word->text), what, NAME_WORD_MAX);
	memcpy(ret_name, word->text, len + 1);
	return true;
}

bool
conf_fail_unknown(struct conf_context *cx, const struct conf_token *word, const char *what,
                  nearest_next *next, const void *words)
{
	const char *near = nearest_word(word->text, next, words), *one;
	const char *shown = conf_show(cx, word->text);
	struct buf all = {0};

	if (near)
		return conf_fail(cx, &word->at, "unknown %s \"%s\", did you mean \"%s\"?", what,
		                 shown, near);
	for (size_t i = 0; (one = next(words, i)); i++) {
		if (i == LISTED_MAX) {
			buf_add_str(&all, ", ...");
			break;
		}
		buf_printf(&all, "%s%s", i ? ", " : "", one);
	}
	if (!all.len)
		conf_fail(cx, &word->at, "unknown %s \"%s\": there is none", what, shown);
	else
		conf_fail(cx, &word->at, "unknown %s \"%s\", known: %s", what, shown,
		          buf_str(&all));
	buf_done(&all);
	return false;
}
