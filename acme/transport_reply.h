/* SPDX-License-Identifier: Apache-2.0 */
/* acme/transport_reply.h - from a finished curl handle to what the transport delivers */
#ifndef ACME_TRANSPORT_REPLY_H
#define ACME_TRANSPORT_REPLY_H

#include "acme/transport.h"

/* Our word for a CURLcode. */
enum err transport_err(int code);
/* Status and headers of EASY's last response; the body is there already. */
void transport_read_reply(void *easy, struct transport_reply *reply);
/* DER of the certificate that the other side showed (CURLOPT_CERTINFO), appended to OUT. */
MUST_CHECK enum err transport_read_leaf(void *easy, struct buf *out);

#endif
