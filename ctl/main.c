/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certctl - talks to certd over its control socket (docs/control.md)
 */
#include "ctl/ctl.h"

int
main(int argc, char **argv)
{
	return ctl_main(argc, argv);
}
