/* disk.c - a rotating disk: one arm, one platter, and a queue the drive chooses from.
 *
 * The drive takes the operation it can position for soonest (seek, then wait for the sector to come
 * round), as native command queueing does: with more to choose from, the next one is nearer, so
 * throughput grows with depth until the drive's queue is full. An operation that has waited longer
 * than the drive's patience goes first, or the outer tracks would starve. Seek time grows with the
 * square root of the distance (the arm accelerates half the way and brakes the other half).
 */
#include "device.h"

static int64_t positioning_ns(const sim_device_t *device, const sim_spot_t *spot)
{
    const auraio_sim_model_t *model = device->model;
    double distance = fabs(spot->cylinder - device->disk.cylinder);
    int64_t seek = model->seek_min_ns;
    seek += (int64_t)((double)(model->seek_max_ns - model->seek_min_ns) * sqrt(distance));
    double turns = (double)(device->now_ns + seek) / (double)model->rotation_ns;
    double wait = spot->angle - (turns - floor(turns));
    if (wait < 0)
        wait += 1;
    return seek + (int64_t)(wait * (double)model->rotation_ns);
}

static void fill(sim_device_t *device)
{
    sim_disk_t *disk = &device->disk;
    while (device->queue.count > 0 && disk->count < device->model->disk_queue) {
        disk->spots[disk->count++] = (sim_spot_t){
            .op = (uint32_t)sim_fifo_pop(&device->queue),
            .since_ns = device->now_ns,
            .cylinder = sim_rng_uniform(&device->service),
            .angle = sim_rng_uniform(&device->service),
        };
    }
}

/* The soonest reached; the oldest, which is the first, when its patience is over. */
static int choose(const sim_device_t *device, int64_t *ret_positioning_ns)
{
    const sim_disk_t *disk = &device->disk;
    assert(disk->count > 0);
    int best = 0;
    int64_t best_ns = positioning_ns(device, &disk->spots[0]);
    bool overdue = device->now_ns - disk->spots[0].since_ns > device->model->disk_patience_ns;
    for (int i = 1; i < disk->count && !overdue; i++) {
        int64_t ns = positioning_ns(device, &disk->spots[i]);
        if (ns < best_ns) {
            best = i;
            best_ns = ns;
        }
    }
    *ret_positioning_ns = best_ns;
    return best;
}

void sim_disk_start(sim_device_t *device)
{
    sim_disk_t *disk = &device->disk;
    fill(device);
    if (device->paused || device->busy > 0 || disk->count == 0)
        return;
    int64_t positioning = 0;
    int chosen = choose(device, &positioning);
    sim_spot_t spot = disk->spots[chosen];
    /* The others keep their order of arrival: the first stays the oldest. */
    for (int i = chosen; i + 1 < disk->count; i++)
        disk->spots[i] = disk->spots[i + 1];
    disk->count--;
    disk->cylinder = spot.cylinder;
    device->busy = 1;
    int64_t ns = sim_time_ns((double)positioning / device->speed) +
                 sim_device_service_ns(device, &device->ops[spot.op]);
    sim_heap_push(&device->heap, device->now_ns + ns, spot.op);
}

void sim_disk_arrive(sim_device_t *device, uint32_t op)
{
    sim_fifo_push(&device->queue, op);
    sim_disk_start(device);
}

void sim_disk_leave(sim_device_t *device, uint32_t op)
{
    assert(device->busy == 1);
    device->busy = 0;
    sim_device_station_left(device, op);
    sim_disk_start(device);
}
