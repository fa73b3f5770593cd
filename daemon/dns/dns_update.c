/* SPDX-License-Identifier: Apache-2.0 */
/* Signed changes of a zone (RFC 2136). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/problem.h"
#include "daemon/dns/dns_inside.h"
#include "daemon/dns/dns_tsig.h"

enum { UPDATE_FLAGS = DNS_OPCODE_UPDATE << 11, UPCOUNT_AT = 8 };

/* RFC 2136 2.3, 2.5: the zone as a question, one record to be added or removed. */
static enum err
put_update(struct buf *out, const struct conf_dns_update *conf, const struct dns_place *place,
           enum dns_action action, const char *value)
{
	const char *zone = conf->zone ? conf->zone : place->zone;
	enum err err = dns_put_header(out, UPDATE_FLAGS, 1);
	size_t at;

	if (err)
		return err;
	if (!dns_put_name(out, zone))
		return ERR_INVALID;
	dns_put_u16(out, ns_t_soa);
	dns_put_u16(out, ns_c_in);
	if (!dns_put_name(out, place->name))
		return ERR_INVALID;
	dns_put_u16(out, ns_t_txt);
	dns_put_u16(out, action == DNS_ADD ? ns_c_in : ns_c_none);
	dns_put_u32(out, action == DNS_ADD ? conf->ttl_s : 0);
	at = out->len;
	dns_put_u16(out, 0);
	dns_put_txt(out, value);
	if (!buf_ok(out))
		return ERR_NOMEM;
	dns_set_u16_at(out->data, at, (uint16_t)(out->len - at - 2));
	dns_set_u16_at(out->data, UPCOUNT_AT, 1);
	return ERR_OK;
}

static const char *
tsig_error_text(int error)
{
	switch (error) {
	case DNS_BADSIG:
		return "the secret of the key is not the server's (BADSIG)";
	case DNS_BADKEY:
		return "the server has no key of this name and algorithm (BADKEY)";
	case DNS_BADTIME:
		return "the server's clock and ours differ (BADTIME)";
	default:
		return "an error in its signature that we do not know";
	}
}

/* What ANSWER means, in words when it is not yes. */
static enum err
read_answer(const struct conf_dns_update *conf, const struct dns_place *place, enum err verified,
            const struct buf *answer, int tsig_error, struct problem *ret_why)
{
	const char *server = conf->server.text, *zone = conf->zone ? conf->zone : place->zone;
	int rcode = dns_rcode(answer);

	if (verified == ERR_NOMEM) {
		problem_set(ret_why, PROBLEM_INTERNAL, "%s", err_text(verified));
		return verified;
	}
	if (verified == ERR_PERM) {
		problem_set(ret_why, PROBLEM_DNS_UPDATE, "%s refuses the key %s: %s", server,
		            conf->key_name, tsig_error_text(tsig_error));
		return ERR_REFUSED;
	}
	if (rcode != ns_r_noerror) { /* unsigned, too: it changes nothing */
		problem_set(ret_why, PROBLEM_DNS_UPDATE,
		            "%s refuses to change %s in the zone %s: %s", server, place->name, zone,
		            dns_rcode_word(rcode));
		return ERR_REFUSED;
	}
	if (!verified)
		return ERR_OK;
	problem_set(ret_why, PROBLEM_DNS_UPDATE, "%s answers without a right signature (%s)",
	            server, err_text(verified));
	return ERR_PROTO;
}

static enum err
check_zone(const struct conf_dns_update *conf, const struct dns_place *place,
           struct problem *ret_why)
{
	const char *zone = conf->zone ? conf->zone : place->zone;

	if (*zone && dns_is_in(place->name, zone))
		return ERR_OK;
	problem_set(ret_why, PROBLEM_DNS_UPDATE,
	            "the record belongs at %s, which is not in the "
	            "zone \"%s\": another `dns` block is needed for it",
	            place->name, zone);
	return ERR_INVALID;
}

static enum err
exchange(const struct dns_call *call, const struct conf_dns_update *conf, struct buf *message,
         struct buf *answer, struct problem *ret_why)
{
	enum err err = dns_exchange_tcp(call, &conf->server, message, answer);

	if (err)
		problem_set(ret_why, PROBLEM_DNS_LOOKUP, "the DNS server %s for updates: %s",
		            conf->server.text, err_text(err));
	return err;
}

enum err
dns_update(const struct dns_call *call, const struct conf_dns_update *conf,
           const struct dns_place *place, enum dns_action action, const char *value,
           struct problem *ret_why)
{
	struct buf message = {0}, answer = {0};
	struct dns_mac mac;
	struct dns_key key;
	int tsig_error;
	enum err verified, err = dns_key_load(conf, &key, ret_why);

	if (!err)
		err = check_zone(conf, place, ret_why);
	if (err)
		goto out;
	err = strlen(value) > DNS_VALUE_MAX ? ERR_TOOBIG
	                                    : put_update(&message, conf, place, action, value);
	if (!err)
		err = dns_sign(&key, clock_wall(), &message, &mac);
	if (err) {
		problem_set(ret_why, PROBLEM_INTERNAL, "the DNS update of %s: %s", place->name,
		            err_text(err));
		goto out;
	}
	err = exchange(call, conf, &message, &answer, ret_why);
	if (err)
		goto out;
	verified = dns_verify(&key, clock_wall(), &mac, &answer, &tsig_error);
	err = read_answer(conf, place, verified, &answer, tsig_error, ret_why);
out:
	dns_key_done(&key);
	buf_done(&message);
	buf_done(&answer);
	return err;
}
