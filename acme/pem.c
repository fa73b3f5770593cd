/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pem.h"

#include <string.h>

#include "base/base64.h"

static const char begin[] = "-----BEGIN ";
static const char dashes[] = "-----";

enum { BEGIN_LEN = sizeof(begin) - 1, DASHES_LEN = sizeof(dashes) - 1 };

void
pem_init(struct pem *pem, const void *text, size_t len)
{
	*pem = (struct pem){.at = text, .end = (const char *)text + len};
}

static const char *
find(const struct pem *pem, const char *word, size_t len)
{
	return pem->at < pem->end ? memmem(pem->at, (size_t)(pem->end - pem->at), word, len) : NULL;
}

/* Reads "-----BEGIN LABEL-----", wherever it stands. */
static enum err
read_begin(struct pem *pem)
{
	const char *at = find(pem, begin, BEGIN_LEN), *close;

	if (!at)
		return ERR_NOTFOUND;
	pem->at = at + BEGIN_LEN;
	close = find(pem, dashes, DASHES_LEN);
	if (!close || close - pem->at > PEM_LABEL_MAX)
		return ERR_INVALID;
	memcpy(pem->label, pem->at, (size_t)(close - pem->at));
	pem->label[close - pem->at] = '\0';
	pem->at = close + DASHES_LEN;
	return strchr(pem->label, '\n') || strlen(pem->label) < (size_t)(close - at) - BEGIN_LEN
	               ? ERR_INVALID
	               : ERR_OK;
}

/* Header lines ("Proc-Type: 4,ENCRYPTED") end with an empty line. No base64 has a colon. */
static bool
has_headers(const char *body, size_t len)
{
	return memchr(body, ':', len) != NULL;
}

enum err
pem_next(struct pem *pem, struct buf *out)
{
	const char *body, *close;
	size_t label_len, len;
	enum err err = read_begin(pem);

	if (err)
		return err;
	label_len = strlen(pem->label);
	body = pem->at;
	close = find(pem, dashes, DASHES_LEN);
	if (!close)
		return ERR_INVALID;
	len = (size_t)(close - body);
	pem->at = close;
	if ((size_t)(pem->end - close) < 9 + label_len + DASHES_LEN ||
	    memcmp(close, "-----END ", 9) != 0 || memcmp(close + 9, pem->label, label_len) != 0 ||
	    memcmp(close + 9 + label_len, dashes, DASHES_LEN) != 0)
		return ERR_INVALID;
	pem->at = close + 9 + label_len + DASHES_LEN;
	pem->encrypted = has_headers(body, len);
	return pem->encrypted ? ERR_OK : base64_decode(body, len, out);
}
