/* SPDX-License-Identifier: MIT */
/* An engine's life. */
#include "control.h"
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

void engine_log(const auraio_engine_t *engine, auraio_log_level_t level, const char *message)
{
    if (engine->options.log)
        engine->options.log(level, message, engine->options.log_user_data);
}

static void log_pool_misuse(void *context, const char *message)
{
    engine_log(context, AURAIO_LOG_ERROR, message);
}

static int create_control(auraio_engine_t *engine)
{
    const auraio_options_t *options = &engine->options;
    struct control_options wanted = {
        .min_limit = options->min_in_flight,
        .max_limit = options->queue_depth,
        .initial_limit = options->initial_in_flight,
        .p99_target_ns = engine_target_ns(options->max_p99_latency_ms),
    };
    return options->disable_adaptive ? 0 : control_create(&wanted, &engine->control);
}

static int create_group(auraio_engine_t *engine, const struct topology *topology)
{
    const auraio_options_t *options = &engine->options;
    struct ring_config config = {
        .queue_depth = options->queue_depth,
        .ring_count = options->ring_count,
        .limit = options->initial_in_flight,
        .max_pending = options->max_pending,
        .select = (enum ring_select)options->ring_select,
        .backend = (enum ring_backend)options->backend,
        .sqpoll = options->enable_sqpoll,
        .sqpoll_idle_ms = options->sqpoll_idle_ms,
        .observe = meter_observe,
        .observe_context = engine,
        .control = engine->control ? control_of_rings(engine->control) : NULL,
        .memory = memory_of_rings(engine),
        .system = engine->system,
    };
    int rc = ring_group_create(&config, topology, &engine->group);
    if (rc == 0)
        engine->identity = ring_group_identity(engine->group);
    return rc;
}

static int create_pool(auraio_engine_t *engine)
{
    struct pool_options options = {
        .alignment = engine->options.buffer_alignment,
        .abort_on_misuse = engine->options.debug_buffers,
        .find_late_writes = engine->options.debug_buffers,
        .log = log_pool_misuse,
        .log_ctx = engine,
    };
    memory_join(engine, &options);
    return pool_create(&options, &engine->pool);
}

static void engine_free(auraio_engine_t *engine)
{
    ring_group_destroy(engine->group);
    engine->group = NULL; /* arenas that end now are no ring's any more */
    pool_destroy(engine->pool);
    meter_free_all(engine);
    control_destroy(engine->control);
    free(engine);
}

auraio_engine_t *engine_create(const auraio_options_t *given, const struct topology *topology)
{
    return engine_create_in(NULL, given, topology);
}

auraio_engine_t *engine_create_in(const struct ring_system *system, const auraio_options_t *given,
                                  const struct topology *topology)
{
    auraio_options_t options;
    if (options_complete(given, &options) || (!system && backend_choose(&options)))
        return NULL;
    auraio_engine_t *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return error_null(ENOMEM, "no memory for an engine", 0, 0);
    engine->options = options;
    engine->system = system;
    int rc = create_control(engine);
    const char *reason = "no memory for the controllers";
    if (rc == 0) {
        rc = create_group(engine, topology);
        reason = backend_refusal(&engine->options);
    }
    if (rc == 0) {
        rc = create_pool(engine);
        reason = "no memory for the buffer pool";
    }
    if (rc < 0) {
        engine_log(engine, AURAIO_LOG_ERROR, reason);
        engine_free(engine);
        return error_null(-rc, reason, 0, 0);
    }
    backend_log(engine);
    return engine;
}

auraio_engine_t *auraio_create_with_options(const auraio_options_t *options)
{
    struct topology topology;
    int rc = topology_read("", &topology);
    if (rc < 0)
        return error_null(-rc, "the CPUs of this process could not be read", 0, 0);
    auraio_engine_t *engine = engine_create(options, &topology);
    int error = errno;
    topology_free(&topology);
    errno = error;
    return engine;
}

auraio_engine_t *auraio_create(void)
{
    return auraio_create_with_options(NULL);
}

void auraio_destroy(auraio_engine_t *engine)
{
    if (!engine)
        return;
    if (!engine_is_own(engine)) {
        engine_free(engine);
        return;
    }
    if (atomic_exchange(&engine->destroyed, true))
        return; /* from a callback that runs because of the destroy under way */
    atomic_store(&engine->shut_down, true);
    ring_group_shut_down(engine->group);
    if (!ring_group_in_callback(engine->group)) {
        engine_free(engine);
        return;
    }
    engine->destroy_when_unwound = true;
    atomic_store(&engine->unwinder, ring_thread_id());
}

void auraio_shutdown(auraio_engine_t *engine)
{
    if (!engine || !engine_is_own(engine) || atomic_exchange(&engine->shut_down, true))
        return;
    ring_group_shut_down(engine->group);
    engine->settle_when_unwound = true;
    atomic_store(&engine->unwinder, ring_thread_id());
    engine_unwind(engine);
}

void engine_unwind(auraio_engine_t *engine)
{
    if (!engine_must_unwind(engine) || ring_group_in_callback(engine->group))
        return;
    if (engine->settle_when_unwound && !engine->destroy_when_unwound) {
        engine->settle_when_unwound = false;
        ring_group_settle(engine->group); /* whose callbacks may ask for more */
    }
    if (engine->destroy_when_unwound)
        engine_free(engine);
    else
        atomic_store(&engine->unwinder, 0);
}
