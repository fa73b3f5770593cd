/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/kdf.h - the key derivations of TLS as a provider of OpenSSL's, within this process
 *
 * TLS13-KDF (RFC 8446, 7.1; HKDF of RFC 5869) and TLS1-PRF (RFC 5246, 5), with SHA-256 and SHA-384.
 * A handshake asks some twenty times for the first or five times for the second one; OpenSSL's own
 * look up a digest and a MAC by their names and copy contexts each time, which costs more than the
 * hashing. These compute the same over OpenSSL's digests. Who wants them says so by a property of
 * their own; where the system's properties ask for FIPS, or for another provider, they are not
 * taken.
 */
#ifndef DAEMON_FRONT_KDF_H
#define DAEMON_FRONT_KDF_H

/* For SSL_CTX_new_ex(): ours where there is one, OpenSSL's of everything else. */
#define KDF_PROPERTIES "?certd.kdf=yes"

/* Loads the provider into the default library context, once in a process. The KDF_PROPERTIES, or
 * NULL where it does not load: then OpenSSL's own derive. Threads: any. */
const char *kdf_properties(void);

#endif
