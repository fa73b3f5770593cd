/* SPDX-License-Identifier: Apache-2.0 */
/* The key file of signed updates: base64, or what tsig-keygen writes. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/problem.h"
#include "daemon/dns/dns_inside.h"
#include "daemon/dns/dns_tsig.h"

enum { FILE_MAX = 4096, SECRET_MIN = 16, SECRET_MAX = 256, PATH_LEN_MAX = 2048 };

/* The whole file as a text into TEXT. NULL, or why not. */
static const char *
read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = NULL;
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "is no file";
	else if (st.st_mode & S_IRWXO)
		why = "must be closed to other users: chmod o= it";
	else if (st.st_size > FILE_MAX)
		why = "is too large for a key";
	else if (!buf_reserve(text, FILE_MAX))
		why = "out of memory";
	while (!why && n > 0 && text->len < FILE_MAX) {
		n = read(fd, text->data + text->len, FILE_MAX - text->len);
		if (n < 0 && errno != EINTR)
			why = strerror(errno);
		text->len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return why;
}

/* Of `key "NAME" { algorithm WORD; secret "BASE64"; };` the last, else all of it. */
static struct span
find_secret(const struct buf *text)
{
	static const char word[] = "secret";
	struct span all = {text->data, text->len};
	const unsigned char *end = text->data + text->len;
	const unsigned char *at = memmem(text->data, text->len, word, sizeof(word) - 1);
	const unsigned char *from;

	if (!at || !memchr(text->data, '{', text->len))
		return all;
	at += sizeof(word) - 1;
	while (at < end && (isspace(*at) || *at == '"'))
		at++;
	from = at;
	while (at < end && *at != '"' && *at != ';')
		at++;
	return (struct span){from, (size_t)(at - from)};
}

static const char *
read_key(const char *path, struct secret *ret_secret)
{
	struct buf text = {.secret = true}, bytes = {.secret = true};
	const char *why = read_file(path, &text);

	if (!why) {
		struct span secret = find_secret(&text);

		if (base64_decode((const char *)secret.data, secret.len, &bytes))
			why = "is neither base64 nor a key file of tsig-keygen";
		else if (bytes.len < SECRET_MIN)
			why = "has a secret of less than 16 bytes";
		else if (bytes.len > SECRET_MAX)
			why = "has a secret of more than 256 bytes";
		else if (secret_set(ret_secret, bytes.data, bytes.len))
			why = "out of memory";
	}
	buf_wipe(&bytes);
	buf_wipe(&text);
	return why;
}

enum err
dns_key_load(const struct conf_dns_update *conf, struct dns_key *ret_key, struct problem *ret_why)
{
	const char *path = conf->key_file, *why;
	char credential[PATH_LEN_MAX];

	*ret_key = (struct dns_key){.name = conf->key_name, .algorithm = conf->key_algorithm};
	if (!path) {
		const char *folder = getenv("CREDENTIALS_DIRECTORY");

		snprintf(credential, sizeof(credential), "%s/%s", folder ? folder : "",
		         conf->key_credential);
		path = credential;
	}
	why = read_key(path, &ret_key->secret);
	if (!why)
		return ERR_OK;
	problem_set(ret_why, PROBLEM_DNS_UPDATE, "the key file %s of DNS updates: %s", path, why);
	return ERR_INVALID;
}

void
dns_key_done(struct dns_key *key)
{
	secret_done(&key->secret);
}
