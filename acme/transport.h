/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/transport.h - HTTPS requests side by side, over one curl multi handle
 *
 * With transport_reply.c the only one that knows curl. It trusts nothing: https only, no redirects,
 * certificates verified (the system's roots, or a CA file instead), 1 MiB of body and 64 KiB of
 * headers at most, 10 s to connect, 60 s in all, 30 s of silence (less than 32 bytes a second); 20
 * and 10 s for GET and HEAD. What a certificate sends us
 * to (transport_ask()) is trusted less: http too, but public addresses only. Threads:
 * transport_wake() from any; everything else, callbacks included, on the thread that calls
 * transport_run().
 */
#ifndef ACME_TRANSPORT_H
#define ACME_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct transport;

enum {
	TRANSPORT_URL_MAX = 2047,
	TRANSPORT_LINKS_MAX = 8,
	TRANSPORT_BODY_MAX = 1 << 20,
	TRANSPORT_ANSWER_MAX = 64 << 10
};

struct transport_request {
	const char *method; /* "GET", "HEAD" or "POST" */
	const char *url;
	const char *ca_file; /* NULL: the system's */
	const void *body;    /* POST: application/jose+json */
	size_t len;
};

struct transport_link {
	char rel[32];
	char url[TRANSPORT_URL_MAX + 1]; /* resolved against the request's URL */
};

/* Strings are "" when the header was absent; they are valid during the callback. */
struct transport_reply {
	enum err err;    /* ERR_OK: there is a status; else ERR_UNREACHABLE, _TIMEOUT, _TOOBIG,
	                    _CRYPTO.. */
	char error[256]; /* what curl says, when err */
	bool unsent;     /* ERR_TIMEOUT: nothing of the request has left us */
	int status;
	int64_t retry_after_ms; /* from now, seconds and HTTP-date alike, past = 0; -1: absent or
	                           odd */
	int64_t date;           /* Date, unix seconds; 0: absent or odd */
	char nonce[256];        /* Replay-Nonce when it is base64url, else "" */
	char location[TRANSPORT_URL_MAX + 1]; /* resolved */
	size_t link_count;
	struct transport_link links[TRANSPORT_LINKS_MAX];
	struct buf body;
};

typedef void transport_reply_fn(void *arg, struct transport_reply *reply);

/* For whatever talks to a CA (RFC 8555 6.1). */
#define TRANSPORT_ACME_AGENT "certd/" CERTD_VERSION " (ACME client; RFC 8555)"

MUST_CHECK enum err transport_new(const char *user_agent, struct transport **ret_transport);
/* Requests in flight are dropped without a callback. */
void transport_free(struct transport *t);

/* Copies REQUEST; FN is called once from transport_run(), never from here. */
MUST_CHECK enum err transport_submit(struct transport *t, const struct transport_request *request,
                                     transport_reply_fn *fn, void *arg);
/* A POST to a URL that is no CA's API, such as one that a certificate names: http or https, to
 * public addresses only unless ANY_ADDRESS, no proxy, 64 KiB of answer, 10 s in all. */
struct transport_question {
	const char *url;
	const char *content_type;   /* "Content-Type: ..."; NULL: an OCSP request's */
	const char *const *headers; /* more of them, NULL behind the last; may be NULL */
	const char *ca_file;        /* NULL: the system's */
	const char *socket;         /* the Unix socket that URL is asked at; NULL: its host */
	const void *body;
	size_t len;
	bool any_address;
};
MUST_CHECK enum err transport_ask(struct transport *t, const struct transport_question *question,
                                  transport_reply_fn *fn, void *arg);
/* Nothing is sent: FN is called at the next transport_run(), with an empty reply. */
MUST_CHECK enum err transport_defer(struct transport *t, transport_reply_fn *fn, void *arg);
/* Drops all requests submitted with ARG, without callbacks. */
void transport_cancel(struct transport *t, const void *arg);
/* Waits up to TIMEOUT_MS for the network or a wake-up, then calls back what is done. */
MUST_CHECK enum err transport_run(struct transport *t, int timeout_ms);
void transport_wake(struct transport *t);

struct transport_target {
	const char *address; /* a number */
	int port;
	const char *host; /* the name to ask for */
	bool proxy;       /* a PROXY header (version 1) with our own address comes first */
};

/* Looks at what is really served: a TLS handshake with TARGET, nothing verified, no data sent. DER
 * is the leaf that arrived, NULL when none did (ERROR says why). */
typedef void transport_probe_fn(void *arg, const void *der, size_t len, const char *error);
MUST_CHECK enum err transport_probe(struct transport *t, const struct transport_target *target,
                                    transport_probe_fn *fn, void *arg);

/* Resolves REFERENCE against BASE (RFC 3986 5); ERR_INVALID unless the result is an https URL. */
MUST_CHECK enum err transport_resolve(const char *base, const char *reference,
                                      char ret_url[TRANSPORT_URL_MAX + 1]);

#endif
