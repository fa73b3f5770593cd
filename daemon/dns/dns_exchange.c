/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one server and its answer, by UDP and TCP (RFC 1035 4.2, RFC 7766). */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dns/dns_inside.h"

enum err
dns_may_go_on(const struct dns_call *call)
{
	if (call->stop && atomic_load(call->stop))
		return ERR_STOPPED;
	return clock_mono_ms() < call->deadline ? ERR_OK : ERR_TIMEOUT;
}

/* Until FD is ready for EVENTS, or UNTIL. */
static enum err
wait_for(const struct dns_call *call, int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = until - clock_mono_ms();
		enum err err = dns_may_go_on(call);
		int n;

		if (err)
			return err;
		if (left <= 0)
			return ERR_TIMEOUT;
		n = poll(&p, 1, (int)(left < DNS_STOP_LOOK_MS ? left : DNS_STOP_LOOK_MS));
		if (n > 0)
			return ERR_OK;
		if (n < 0 && errno != EINTR)
			return ERR_IO;
	}
}

/* Whether ANSWER is one to QUERY: same id, same question (RFC 5452 9.1). */
static bool
answers(const struct buf *query, const struct buf *answer)
{
	struct dns_reader q, a;
	struct dns_rr asked, answered;

	if (dns_read(query, &q) || dns_read(answer, &a) || !dns_flag(answer, DNS_FLAG_QR) ||
	    memcmp(query->data, answer->data, 2) != 0)
		return false;
	if (a.left[ns_s_qd] == 0) /* as some do for what they refuse */
		return dns_rcode(answer) != ns_r_noerror;
	return dns_next(&q, &asked) && dns_next(&a, &answered) && !answered.odd_name &&
	       asked.type == answered.type && strcmp(asked.name, answered.name) == 0;
}

enum err
dns_open(const struct conf_address *server, int type, int *ret_fd)
{
	int fd = socket(server->sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EAFNOSUPPORT ? ERR_UNREACHABLE : ERR_IO;
	if (connect(fd, (const struct sockaddr *)&server->sa, server->len) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return ERR_UNREACHABLE;
	}
	*ret_fd = fd;
	return ERR_OK;
}

/* ---- UDP ---- */

enum err
dns_receive(int fd, const struct buf *query, struct buf *answer)
{
	ssize_t n = recv(fd, answer->data, answer->cap, 0);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return ERR_UNREACHABLE; /* ICMP says so */
	answer->len = n > 0 ? (size_t)n : 0;
	return n > 0 && answers(query, answer) ? ERR_OK : ERR_AGAIN;
}

static enum err
receive_udp(const struct dns_call *call, int fd, const struct buf *query, struct buf *answer)
{
	int64_t until = clock_mono_ms() + DNS_QUERY_MS;
	enum err err = ERR_AGAIN;

	while (err == ERR_AGAIN) {
		err = wait_for(call, fd, POLLIN, until);
		if (!err)
			err = dns_receive(fd, query, answer);
	}
	return err;
}

static enum err
exchange_udp(const struct dns_call *call, const struct conf_address *server,
             const struct buf *query, struct buf *answer)
{
	enum err err;
	int fd;

	if (!buf_reserve(answer, DNS_MESSAGE_MAX))
		return ERR_NOMEM;
	err = dns_open(server, SOCK_DGRAM, &fd);
	if (err)
		return err;
	for (int i = 0; i < DNS_UDP_TIMES; i++) {
		err = send(fd, query->data, query->len, 0) < 0
		              ? ERR_UNREACHABLE
		              : receive_udp(call, fd, query, answer);
		if (err != ERR_TIMEOUT || dns_may_go_on(call))
			break;
	}
	close(fd);
	return err;
}

/* ---- TCP ---- */

static enum err
transfer(const struct dns_call *call, int fd, bool out, unsigned char *data, size_t len)
{
	int64_t until = clock_mono_ms() + (int64_t)DNS_TCP_TIMES * DNS_QUERY_MS;

	while (len > 0) {
		enum err err = wait_for(call, fd, out ? POLLOUT : POLLIN, until);
		ssize_t n;

		if (err)
			return err;
		n = out ? send(fd, data, len, MSG_NOSIGNAL) : recv(fd, data, len, 0);
		if (n == 0)
			return ERR_CLOSED;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ERR_UNREACHABLE;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return ERR_OK;
}

static enum err
receive_tcp(const struct dns_call *call, int fd, struct buf *answer)
{
	unsigned char len[2];
	enum err err = transfer(call, fd, false, len, sizeof(len));

	if (err)
		return err;
	buf_reset(answer);
	if (!buf_reserve(answer, dns_u16_at(len, 0)))
		return ERR_NOMEM;
	err = transfer(call, fd, false, answer->data, dns_u16_at(len, 0));
	if (!err)
		answer->len = dns_u16_at(len, 0);
	return err;
}

enum err
dns_exchange_tcp(const struct dns_call *call, const struct conf_address *server,
                 const struct buf *query, struct buf *ret_answer)
{
	struct buf framed = {0};
	enum err err;
	int fd = -1;

	dns_put_u16(&framed, (uint16_t)query->len);
	buf_add(&framed, query->data, query->len);
	err = buf_ok(&framed) ? ERR_OK : ERR_NOMEM;
	if (query->len > DNS_MESSAGE_MAX)
		err = ERR_TOOBIG;
	if (!err)
		err = dns_open(server, SOCK_STREAM, &fd);
	if (!err)
		err = transfer(call, fd, true, framed.data, framed.len);
	if (!err)
		err = receive_tcp(call, fd, ret_answer);
	if (!err && (ret_answer->len < DNS_HEADER_LEN || !dns_flag(ret_answer, DNS_FLAG_QR) ||
	             memcmp(query->data, ret_answer->data, 2) != 0))
		err = ERR_PROTO;
	if (fd >= 0)
		close(fd);
	buf_done(&framed);
	return err;
}

enum err
dns_exchange(const struct dns_call *call, const struct conf_address *server,
             const struct buf *query, struct buf *ret_answer)
{
	enum err err = exchange_udp(call, server, query, ret_answer);

	if (err || !dns_flag(ret_answer, DNS_FLAG_TC))
		return err;
	err = dns_exchange_tcp(call, server, query, ret_answer);
	return !err && !answers(query, ret_answer) ? ERR_PROTO : err;
}

enum err
dns_ask(const struct dns_call *call, const struct conf_address *server, const char *name,
        ns_type type, bool recurse, struct buf *ret_answer)
{
	enum err err = ERR_OK;

	for (int edns = 1; edns >= 0 && !err; edns--) {
		struct buf query = {0};

		buf_reset(ret_answer);
		err = dns_put_query(&query, name, type, recurse, edns);
		if (!err)
			err = dns_exchange(call, server, &query, ret_answer);
		buf_done(&query);
		if (!err && dns_rcode(ret_answer) != ns_r_formerr &&
		    dns_rcode(ret_answer) != ns_r_notimpl)
			break;
	}
	return err;
}
