/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/siphash.h - SipHash-2-4, a keyed hash for tables whose keys strangers choose
 *
 * (Aumasson, Bernstein 2012.) Without the key nobody can make names that fall into one bucket.
 * It hashes for tables; it authenticates nothing here.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_LEN = 16 };

uint64_t siphash(const unsigned char key[SIPHASH_KEY_LEN], const void *data, size_t len);

#endif
