/* SPDX-License-Identifier: MIT */
/* What a run does: each takes what it needs to know from the input, and checks what can be seen at once. */
#ifndef TESTS_FUZZ_ACTIONS_H
#define TESTS_FUZZ_ACTIONS_H

#include "world.h"

/* One of all actions, on one of the engines. */
void act(void);

void act_submit(struct life *life);
void act_submit_batch(struct life *life);

void act_drive(struct life *life);

void act_cancel(struct life *life);
void act_ask(struct life *life); /* about an operation that may be gone */
void act_buffer(struct life *life);
void act_register(struct life *life);
void act_look(struct life *life); /* at statistics */
void act_metrics(struct life *life);

#endif
