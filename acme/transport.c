/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/transport.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "acme/transport_reply.h"

enum {
	CONNECTIONS_MAX = 512, /* several silent CAs leave room for the others */
	CONNECTIONS_PER_HOST_MAX = 32,
	HEADERS_MAX = 64 << 10, /* bytes */
	CONNECT_TIMEOUT_S = 10,
	TOTAL_TIMEOUT_S = 60,
	SILENCE_TIMEOUT_S = 30,
	LEAST_SPEED = 32, /* bytes a second; slower is silence */
	CA_CACHE_S = 60,  /* how long a replaced ca-file goes unnoticed */
	CONNECT_TO_MAX = 600,
};

/* One transfer, from submit to its callback. A job without an easy handle only waits for its turn.
 */
struct job {
	TAILQ_ENTRY(job) link;
	CURL *easy;
	struct curl_slist *lines; /* request headers, or CONNECT_TO of a probe */
	struct buf body;          /* what we send */
	unsigned round;           /* of transport_run() in which it finished */
	size_t header_bytes;
	size_t body_max;
	bool too_big;
	char error[CURL_ERROR_SIZE];
	struct transport_reply reply;
	transport_reply_fn *fn;
	transport_probe_fn *on_probe; /* instead of fn */
	void *arg;
};
TAILQ_HEAD(jobs, job);

struct transport {
	CURLM *multi;
	char *user_agent;
	struct jobs running;
	struct jobs finished; /* to be called back */
	unsigned round;
};

enum err
transport_new(const char *user_agent, struct transport **ret_transport)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (!t || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(t);
		return ERR_NOMEM;
	}
	TAILQ_INIT(&t->running);
	TAILQ_INIT(&t->finished);
	t->multi = curl_multi_init();
	t->user_agent = strdup(user_agent);
	if (!t->multi || !t->user_agent) {
		transport_free(t);
		return ERR_NOMEM;
	}
	curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
	curl_multi_setopt(t->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_PER_HOST_MAX);
	*ret_transport = t;
	return ERR_OK;
}

static void
job_free(struct job *job)
{
	curl_easy_cleanup(job->easy);
	curl_slist_free_all(job->lines);
	buf_done(&job->body);
	buf_done(&job->reply.body);
	free(job);
}

static void
drop(struct transport *t, const void *arg, bool all)
{
	struct jobs *lists[] = {&t->running, &t->finished};
	struct job *job, *next;

	for (size_t i = 0; i < 2; i++) {
		for (job = TAILQ_FIRST(lists[i]); job; job = next) {
			next = TAILQ_NEXT(job, link);
			if (!all && job->arg != arg)
				continue;
			if (i == 0)
				curl_multi_remove_handle(t->multi, job->easy);
			TAILQ_REMOVE(lists[i], job, link);
			job_free(job);
		}
	}
}

void
transport_free(struct transport *t)
{
	if (!t)
		return;
	drop(t, NULL, true);
	curl_multi_cleanup(t->multi);
	free(t->user_agent);
	free(t);
	curl_global_cleanup();
}

void
transport_cancel(struct transport *t, const void *arg)
{
	drop(t, arg, false);
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct job *job = arg;

	(void)size; /* 1, says curl */
	if (job->reply.body.len + count > job->body_max) {
		job->too_big = true;
		return 0;
	}
	buf_add(&job->reply.body, data, count);
	return buf_ok(&job->reply.body) ? count : 0;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct job *job = arg;

	(void)data;
	(void)size;
	job->header_bytes += count;
	job->too_big = job->header_bytes > HEADERS_MAX;
	return job->too_big ? 0 : count;
}

/* What every transfer has in common: limits, TLS, no surprises. */
static void
set_limits(struct transport *t, struct job *job)
{
	CURL *easy = job->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TOTAL_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_SPEED);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, t->user_agent);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, job);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
}

static enum err
set_body(struct job *job, const char *type, const void *body, size_t len)
{
	job->lines = curl_slist_append(NULL, type);
	buf_add(&job->body, body, len);
	if (!job->lines || !buf_str(&job->body))
		return ERR_NOMEM;
	curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->lines);
	curl_easy_setopt(job->easy, CURLOPT_POSTFIELDSIZE, (long)len);
	curl_easy_setopt(job->easy, CURLOPT_POSTFIELDS, (char *)job->body.data);
	return ERR_OK;
}

static enum err
set_request(struct job *job, const struct transport_request *request)
{
	CURL *easy = job->easy;

	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* one HTTP/2 connection rather than many */
	if (request->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's stay trusted */
	}
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
	if (strcmp(request->method, "POST") != 0)
		transport_set_read(easy, strcmp(request->method, "HEAD") == 0);
	else if (set_body(job, "Content-Type: application/jose+json", request->body, request->len))
		return ERR_NOMEM;
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK ? ERR_OK : ERR_NOMEM;
}

static struct job *
job_new(struct transport *t, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->arg = arg;
	job->body_max = TRANSPORT_BODY_MAX;
	job->easy = curl_easy_init();
	if (!job->easy) {
		free(job);
		return NULL;
	}
	set_limits(t, job);
	return job;
}

static enum err
job_start(struct transport *t, struct job *job)
{
	if (curl_multi_add_handle(t->multi, job->easy) != CURLM_OK)
		return ERR_NOMEM;
	TAILQ_INSERT_TAIL(&t->running, job, link);
	return ERR_OK;
}

static void
job_finish(struct transport *t, struct job *job)
{
	job->round = t->round;
	TAILQ_INSERT_TAIL(&t->finished, job, link);
}

enum err
transport_submit(struct transport *t, const struct transport_request *request,
                 transport_reply_fn *fn, void *arg)
{
	struct job *job = job_new(t, arg);
	enum err err;

	if (!job)
		return ERR_NOMEM;
	job->fn = fn;
	err = set_request(job, request);
	if (!err)
		err = job_start(t, job);
	if (err)
		job_free(job);
	return err;
}

enum err
transport_ask(struct transport *t, const struct transport_question *question,
              transport_reply_fn *fn, void *arg)
{
	struct job *job = job_new(t, arg);
	enum err err;

	if (!job)
		return ERR_NOMEM;
	job->fn = fn;
	job->body_max = TRANSPORT_ANSWER_MAX;
	err = set_body(job, transport_type(question), question->body, question->len);
	if (!err)
		err = transport_narrow(job->easy, question, &job->lines);
	if (!err)
		err = job_start(t, job);
	if (err)
		job_free(job);
	return err;
}

enum err
transport_defer(struct transport *t, transport_reply_fn *fn, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return ERR_NOMEM;
	job->fn = fn;
	job->arg = arg;
	job_finish(t, job);
	return ERR_OK;
}

enum err
transport_probe(struct transport *t, const struct transport_target *target, transport_probe_fn *fn,
                void *arg)
{
	bool v6 = strchr(target->address, ':') != NULL;
	char url[CONNECT_TO_MAX], connect_to[CONNECT_TO_MAX];
	struct job *job = job_new(t, arg);

	if (!job)
		return ERR_NOMEM;
	snprintf(url, sizeof(url), "https://%s:%d/", target->host, target->port);
	snprintf(connect_to, sizeof(connect_to), v6 ? "%s:%d:[%s]:%d" : "%s:%d:%s:%d", target->host,
	         target->port, target->address, target->port);
	job->on_probe = fn;
	job->lines = curl_slist_append(NULL, connect_to);
	curl_easy_setopt(job->easy, CURLOPT_URL, url);
	curl_easy_setopt(job->easy, CURLOPT_CONNECT_TO, job->lines);
	transport_set_probe(job->easy);
	curl_easy_setopt(job->easy, CURLOPT_HAPROXYPROTOCOL, target->proxy ? 1L : 0L);
	if (job->lines && job_start(t, job) == ERR_OK)
		return ERR_OK;
	job_free(job);
	return ERR_NOMEM;
}

static void
job_ended(struct transport *t, struct job *job, CURLcode code)
{
	struct transport_reply *reply = &job->reply;

	curl_multi_remove_handle(t->multi, job->easy);
	TAILQ_REMOVE(&t->running, job, link);
	job_finish(t, job);
	reply->err = job->too_big ? ERR_TOOBIG : code ? transport_err(code) : ERR_OK;
	reply->unsent = code && transport_has_sent_nothing(job->easy);
	if (reply->err)
		snprintf(reply->error, sizeof(reply->error), "%s",
		         job->too_big    ? "the answer is larger than an answer may be"
		         : job->error[0] ? job->error
		                         : curl_easy_strerror(code));
	else if (!job->on_probe)
		transport_read_reply(job->easy, reply);
}

static void
collect(struct transport *t)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(t->multi, &left))) {
		void *job = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
		job_ended(t, job, msg->data.result);
	}
}

static void
call_back(struct job *job)
{
	struct buf der = {0};

	if (!job->on_probe) {
		job->fn(job->arg, &job->reply);
		return;
	}
	if (!job->reply.err && transport_read_leaf(job->easy, &der))
		snprintf(job->reply.error, sizeof(job->reply.error), "no certificate arrived");
	job->on_probe(job->arg, der.data, der.len, der.len ? "" : job->reply.error);
	buf_done(&der);
}

/* Only what had finished when it began: a callback that defers another must not keep us here. */
static void
deliver(struct transport *t)
{
	unsigned round = t->round++;
	struct job *job;

	while ((job = TAILQ_FIRST(&t->finished)) && job->round == round) {
		TAILQ_REMOVE(&t->finished, job, link);
		call_back(job);
		job_free(job);
	}
}

enum err
transport_run(struct transport *t, int timeout_ms)
{
	int running;

	if (curl_multi_perform(t->multi, &running) != CURLM_OK)
		return ERR_IO;
	collect(t);
	if (TAILQ_EMPTY(&t->finished)) {
		if (curl_multi_poll(t->multi, NULL, 0, timeout_ms, NULL) != CURLM_OK ||
		    curl_multi_perform(t->multi, &running) != CURLM_OK)
			return ERR_IO;
		collect(t);
	}
	deliver(t);
	return ERR_OK;
}

void
transport_wake(struct transport *t)
{
	curl_multi_wakeup(t->multi);
}
