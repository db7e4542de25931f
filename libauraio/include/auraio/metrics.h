/* SPDX-License-Identifier: MIT */
/**
 * Everything an engine can tell about itself as a list of metrics, in the terms of OpenTelemetry; and as text
 * for Prometheus, which is made from that list.
 */
#ifndef AURAIO_METRICS_H
#define AURAIO_METRICS_H

#include <auraio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a metric's value is. */
typedef enum auraio_metric_kind {
    AURAIO_METRIC_COUNTER = 0,  /**< a count since the engine was created: it never falls */
    AURAIO_METRIC_GAUGE = 1,    /**< a figure of now */
    AURAIO_METRIC_HISTOGRAM = 2 /**< counts of values since the engine was created, in buckets */
} auraio_metric_kind_t;

/** What a metric is a figure of: "ring" and "0", "device" and "259:3". Both have letters, digits and
 * punctuation other than quotes and backslashes. */
typedef struct auraio_metric_label {
    const char *key, *value;
} auraio_metric_label_t;

/** Values by size. */
typedef struct auraio_metric_histogram {
    uint64_t count;
    double sum;             /**< at most 1.6 % off */
    int bound_count;        /**< buckets but for the last, which has no upper bound */
    const double *bounds;   /**< upper bounds, ascending; a value within 1.6 % of one may count beyond it */
    const uint64_t *counts; /**< of each bucket alone: bound_count + 1 of them */
    uint64_t reserved[4];
} auraio_metric_histogram_t;

#define AURAIO_METRIC_LABELS_MAX 4

/** One figure, in the terms of OpenTelemetry: everything that an exporter asks for. */
typedef struct auraio_metric {
    const char *name;        /**< "auraio.ring.operations": metrics of one name follow each other */
    const char *unit;        /**< UCUM: "s", "By", "{operation}"; "" when there is none */
    const char *description; /**< a sentence */
    auraio_metric_kind_t kind;
    int label_count;
    auraio_metric_label_t labels[AURAIO_METRIC_LABELS_MAX];
    double value;                               /**< COUNTER, GAUGE: never negative */
    const auraio_metric_histogram_t *histogram; /**< HISTOGRAM; NULL otherwise */
    uint64_t reserved[8];
} auraio_metric_t;

/**
 * Receives one metric. No lock is held: it may call the library, but for auraio_destroy().
 *
 * @param metric  valid until it returns, with all it points to; name, unit and description for ever.
 * @return true to go on, false to end the visit.
 */
typedef bool (*auraio_metric_visitor_t)(const auraio_metric_t *metric, void *user_data);

/**
 * Show every metric to @p visit: of the engine, of each ring used so far, of each storage target, of the
 * buffer pool. Each is read when its turn comes, so that two of them may differ by what has completed
 * between. Nothing is allocated.
 *
 * @return how many were shown, or -1: EINVAL (NULL), EPERM (inherited by fork).
 */
AURAIO_API int auraio_visit_metrics(const auraio_engine_t *engine, auraio_metric_visitor_t visit,
                                    void *user_data);

/**
 * Write every metric as text that Prometheus reads (exposition format 0.0.4; served as
 * "text/plain; version=0.0.4"). Like snprintf(): what fits is written and ended by a zero, and the length of
 * the whole is returned. The text may grow between two calls. Nothing is allocated.
 *
 * @param buf   room for @p size bytes; may be NULL when that is 0.
 * @param size  bytes. A machine with R rings in use needs about 2600 R + 16 KiB.
 * @return the length without the zero: the text is whole when that is below @p size. -1: EINVAL (NULL), EPERM
 * (inherited by fork), EOVERFLOW (a length beyond INT_MAX).
 */
AURAIO_API int auraio_format_metrics(const auraio_engine_t *engine, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* AURAIO_METRICS_H */
