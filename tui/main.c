/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certd-console - certd's names, events, CAs, front and store on a terminal (docs/tour.md)
 */
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/msg.h"
#include "tui/console.h"
#include "tui/term.h"

enum { TICK_MS = 1000, KEYS_AT_ONCE = 64 };

struct options {
	const char *socket, *name;
	bool read_only, ascii, mouse;
};

static const char usage[] =
	"certd-console - certd's names, events, CAs, front and store on a terminal\n\n"
	"Examples:\n"
	"  certd-console                       as certctl console\n"
	"  certd-console shop.example.com      begins with this name\n"
	"  certd-console --read-only           looks, and changes nothing\n\n"
	"Usage: certd-console [OPTION...] [NAME]\n\n"
	"Options:\n"
	"  --socket PATH    certd's control socket (CERTCTL_SOCKET), default " MSG_SOCKET_DEFAULT
	"\n"
	"  --read-only      no key and no command changes anything\n"
	"  --ascii          nothing but ASCII, whatever the locale says\n"
	"  --mouse          clicks and the wheel; the terminal selects text with shift only\n"
	"  -h, --help       this text\n"
	"  --version        its version\n\n"
	"? shows the keys. NO_COLOR is respected.\n";

/* -1: go on, else the exit code. */
static int
read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"socket", required_argument, NULL, 's'},
	                                      {"read-only", no_argument, NULL, 'r'},
	                                      {"ascii", no_argument, NULL, 'a'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {"mouse", no_argument, NULL, 'm'},
	                                      {"version", no_argument, NULL, 'v'},
	                                      {NULL, 0, NULL, 0}};
	const char *from_environment = getenv("CERTCTL_SOCKET");
	int option;

	o->socket = from_environment && *from_environment ? from_environment : MSG_SOCKET_DEFAULT;
	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == 's')
			o->socket = optarg;
		else if (option == 'r')
			o->read_only = true;
		else if (option == 'a')
			o->ascii = true;
		else if (option == 'm')
			o->mouse = true;
		else if (option == 'h' || option == 'v')
			return fputs(option == 'h' ? usage : "certd-console " CERTD_VERSION "\n",
			             stdout) < 0;
		else
			return MSG_EXIT_USAGE;
	}
	o->name = optind < argc ? argv[optind++] : NULL;
	if (optind == argc)
		return -1;
	fprintf(stderr, "certd-console: one name at most; see certd-console --help\n");
	return MSG_EXIT_USAGE;
}

/* Until something comes, or AT (mono). */
static void
wait_for(const struct console *c, int64_t at)
{
	const struct view *v = console_view(c);
	const struct link *links[] = {&c->ask, &c->act, &c->watch};
	struct pollfd fds[5];
	nfds_t count = 0;
	int64_t left = at - clock_mono_ms();
	struct timespec time = {.tv_sec = left > 0 ? left / 1000 : 0,
	                        .tv_nsec = left > 0 ? left % 1000 * 1000000 : 0};

	fds[count++] = (struct pollfd){.fd = 0, .events = POLLIN};
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (link_is_busy(links[i]) && links[i]->client.fd >= 0)
			fds[count++] = (struct pollfd){.fd = links[i]->client.fd, .events = POLLIN};
	if (v->ops == &view_pager && view_pager_fd(v) >= 0)
		fds[count++] = (struct pollfd){.fd = view_pager_fd(v), .events = POLLIN};
	(void)ppoll(fds, count, &time, term_mask());
}

/* False: the terminal has gone. */
static bool
take_keys(struct console *c)
{
	for (int i = 0; i < KEYS_AT_ONCE && !c->wants_quit; i++) {
		int key = term_key();

		if (key == TERM_NONE)
			return i > 0 || term_is_there();
		console_key(c, key);
	}
	return true;
}

static void
run(struct console *c)
{
	int64_t tick = clock_mono_ms() + TICK_MS;

	while (!c->wants_quit && !term_signal() && take_keys(c)) {
		console_step(c);
		if (clock_mono_ms() >= tick) {
			console_tick(c);
			tick = clock_mono_ms() + TICK_MS;
		}
		if (c->is_dirty)
			console_draw(c);
		console_step(c);
		wait_for(c, tick);
		term_rest();
	}
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	static struct console console;
	int code = read_options(argc, argv, &options), signal;

	if (code >= 0)
		return code;
	setlocale(LC_ALL, "");
	if (!term_open(options.ascii, options.mouse))
		return MSG_EXIT_USAGE;
	console_init(&console, options.socket, options.read_only);
	console_start(&console, options.name);
	run(&console);
	console_done(&console);
	signal = term_signal();
	term_close();
	return signal ? 128 + signal : MSG_EXIT_OK;
}
