/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/diagnosis.h - a diagnosis for people, in show and diagnose */
#ifndef CTL_DIAGNOSIS_H
#define CTL_DIAGNOSIS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* The fields of DIAGNOSIS (NULL: nothing); WHOLE: all that was seen, too. */
void print_diagnosis(const cJSON *diagnosis, int64_t now, bool whole);

#endif
