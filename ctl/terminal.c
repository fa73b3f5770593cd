/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/terminal.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, ROWS_DEFAULT = 24 };

static struct {
	size_t width; /* 0: stdout is no terminal */
	size_t rows;
	bool colors;
	bool rewrites;
	bool shown;  /* there is a line in place */
	pid_t pager; /* 0: none */
} terminal;

static bool
is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

static bool
is_dumb(void)
{
	return !is_set("TERM") || strcmp(getenv("TERM"), "dumb") == 0;
}

void
terminal_init(const char *when)
{
	struct winsize size;
	bool is_terminal = isatty(STDOUT_FILENO);

	if (!is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		size = (struct winsize){.ws_col = WIDTH_DEFAULT, .ws_row = ROWS_DEFAULT};
	terminal.width = is_terminal ? size.ws_col : 0;
	terminal.rows = is_terminal ? size.ws_row : 0;
	terminal.colors =
		strcmp(when, "always") == 0 ||
		(strcmp(when, "auto") == 0 && is_terminal && !is_dumb() && !is_set("NO_COLOR"));
	terminal.rewrites = is_terminal && isatty(STDERR_FILENO) && !is_dumb();
}

size_t
terminal_width(void)
{
	return terminal.width;
}

size_t
terminal_rows(void)
{
	return terminal.rows;
}

bool
terminal_hears(void)
{
	return isatty(STDERR_FILENO);
}

bool
terminal_rewrites(void)
{
	return terminal.rewrites;
}

const char *
terminal_color(const char *word)
{
	static const char *const colors[][2] = {
		{"expired", "\033[7;31m"}, {"failing", "\033[33m"},  {"down", "\033[33m"},
		{"renewing", "\033[36m"},  {"pending", "\033[36m"},  {"on hold", "\033[33m"},
		{"drain", "\033[36m"},     {"disabled", "\033[36m"},
	};

	for (size_t i = 0; terminal.colors && i < sizeof(colors) / sizeof(colors[0]); i++)
		if (strcmp(colors[i][0], word) == 0)
			return colors[i][1];
	return "";
}

const char *
terminal_color_end(void)
{
	return "\033[0m";
}

/* ---- the pager ------------------------------------------------------------------------------ */

/* NULL: none is wanted. *RET_SHELL: it is a command line. */
static const char *
pager_command(bool *ret_shell)
{
	const char *command = is_set("CERTCTL_PAGER") ? getenv("CERTCTL_PAGER") : getenv("PAGER");

	*ret_shell = false;
	if (getenv("CERTCTL_PAGER") && !is_set("CERTCTL_PAGER"))
		return NULL;
	if (is_set("SUDO_UID") || !command)
		return "less";
	*ret_shell = true;
	return *command && strcmp(command, "cat") != 0 ? command : NULL;
}

static pid_t
start_pager(const char *command, bool shell, const int fds[2])
{
	const char *const words[] = {shell ? "sh" : command, shell ? "-c" : NULL, command, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;

	setenv("LESS", "FRX", 0);
	if (is_set("SUDO_UID"))
		setenv("LESSSECURE", "1", 1);
	if (posix_spawn_file_actions_init(&actions))
		return 0;
	if (posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO) ||
	    posix_spawn_file_actions_addclose(&actions, fds[1]) ||
	    posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)(void *)words, environ))
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

void
terminal_page(void)
{
	bool shell;
	const char *command = pager_command(&shell);
	int fds[2];

	if (!terminal.rewrites || !command || pipe(fds))
		return;
	terminal.pager = start_pager(command, shell, fds);
	if (terminal.pager) {
		fflush(stdout);
		dup2(fds[1], STDOUT_FILENO);
		signal(SIGINT, SIG_IGN); /* it is the pager's: who leaves it ends us */
		terminal.rewrites = false;
	}
	close(fds[0]);
	close(fds[1]);
}

void
terminal_end(void)
{
	terminal_clear();
	if (!terminal.pager)
		return;
	fclose(stdout);
	while (waitpid(terminal.pager, NULL, 0) < 0 && errno == EINTR)
		;
	terminal.pager = 0;
}

/* ---- a line in place ------------------------------------------------------------------------ */

void
terminal_show(const char *text)
{
	int most = terminal.width > 1 ? (int)terminal.width - 1 : 0;

	if (!terminal.rewrites)
		return;
	fflush(stdout);
	/* cut by bytes: a character of several may count as several columns */
	fprintf(stderr, "\r%.*s\033[K", most, text);
	fflush(stderr);
	terminal.shown = true;
}

void
terminal_clear(void)
{
	if (!terminal.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	terminal.shown = false;
}

void
terminal_erase(void)
{
	if (terminal.rewrites)
		fputs("\033[H\033[2J", stdout);
}
