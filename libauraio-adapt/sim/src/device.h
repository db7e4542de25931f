/* device.h - the simulated device: a network of queues that operations travel through.
 *
 *     send -> transit -> gate -> station -> bus -> transit -> done
 *
 * An operation is a small number into `ops`. It is in exactly one place: in the heap (something
 * happens to it at a known time), in a gate's or a station's queue, or in the done list. The caller
 * owns the clock: it asks when something happens next, and makes it happen.
 *
 * This file is shared by device.c, which moves operations from stage to stage, and by the stations
 * and the gate, which decide when.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include <auraio/adapt_sim.h>

#include "fifo.h"
#include "heap.h"
#include "normal.h"
#include "rng.h"

#define SIM_NEIGHBOUR UINT32_MAX /* the ring of an operation that is another user's */
#define SIM_NEIGHBOUR_OPS 4096u  /* of them at most: the neighbour sheds what exceeds it */
#define SIM_DISK_QUEUE_MAX 256

typedef enum sim_stage {
    SIM_STAGE_OUT,     /* in the heap: on the way to the device */
    SIM_STAGE_GATE,    /* in the gate's queue */
    SIM_STAGE_STATION, /* in the heap or in the station's queues */
    SIM_STAGE_BUS,     /* in the heap: its transfer ends then */
    SIM_STAGE_BACK,    /* in the heap: on the way to the host */
    SIM_STAGE_DONE,
} sim_stage_t;

typedef struct sim_op {
    int64_t queued_ns; /* the application wanted it */
    int64_t sent_ns;
    uint32_t size_bytes;
    uint32_t ring;
    uint8_t kind;
    uint8_t stage;
} sim_op_t;

typedef enum sim_timer {
    SIM_TIMER_GATE,
    SIM_TIMER_CURVE,
    SIM_TIMER_PAUSE,
    SIM_TIMER_NEIGHBOUR,
    SIM_TIMER_SWITCH, /* the neighbour comes or goes */
    SIM_TIMERS,
} sim_timer_t;

/* An operation in the drive's own queue: where it wants the arm and the platter. */
typedef struct sim_spot {
    uint32_t op;
    int64_t since_ns;
    double cylinder; /* 0 to 1 */
    double angle;    /* 0 to 1 */
} sim_spot_t;

typedef struct sim_disk {
    sim_spot_t spots[SIM_DISK_QUEUE_MAX];
    int count;
    double cylinder; /* where the arm is */
} sim_disk_t;

typedef struct sim_curve {
    sim_heap_t heap; /* by the virtual time at which an operation's work is done */
    double *per_ns;  /* virtual time a nanosecond with n in flight */
    double *sigma;   /* of the work of an operation that arrives as the n-th */
    double *scale;   /* what makes the mean of that work 1 */
    uint32_t depth_max;
    int64_t virtual_now;
    int64_t last_ns; /* when virtual_now was true */
} sim_curve_t;

typedef struct sim_device {
    const auraio_sim_model_t *model;
    int servers; /* of the segment that is running */
    double speed;
    int64_t now_ns;

    sim_heap_t heap;
    int64_t timer_ns[SIM_TIMERS];
    int64_t next_timer_ns;

    sim_op_t *ops;
    uint32_t *free_ops;
    uint32_t free_count, op_count;
    uint32_t *done; /* completed and not yet reaped */
    uint32_t done_count;

    sim_normal_t normal;
    sim_rng_t service, jitter, pauses, neighbour;

    sim_fifo_t gate_queue;
    int64_t bucket_full_ns; /* token bucket: when it is full again */
    int64_t slice;          /* number of the slice that is running */
    int64_t slice_used;

    sim_fifo_t queue; /* before the station */
    int busy;         /* servers at work */
    bool paused;
    sim_disk_t disk;
    sim_curve_t curve;

    int64_t bus_free_ns;
    bool neighbour_on;
    uint32_t neighbour_count;
} sim_device_t;

/* `depth` is how many operations the caller will have in the device at most. 0 or -ENOMEM; the
 * device is to be destroyed either way. `model` must outlive it. */
int sim_device_init(sim_device_t *device, const auraio_sim_model_t *model, uint64_t seed, uint32_t depth);
void sim_device_destroy(sim_device_t *device);

/* From now on the device is as `segment` says. */
void sim_device_segment(sim_device_t *device, const auraio_sim_segment_t *segment);

/* Send an operation at device->now_ns; its ring, kind, size_bytes and queued_ns are the caller's.
 */
void sim_device_send(sim_device_t *device, sim_op_t op);

/* When something happens next; INT64_MAX: nothing will. */
static inline int64_t sim_device_next_ns(const sim_device_t *device)
{
    int64_t first = sim_heap_first(&device->heap);
    return first < device->next_timer_ns ? first : device->next_timer_ns;
}

/* Let all that happens at `now_ns` happen; it is sim_device_next_ns() or earlier. */
void sim_device_advance(sim_device_t *device, int64_t now_ns);

/* The done list was read: its operations are free again. */
void sim_device_reaped(sim_device_t *device);

/* Every operation is in one place and the counters agree: for tests. */
bool sim_device_check(const sim_device_t *device);

/* ---- for the stations and the gate ------------------------------------------------------------
 */

void sim_device_set_timer(sim_device_t *device, sim_timer_t timer, int64_t at_ns);
void sim_device_station_left(sim_device_t *device, uint32_t op);

/* A draw of the service time of an operation, size and speed included. */
int64_t sim_device_service_ns(sim_device_t *device, const sim_op_t *op);

bool sim_gate_passes(sim_device_t *device);
int64_t sim_gate_opens_ns(const sim_device_t *device);

void sim_servers_arrive(sim_device_t *device, uint32_t op);
void sim_servers_leave(sim_device_t *device, uint32_t op);
void sim_servers_start(sim_device_t *device);

void sim_disk_arrive(sim_device_t *device, uint32_t op);
void sim_disk_leave(sim_device_t *device, uint32_t op);
void sim_disk_start(sim_device_t *device);

int sim_curve_init(sim_device_t *device, uint32_t depth);
void sim_curve_destroy(sim_device_t *device);
void sim_curve_arrive(sim_device_t *device, uint32_t op);
void sim_curve_timer(sim_device_t *device);
void sim_curve_sync(sim_device_t *device); /* pause or speed are about to change */
void sim_curve_plan(sim_device_t *device); /* they have changed */

#endif
