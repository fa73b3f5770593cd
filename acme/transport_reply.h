/* SPDX-License-Identifier: Apache-2.0 */
/* acme/transport_reply.h - from a finished curl handle to what the transport delivers, and what a
 * handle may not do when a certificate names the URL (transport_ask.c) */
#ifndef ACME_TRANSPORT_REPLY_H
#define ACME_TRANSPORT_REPLY_H

#include "acme/transport.h"

/* EASY may go where QUESTION allows, and nowhere else; its headers are added to LINES. */
struct curl_slist;
MUST_CHECK enum err transport_narrow(void *easy, const struct transport_question *question,
                                     struct curl_slist **lines);
const char *transport_type(const struct transport_question *question);

/* EASY is a GET or HEAD: it costs the CA no work, so its answer comes soon or not at all. */
void transport_set_read(void *easy, bool head);

/* EASY ends when hands are shaken, and shows the certificate. */
void transport_set_probe(void *easy);

/* Whether EASY ended before a byte of the request had left. */
bool transport_has_sent_nothing(void *easy);
/* Our word for a CURLcode. */
enum err transport_err(int code);
/* Status and headers of EASY's last response; the body is there already. */
void transport_read_reply(void *easy, struct transport_reply *reply);
/* DER of the certificate that the other side showed (CURLOPT_CERTINFO), appended to OUT. */
MUST_CHECK enum err transport_read_leaf(void *easy, struct buf *out);

#endif
