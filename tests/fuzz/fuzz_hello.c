/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ClientHello extensions that are read by hand, then the host name rule: any bytes are
 * refused or give a span inside the input and a normalized name. The corpus is tests/fuzz/hello/.
 * clang -fsanitize=fuzzer,address,undefined, with daemon/hello.c and base/.
 */
#include <assert.h>
#include <string.h>

#include "base/hostname.h"
#include "daemon/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = {data, size}, name;
	struct hostname host;
	bool offers = false;

	if (hello_offers(input, "acme-tls/1", &offers) != ERR_OK)
		assert(!offers);
	if (hello_server_name(input, &name) != ERR_OK)
		return 0;
	assert(name.len > 0 && name.data > data && name.data + name.len == data + size);
	if (hostname_parse_sni(name.data, name.len, &host) != ERR_OK)
		return 0;
	assert(host.len > 0 && host.len <= HOSTNAME_MAX && strlen(host.name) == host.len);
	assert(strspn(host.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == host.len);
	return 0;
}
