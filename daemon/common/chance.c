/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/chance.h"

#include <openssl/rand.h>

uint32_t
chance_u32(void)
{
	uint32_t v = 0;

	if (RAND_bytes((unsigned char *)&v, sizeof(v)) != 1)
		return 0;
	return v;
}
