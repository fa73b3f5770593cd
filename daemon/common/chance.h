/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/common/chance.h - a number that spreads what would else happen at once. Nothing secret. */
#ifndef DAEMON_COMMON_CHANCE_H
#define DAEMON_COMMON_CHANCE_H

#include <stdint.h>

/* 0 when there is no randomness: then nothing is spread. Threads: any. */
uint32_t chance_u32(void);

#endif
