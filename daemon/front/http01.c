/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/http01.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/cursor.h"
#include "base/hostname.h"
#include "daemon/front/end.h"
#include "store/challenge.h"
#include "store/store.h"

enum { READ_CHUNK = 2048, METHOD_MAX = 16, PORT_DIGITS_MAX = 5 };

static const char challenge_path[] = "/.well-known/acme-challenge/";
static const char token_bytes[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char header_name_bytes[] = /* tchar, RFC 9110 5.6.2 */
	"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char target_refused[] = "\"<>#"; /* printable, but never in a request target */

struct request {
	bool get, head;
	struct span target;
	struct hostname host;
	unsigned hosts, lengths, encodings; /* how many of these fields there are */
};

static bool
span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static bool
span_is_field(struct span s, const char *name)
{
	return s.len == strlen(name) && strncasecmp((const char *)s.data, name, s.len) == 0;
}

static bool
all_in(struct span s, const char *set)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] == '\0' || !strchr(set, s.data[i]))
			return false;
	return s.len > 0;
}

/* The next line without its CRLF; false when it has a CR or LF of another kind. */
static bool
next_line(struct cursor *c, struct span *ret)
{
	const unsigned char *end = c->left ? memchr(c->at, '\n', c->left) : NULL;

	if (!end || end == c->at || end[-1] != '\r')
		return false;
	*ret = cursor_bytes(c, (size_t)(end - c->at) - 1);
	cursor_bytes(c, 2);
	return memchr(ret->data, '\r', ret->len) == NULL;
}

/* Up to the next SEPARATOR, which is skipped; the rest when there is none. */
static struct span
split(struct span *rest, char separator)
{
	const unsigned char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
	struct span s = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
	size_t used = s.len + (end ? 1 : 0);

	rest->data += used;
	rest->len -= used;
	return s;
}

static bool
target_is_fine(struct span target)
{
	if (target.len == 0 || target.data[0] != '/')
		return false; /* absolute, authority and asterisk forms are for proxies */
	for (size_t i = 0; i < target.len; i++)
		if (target.data[i] <= ' ' || target.data[i] >= 0x7f ||
		    strchr(target_refused, target.data[i]))
			return false;
	return true;
}

static bool
read_request_line(struct span line, struct request *r)
{
	struct span method = split(&line, ' ');

	r->target = split(&line, ' ');
	for (size_t i = 0; i < method.len; i++)
		if (method.data[i] < 'A' || method.data[i] > 'Z')
			return false;
	r->get = span_is(method, "GET");
	r->head = span_is(method, "HEAD");
	return method.len > 0 && method.len <= METHOD_MAX && target_is_fine(r->target) &&
	       (span_is(line, "HTTP/1.1") || span_is(line, "HTTP/1.0"));
}

/* 192.0.2.1 or [2001:db8::1] */
static bool
read_address(struct span value, struct hostname *ret_host)
{
	char text[INET6_ADDRSTRLEN + 2];

	if (value.len >= sizeof(text) || memchr(value.data, '\0', value.len))
		return false;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return (*text == '[') == (strchr(text, ':') != NULL) &&
	       hostname_parse_any(text, ret_host, NULL) == ERR_OK && hostname_is_address(ret_host);
}

static bool
read_host(struct span value, struct hostname *ret_host)
{
	const unsigned char *end =
		value.len && *value.data == '[' ? memchr(value.data, ']', value.len) : NULL;
	size_t bracketed = end ? (size_t)(end - value.data) + 1 : 0;
	struct span port = {value.data + bracketed, value.len - bracketed};
	struct span name = split(&port, ':');

	if (bracketed && name.len)
		return false; /* between the bracket and the colon */
	if (bracketed)
		name = (struct span){value.data, bracketed};
	if (port.len && !all_in(port, "0123456789"))
		return false;
	return port.len <= PORT_DIGITS_MAX &&
	       (hostname_parse_sni(name.data, name.len, ret_host) == ERR_OK ||
	        read_address(name, ret_host));
}

static struct span
trim(struct span s)
{
	while (s.len && (*s.data == ' ' || *s.data == '\t'))
		s.data++, s.len--;
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool
read_field(struct span line, struct request *r)
{
	struct span value = line;
	struct span name = split(&value, ':');

	if (name.len == line.len || !all_in(name, header_name_bytes))
		return false;
	for (size_t i = 0; i < value.len; i++)
		if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
			return false;
	r->lengths += span_is_field(name, "content-length");
	r->encodings += span_is_field(name, "transfer-encoding");
	if (!span_is_field(name, "host"))
		return true;
	r->hosts++;
	return read_host(trim(value), &r->host);
}

/* ERR_INVALID: answer 400. No body is ever read; fields that would lead two readers to different
 * bodies are refused all the same. */
static enum err
read_request(const void *head, size_t len, struct request *r)
{
	struct cursor c;
	struct span line;

	memset(r, 0, sizeof(*r));
	cursor_init(&c, head, len);
	if (!next_line(&c, &line) || !read_request_line(line, r))
		return ERR_INVALID;
	while (next_line(&c, &line)) {
		if (line.len == 0)
			break;
		if (!read_field(line, r))
			return ERR_INVALID;
	}
	if (!cursor_end(&c) || r->hosts != 1 || r->lengths + r->encodings > 1)
		return ERR_INVALID;
	return ERR_OK;
}

/* Replies */

static int
reply_empty(struct buf *reply, int status, const char *reason)
{
	buf_printf(reply, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	           status, reason);
	return status;
}

static int
reply_redirect(struct buf *reply, const struct request *r)
{
	int status = r->get || r->head ? 301 : 308;
	bool v6 = strchr(r->host.name, ':') != NULL;

	buf_printf(reply, "HTTP/1.1 %d %s\r\nLocation: https://%s%s%s", status,
	           status == 301 ? "Moved Permanently" : "Permanent Redirect", v6 ? "[" : "",
	           r->host.name, v6 ? "]" : "");
	buf_add(reply, r->target.data, r->target.len);
	buf_add_str(reply, "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	return status;
}

static int
reply_challenge(struct buf *reply, const struct request *r, struct store *store)
{
	size_t prefix = sizeof(challenge_path) - 1;
	struct span token = {r->target.data + prefix, r->target.len - prefix};
	char text[CHALLENGE_TOKEN_MAX + 1] = "";
	struct challenge challenge;
	struct store_txn *txn;
	enum err err;

	if (token.len > CHALLENGE_TOKEN_MAX || !all_in(token, token_bytes))
		return reply_empty(reply, 404, "Not Found");
	memcpy(text, token.data, token.len);
	if (store_begin_read(store, STORE_SERVED, &txn) != ERR_OK)
		return reply_empty(reply, 503, "Service Unavailable");
	err = challenge_get_http(txn, text, &challenge);
	store_abort(txn);
	if (err || !hostname_equal(&challenge.name, &r->host))
		return reply_empty(reply, 404, "Not Found");
	buf_printf(reply,
	           "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
	           "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	           strlen(challenge.keyauth));
	if (r->get)
		buf_add_str(reply, challenge.keyauth);
	return 200;
}

int
http01_reply(const void *head, size_t len, struct store *store, struct buf *reply)
{
	size_t prefix = sizeof(challenge_path) - 1;
	struct request r;

	if (len == 0)
		return reply_empty(reply, 431, "Request Header Fields Too Large");
	if (read_request(head, len, &r) != ERR_OK)
		return reply_empty(reply, 400, "Bad Request");
	if ((r.get || r.head) && r.target.len >= prefix &&
	    memcmp(r.target.data, challenge_path, prefix) == 0)
		return reply_challenge(reply, &r, store);
	return reply_redirect(reply, &r);
}

size_t
http01_head_len(const void *data, size_t len)
{
	const unsigned char *end = len ? memmem(data, len, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - (const unsigned char *)data) + 4 : 0;
}

/* The connection */

void
http01_done(struct http01 *http)
{
	buf_done(&http->head);
	buf_done(&http->reply);
}

/* A head without CRLF CRLF that has ended in LF LF or is no HTTP/1 at all will wait for its time
 * limit; only size ends it sooner. */
static enum err
read_head(struct http01 *http, struct end *client, size_t *ret_len)
{
	for (;;) {
		size_t len = http01_head_len(http->head.data, http->head.len), n;
		enum err err;

		if (len || http->head.len >= HTTP01_HEAD_MAX) {
			*ret_len = len <= HTTP01_HEAD_MAX ? len : 0;
			return ERR_OK;
		}
		if (!buf_reserve(&http->head, READ_CHUNK))
			return ERR_NOMEM;
		err = end_read(client, http->head.data + http->head.len, READ_CHUNK, &n);
		if (err)
			return err;
		http->head.len += n;
	}
}

enum err
http01_run(struct http01 *http, struct end *client, struct store *store)
{
	size_t len;
	enum err err;

	if (http->reply.len == 0) {
		err = read_head(http, client, &len);
		if (err)
			return err;
		http->status = http01_reply(http->head.data, len, store, &http->reply);
		if (!buf_ok(&http->reply))
			return ERR_NOMEM;
	}
	while (http->reply.len) {
		size_t n;

		err = end_write(client, http->reply.data, http->reply.len, &n);
		if (err)
			return err;
		buf_eat(&http->reply, n);
	}
	return ERR_OK;
}
