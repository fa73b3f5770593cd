/* SPDX-License-Identifier: Apache-2.0 */
/* client-certificate required|optional FILE; */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf/conf_build.h"
#include "daemon/front/client_cert.h"

static const char *
read_fd(int fd, char *text, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno != EINTR)
			return strerror(errno);
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	*ret_len = len;
	return NULL;
}

/* The file as a text in the configuration's memory, so workers need not reach it. NULL, or why
 * not. O_NONBLOCK: a FIFO must not stop us before we see what it is. */
static const char *
load(struct conf_context *cx, const char *path, const char **ret_text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	const char *why = NULL;
	char *text = NULL;
	size_t len = 0;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "is no file";
	else if (st.st_size > CLIENT_CERT_FILE_MAX)
		why = "is too large";
	else if (!(text = conf_alloc(cx, (size_t)st.st_size + 1)))
		why = "out of memory";
	else
		why = read_fd(fd, text, (size_t)st.st_size, &len);
	close(fd);
	if (!why && strlen(text) != len)
		why = "is no text";
	if (!why && client_cert_is_file(text, len, &why))
		*ret_text = text;
	return why;
}

bool
conf_take_client_certificate(const struct conf_walk *w, const struct conf_rule *rule,
                             const struct conf_statement *s, void *into)
{
	struct conf_backend *backend = into;
	const char *mode = s->words[1].text, *path, *why;

	w->build->ends_tls = &s->words[0];
	(void)rule;
	if (strcmp(mode, "required") == 0)
		backend->client_cert = CLIENT_CERT_REQUIRED;
	else if (strcmp(mode, "optional") == 0)
		backend->client_cert = CLIENT_CERT_OPTIONAL;
	else
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\": client certificates are \"required\" or \"optional\"",
		                 conf_show(w->cx, mode));
	if (!conf_path(w->cx, &s->words[2], CONF_PATH_MAX, &path))
		return false;
	why = load(w->cx, path, &backend->client_trust);
	return !why || conf_fail(w->cx, &s->words[2].at, "\"%s\": %s", conf_show(w->cx, path), why);
}
