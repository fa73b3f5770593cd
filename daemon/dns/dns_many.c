/* SPDX-License-Identifier: Apache-2.0 */
/* One question to many servers at once: those that are away cost their time only together. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dns/dns_inside.h"

bool
dns_is_answer(const struct buf *answer)
{
	int rcode = dns_rcode(answer);

	return rcode == ns_r_noerror || rcode == ns_r_nxdomain;
}

static void
begin(struct dns_asked *a, const struct dns_question *q)
{
	a->fd = -1;
	a->answer = a->query = (struct buf){0};
	a->err = dns_put_query(&a->query, q->name, q->type, q->recurse, true);
	if (!a->err)
		a->err = dns_open(a->server, SOCK_DGRAM, &a->fd);
	if (!a->err)
		a->err = ERR_AGAIN;
}

static void
end(struct dns_asked *a, enum err err)
{
	a->err = err;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void
dns_asked_done(struct dns_asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		end(&asked[i], asked[i].err);
		buf_done(&asked[i].answer);
		buf_done(&asked[i].query);
	}
}

static void
send_all(struct dns_asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (asked[i].err == ERR_AGAIN &&
		    send(asked[i].fd, asked[i].query.data, asked[i].query.len, 0) < 0)
			end(&asked[i], ERR_UNREACHABLE);
}

static void
take(struct dns_asked *a, struct buf *space)
{
	enum err err = dns_receive(a->fd, &a->query, space);

	if (err == ERR_AGAIN)
		return;
	if (!err)
		buf_add(&a->answer, space->data, space->len);
	end(a, err || buf_ok(&a->answer) ? err : ERR_NOMEM);
}

/* Waits for a moment and takes what has come. False: nobody is waited for, or time is up. */
static bool
wait_and_take(struct dns_asked *asked, size_t count, struct buf *space, int64_t until)
{
	struct pollfd p[DNS_SERVERS_MAX];
	int64_t left = until - clock_mono_ms();
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		p[i] = (struct pollfd){.fd = asked[i].fd, .events = POLLIN};
		any = any || asked[i].fd >= 0;
	}
	if (!any || left <= 0)
		return false;
	if (poll(p, count, (int)(left < DNS_STOP_LOOK_MS ? left : DNS_STOP_LOOK_MS)) > 0)
		for (size_t i = 0; i < count; i++)
			if (p[i].revents)
				take(&asked[i], space);
	return true;
}

static bool
has_authority(const struct dns_asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!asked[i].err && dns_flag(&asked[i].answer, DNS_FLAG_AA) &&
		    dns_is_answer(&asked[i].answer))
			return true;
	return false;
}

/* What does not fit into a datagram, or came from a server that knows no EDNS. */
static void
ask_again(const struct dns_call *call, struct dns_asked *asked, size_t count,
          const struct dns_question *q)
{
	for (size_t i = 0; i < count; i++) {
		struct dns_asked *a = &asked[i];

		if (!a->err &&
		    (dns_flag(&a->answer, DNS_FLAG_TC) || dns_rcode(&a->answer) == ns_r_formerr ||
		     dns_rcode(&a->answer) == ns_r_notimpl))
			a->err = dns_ask(call, a->server, q->name, q->type, q->recurse, &a->answer);
	}
}

enum err
dns_ask_many(const struct dns_call *call, struct dns_asked *asked, size_t count,
             const struct dns_question *question, bool first)
{
	struct buf space = {0};
	enum err err = buf_reserve(&space, DNS_MESSAGE_MAX) ? ERR_OK : ERR_NOMEM;
	bool enough = false;

	for (size_t i = 0; i < count; i++)
		begin(&asked[i], question);
	for (int times = 0; times < DNS_UDP_TIMES && !err && !enough; times++) {
		int64_t until = clock_mono_ms() + DNS_QUERY_MS;

		send_all(asked, count);
		while (!enough && !(err = dns_may_go_on(call)) &&
		       wait_and_take(asked, count, &space, until))
			enough = first && has_authority(asked, count);
	}
	buf_done(&space);
	for (size_t i = 0; i < count && !enough; i++)
		if (asked[i].err == ERR_AGAIN)
			end(&asked[i], ERR_TIMEOUT);
	if (err == ERR_STOPPED || err == ERR_NOMEM)
		return err;
	ask_again(call, asked, count, question);
	return ERR_OK;
}
