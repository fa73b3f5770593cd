/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/keys.h"

#include "tui/term.h"

#define CTRL(c)  ((c) - '@')
#define IN(kind) (1u << VIEW_##kind)
#define EVERY    0x7fu
#define LISTS    (EVERY & ~IN(PAGER))
#define A_NAME   (IN(NAMES) | IN(NAME))
#define TEXTS    (EVERY & ~(IN(NAMES) | IN(EVENTS))) /* "/" looks for something there */

enum { KEYS_OF_ONE = 3, ESCAPE = 0x1b };

/* table: in the order of the help screen */
static const struct binding {
	enum request request;
	int keys[KEYS_OF_ONE];
	unsigned views;
	bool changes;
	struct key_help help;
} table[] = {
	{REQUEST_OPEN,
         {'\r'},
         IN(NAMES),
         0,
         {"Enter", "open the name: why it fails, and who must act", "Enter open"}},
	{REQUEST_OPEN,
         {'\r'},
         IN(EVENTS),
         0,
         {"Enter", "open the event's name, or all of its words", "Enter open"}},
	{REQUEST_OPEN,
         {'\r'},
         IN(CA),
         0,
         {"Enter", "the account, terms and profiles of the CA", "Enter open"}},
	{REQUEST_FILTER,
         {'/'},
         IN(NAMES),
         0,
         {"/",
          "show a part: failing, expires<14d, error:authz/dns, label:k=v, ca:NAME, "
          "backend:NAME, removed; any other word "
          "goes to the names that begin so",
          "/ filter"}},
	{REQUEST_FILTER,
         {'/'},
         IN(EVENTS),
         0,
         {"/",
          "show a part: types such as mismatch.* and cert.expired, severity:err, name:NAME, "
          "since:2h",
          "/ filter"}},
	{REQUEST_NEXT,
         {'n'},
         IN(NAMES),
         0,
         {"n, N", "to the next name that fails, the one before; to marked ones, if there are any",
          NULL}},
	{REQUEST_NEXT,
         {'n'},
         IN(EVENTS),
         0,
         {"n, N", "to the next event that needs somebody, the one before", NULL}},
	{REQUEST_FILTER, {'/'}, TEXTS, 0, {"/", "look for a text", NULL}},
	{REQUEST_NEXT, {'n'}, TEXTS, 0, {"n, N", "to where it is next, where it was before", NULL}},
	{REQUEST_PREVIOUS, {'N'}, EVERY, 0, {NULL, NULL, NULL}},
	{REQUEST_ACKNOWLEDGE,
         {'a'},
         IN(EVENTS),
         1,
         {"a", "acknowledge: somebody has seen to it", "a acknowledge"}},
	{REQUEST_TYPE,
         {'t'},
         IN(EVENTS),
         0,
         {"t", "only events of this type; once more: of all", "t type"}},
	{REQUEST_TIME,
         {'T'},
         IN(EVENTS),
         0,
         {"T", "of the last hour, day, week, or all", "T time"}},
	{REQUEST_SEVERITY,
         {'S'},
         IN(EVENTS),
         0,
         {"S", "only warnings and worse, errors and worse, critical ones, or all", "S severity"}},
	{REQUEST_WRITE, {'w'}, IN(EVENTS), 1, {"w", "write what is shown to a file", "w write"}},
	{REQUEST_SORT,
         {'s'},
         IN(NAMES),
         0,
         {"s", "by name; by expiry, the soonest first; by what is due next", "s sort"}},
	{REQUEST_MARK,
         {' '},
         IN(NAMES),
         0,
         {"space", "mark or unmark; what follows is then done to all that are marked",
          "space mark"}},
	{REQUEST_FAULTS,
         {'f'},
         IN(NAMES),
         0,
         {"f", "faults: what is wrong just now with what is served, acknowledged or not", NULL}},
	{REQUEST_RENEW, {'r'}, A_NAME, 1, {"r", "renew: a new certificate now", "r renew"}},
	{REQUEST_RETRY,
         {'R'},
         A_NAME,
         1,
         {"R", "retry what has failed at once, its limits being settled", "R retry"}},
	{REQUEST_PAUSE,
         {'p'},
         A_NAME,
         1,
         {"p", "pause: order nothing; what is there is served", "p pause"}},
	{REQUEST_RESUME, {'u'}, A_NAME, 1, {"u", "resume what is paused", NULL}},
	{REQUEST_DIAGNOSE,
         {'d'},
         A_NAME,
         1,
         {"d", "diagnose: look at its DNS and ports as a CA would", "d diagnose"}},
	{REQUEST_EVENTS_OF, {'e'}, A_NAME, 0, {"e", "what happened to the name", NULL}},
	{REQUEST_COPY,
         {'y'},
         A_NAME | IN(EVENTS),
         0,
         {"y", "copy the name to the terminal's clipboard", "y copy"}},
	{REQUEST_RAW,
         {'o'},
         IN(NAME),
         0,
         {"o", "the last orders, with every word of the CA", "o orders"}},
	{REQUEST_CHAIN,
         {'c'},
         IN(NAME),
         0,
         {"c", "the chain: its certificates, and what is wrong with them", "c chain"}},
	{REQUEST_TEST_CA,
         {'t'},
         IN(CA),
         1,
         {"t", "test: go to the CA, as far as it costs nothing", "t test"}},
	{REQUEST_ROLLOVER,
         {'R'},
         IN(CA),
         1,
         {"R", "rollover: a new key for the account", "R rollover"}},
	{REQUEST_DRAIN,
         {'d'},
         IN(FRONT),
         1,
         {"d", "drain the server: no new connections", "d drain"}},
	{REQUEST_READY, {'u'}, IN(FRONT), 1, {"u", "use the server again", "u use again"}},
	{REQUEST_CHECK,
         {'c'},
         IN(STORE),
         1,
         {"c", "read the whole store and name what is damaged", "c check"}},
	{REQUEST_UP, {'k', TERM_UP}, EVERY, 0, {"k, up", "up", NULL}},
	{REQUEST_DOWN, {'j', TERM_DOWN}, EVERY, 0, {"j, down", "down", NULL}},
	{REQUEST_PAGE_UP, {TERM_PAGE_UP, CTRL('B')}, EVERY, 0, {"PgUp, ^B", "a page up", NULL}},
	{REQUEST_PAGE_DOWN,
         {TERM_PAGE_DOWN, CTRL('F')},
         EVERY,
         0,
         {"PgDn, ^F", "a page down", NULL}},
	{REQUEST_FIRST, {'g', TERM_HOME}, EVERY, 0, {"g, Home", "to the beginning", NULL}},
	{REQUEST_LAST, {'G', TERM_END}, EVERY, 0, {"G, End", "to the end", NULL}},
	{REQUEST_LEFT, {'h', TERM_LEFT}, IN(PAGER), 0, {"h, left", "what is left of it", NULL}},
	{REQUEST_RIGHT, {'l', TERM_RIGHT}, IN(PAGER), 0, {"l, right", "what is right of it", NULL}},
	{REQUEST_NAMES, {'1'}, EVERY, 0, {"1", "Names", NULL}},
	{REQUEST_EVENTS, {'2'}, EVERY, 0, {"2", "Events", NULL}},
	{REQUEST_CA, {'3'}, EVERY, 0, {"3", "CAs and their limits", NULL}},
	{REQUEST_FRONT, {'4'}, EVERY, 0, {"4", "Frontend and backends", NULL}},
	{REQUEST_STORE, {'5'}, EVERY, 0, {"5", "Store and keys", NULL}},
	{REQUEST_COMMAND,
         {':'},
         EVERY,
         0,
         {":", "a command, as certctl takes it; Tab completes", ": command"}},
	{REQUEST_FREEZE, {'P'}, LISTS, 0, {"P", "freeze the screen, and go on", NULL}},
	{REQUEST_REDRAW, {CTRL('L')}, EVERY, 0, {"^L", "draw anew", NULL}},
	{REQUEST_HELP, {'?'}, EVERY, 0, {"?", "this help", NULL}},
	{REQUEST_BACK, {ESCAPE}, EVERY, 0, {"Esc", "back; in a list: everything again", NULL}},
	{REQUEST_QUIT, {'q'}, EVERY, 0, {"q", "back, and from a screen: quit", NULL}},
};

enum { BINDINGS = sizeof(table) / sizeof(table[0]) };

enum request
keys_request(enum view_kind kind, int key)
{
	for (size_t i = 0; i < BINDINGS; i++)
		for (size_t k = 0; k < KEYS_OF_ONE; k++)
			if (key != 0 && table[i].keys[k] == key && (table[i].views & 1u << kind))
				return table[i].request;
	return REQUEST_NONE;
}

bool
keys_changes(enum request request)
{
	for (size_t i = 0; i < BINDINGS; i++)
		if (table[i].request == request)
			return table[i].changes;
	return false;
}

bool
keys_help(enum view_kind kind, size_t at, struct key_help *ret_help)
{
	for (size_t i = 0; i < BINDINGS; i++) {
		if (!(table[i].views & 1u << kind) || !table[i].help.keys)
			continue;
		if (at-- == 0) {
			*ret_help = table[i].help;
			return true;
		}
	}
	return false;
}
