/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/channel.h - one message over a SOCK_SEQPACKET pair: a byte, a text, perhaps a
 * descriptor
 *
 * What the parent, its roles and two certds at an upgrade say to each other; the bytes are enum
 * role_message of daemon/role.h.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* TEXT may be NULL, and is cut to ROLE_MESSAGE_MAX; PASSED is a descriptor the other side gets a
 * copy of, -1 for none. Never waits; false when nobody listens, with errno. */
bool channel_send(int channel, char message, const char *text, int passed);
/* Never waits. Answers recv(2)'s number, TEXT ends with a NUL behind the bytes; *RET_PASSED is the
 * descriptor that came, close-on-exec, or -1; NULL: there is to be none. */
ssize_t channel_recv(int channel, char *text, size_t size, int *ret_passed);

#endif
