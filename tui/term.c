/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/term.h"

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef tone /* term.h makes a macro of it */

#include "tui/draw.h"

#define PASTES_MARKED   "\033[?2004h"
#define PASTES_UNMARKED "\033[?2004l"

enum {
	ESCAPE_MS = 25,
	RESTORE_MAX = 256,
	KEY_OF_PASTE = KEY_F(61), /* no keyboard has these */
	KEY_OF_PASTE_END = KEY_F(62)
};

static struct termios before;
static volatile sig_atomic_t asked_to_end, is_open;
static sigset_t open_mask;
static char restore[RESTORE_MAX]; /* what resets the terminal, made while nothing is wrong */
static size_t restore_len;

static void
on_end(int signal)
{
	asked_to_end = signal;
}

/* A crash: nothing of ncurses may be called, so what endwin() would do is written as it stands. */
static void
on_crash(int sig)
{
	if (is_open) {
		ssize_t n = write(STDOUT_FILENO, restore, restore_len);

		(void)n;
		tcsetattr(STDOUT_FILENO, TCSANOW, &before);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
add_restore(const char *text)
{
	if (!text || text == (char *)-1 || restore_len + strlen(text) >= RESTORE_MAX)
		return;
	memcpy(restore + restore_len, text, strlen(text));
	restore_len += strlen(text);
}

static void
catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction end = {.sa_handler = on_end}, crash = {.sa_handler = on_crash};
	sigset_t blocked;

	/* in the loop they come in ppoll() only, so none is missed before it */
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &end, NULL);
		sigaddset(&blocked, ends[i]);
	}
	sigaddset(&blocked, SIGWINCH);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &crash, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A terminal that can move its cursor. */
static bool
is_known(const char *type)
{
	int err;
	bool known;

	if (!type || !*type || strcmp(type, "dumb") == 0 ||
	    setupterm(type, STDOUT_FILENO, &err) != OK)
		return false;
	known = tigetstr("cup") != NULL;
	del_curterm(cur_term); /* initscr() makes its own */
	return known;
}

static bool
is_usable(void)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		fprintf(stderr, "certd-console: this is no terminal; use certctl list\n");
	else if (!is_known(type) || tcgetattr(STDOUT_FILENO, &before) != 0)
		fprintf(stderr,
		        "certd-console: a terminal of type \"%s\" cannot be used; use certctl "
		        "list\n",
		        type ? type : "");
	else
		return true;
	return false;
}

/* What many terminals send, whatever their description says. */
static void
define_keys(void)
{
	static const struct {
		const char *sent;
		int key;
	} keys[] = {{"\033[1~", KEY_HOME}, {"\033[7~", KEY_HOME}, {"\033[H", KEY_HOME},
	            {"\033OH", KEY_HOME},  {"\033[4~", KEY_END},  {"\033[8~", KEY_END},
	            {"\033[F", KEY_END},   {"\033OF", KEY_END},   {"\033[A", KEY_UP},
	            {"\033[B", KEY_DOWN},  {"\033[C", KEY_RIGHT}, {"\033[D", KEY_LEFT}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		define_key(keys[i].sent, keys[i].key);
}

/* Whether the terminal can be asked to say what is pasted; those that print the question are not.
 */
static bool
has_brackets(void)
{
	const char *type = getenv("TERM");

	return type && strcmp(type, "linux") != 0 && strncmp(type, "vt", 2) != 0;
}

static void
write_now(const char *text)
{
	ssize_t n = write(STDOUT_FILENO, text, strlen(text));

	(void)n;
}

static void
mark_pastes(void)
{
	define_key("\033[200~", KEY_OF_PASTE);
	define_key("\033[201~", KEY_OF_PASTE_END);
	add_restore(PASTES_UNMARKED);
	write_now(PASTES_MARKED);
}

bool
term_open(bool ascii)
{
	if (!is_usable())
		return false;
	set_escdelay(ESCAPE_MS);
	if (!initscr())
		return false;
	is_open = 1;
	atexit(term_close);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	define_keys();
	nodelay(stdscr, TRUE);
	draw_init(ascii);
	if (has_brackets())
		mark_pastes();
	add_restore(tigetstr("sgr0"));
	add_restore(tigetstr("rmkx"));
	add_restore(tigetstr("cnorm"));
	add_restore(tigetstr("rmcup"));
	catch_signals();
	return true;
}

void
term_close(void)
{
	if (is_open && has_brackets())
		write_now(PASTES_UNMARKED);
	if (is_open)
		endwin();
	is_open = 0;
}

int
term_signal(void)
{
	return asked_to_end;
}

const sigset_t *
term_mask(void)
{
	return &open_mask;
}

int
term_key(void)
{
	static const struct {
		int theirs, ours;
	} keys[] = {{KEY_UP, TERM_UP},          {KEY_DOWN, TERM_DOWN},
	            {KEY_LEFT, TERM_LEFT},      {KEY_RIGHT, TERM_RIGHT},
	            {KEY_PPAGE, TERM_PAGE_UP},  {KEY_NPAGE, TERM_PAGE_DOWN},
	            {KEY_HOME, TERM_HOME},      {KEY_END, TERM_END},
	            {KEY_ENTER, '\r'},          {KEY_BACKSPACE, 0x7f},
	            {KEY_DC, TERM_DELETE},      {KEY_RESIZE, TERM_RESIZE},
	            {KEY_OF_PASTE, TERM_PASTE}, {KEY_OF_PASTE_END, TERM_PASTE_END}};
	wint_t key;
	int kind = get_wch(&key);

	if (kind == ERR)
		return TERM_NONE;
	if (kind != KEY_CODE_YES)
		return key == '\n' ? '\r' : key == '\b' ? 0x7f : (int)key;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].theirs == (int)key)
			return keys[i].ours;
	return TERM_OTHER;
}

void
term_show(int row, int column)
{
	curs_set(row >= 0);
	if (row >= 0)
		move(row, column);
	refresh();
}

void
term_redraw(void)
{
	clearok(stdscr, TRUE);
}

bool
term_is_there(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&fd, 1, 0) <= 0 || !(fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

int
term_rows(void)
{
	return LINES;
}

int
term_columns(void)
{
	return COLS;
}
