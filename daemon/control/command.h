/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command.h - the verbs of the control protocol (docs/control.md): one function
 * each, found by command_run(). They answer into CL and keep nothing of REQUEST. Control thread
 * only. */
#ifndef DAEMON_CONTROL_COMMAND_H
#define DAEMON_CONTROL_COMMAND_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "daemon/control/control_rights.h"

struct control;
struct control_client;

void command_run(struct control_client *cl, const cJSON *request);
/* Whether CL has less rights than WHAT needs: then it is answered, and written down. */
bool may_not(struct control_client *cl, const char *what, enum rights least);
/* The issuer may have been where it was sent (command_ca.c). */
void errand_on_done(struct control *c);

void command_ack(struct control_client *cl, const cJSON *request);
void command_add(struct control_client *cl, const cJSON *request);
void command_apply(struct control_client *cl, const cJSON *request);
void command_backend_list(struct control_client *cl, const cJSON *request);
void command_backend_set(struct control_client *cl, const cJSON *request);
void command_expiry(struct control_client *cl, const cJSON *request);
void command_export(struct control_client *cl, const cJSON *request);
void command_faults(struct control_client *cl, const cJSON *request);
void command_frontend(struct control_client *cl, const cJSON *request);
void command_import(struct control_client *cl, const cJSON *request);
void command_ca_deactivate(struct control_client *cl, const cJSON *request);
void command_ca_list(struct control_client *cl, const cJSON *request);
void command_ca_register(struct control_client *cl, const cJSON *request);
void command_ca_rollover(struct control_client *cl, const cJSON *request);
void command_ca_show(struct control_client *cl, const cJSON *request);
void command_ca_test(struct control_client *cl, const cJSON *request);
void command_config_check(struct control_client *cl, const cJSON *request);
void command_config_show(struct control_client *cl, const cJSON *request);
void command_db_backup(struct control_client *cl, const cJSON *request);
void command_db_check(struct control_client *cl, const cJSON *request);
void command_db_stat(struct control_client *cl, const cJSON *request);
void command_diagnose(struct control_client *cl, const cJSON *request);
void command_due(struct control_client *cl, const cJSON *request);
void command_events(struct control_client *cl, const cJSON *request);
void command_inspect(struct control_client *cl, const cJSON *request);
void command_key_master(struct control_client *cl, const cJSON *request);
void command_key_rotate(struct control_client *cl, const cJSON *request);
void command_key_tickets(struct control_client *cl, const cJSON *request);
void command_key_status(struct control_client *cl, const cJSON *request);
void command_metrics(struct control_client *cl, const cJSON *request);
void command_monitor(struct control_client *cl, const cJSON *request);
void command_limits(struct control_client *cl, const cJSON *request);
void command_list(struct control_client *cl, const cJSON *request);
void command_pause(struct control_client *cl, const cJSON *request);
void command_reload(struct control_client *cl, const cJSON *request);
void command_remove(struct control_client *cl, const cJSON *request);
void command_renew(struct control_client *cl, const cJSON *request);
void command_resume(struct control_client *cl, const cJSON *request);
void command_retry(struct control_client *cl, const cJSON *request);
void command_revoke(struct control_client *cl, const cJSON *request);
void command_show(struct control_client *cl, const cJSON *request);
void command_order(struct control_client *cl, const cJSON *request);
void command_status(struct control_client *cl, const cJSON *request);
void command_upgrade(struct control_client *cl, const cJSON *request);
void command_wait(struct control_client *cl, const cJSON *request);
void command_watch(struct control_client *cl, const cJSON *request);

#endif
