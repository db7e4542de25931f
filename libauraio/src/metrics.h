/* SPDX-License-Identifier: MIT */
#ifndef AURAIO_METRICS_INSIDE_H
#define AURAIO_METRICS_INSIDE_H

#include "engine.h"

#include <auraio/metrics.h>

/* auraio_visit_metrics() of an engine that can be used. */
int metrics_visit(const auraio_engine_t *engine, auraio_metric_visitor_t visit, void *user_data);

#endif
