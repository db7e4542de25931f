/* servers.c - parallel servers behind one FIFO queue: flash channels, storage nodes, disk heads of
 * an array. With Poisson arrivals and exponential service this is the M/M/c queue of the textbooks,
 * and the tests hold it to their formulas. */
#include "device.h"

/* Give work to every free server. When a segment took servers away, those at work finish first. */
void sim_servers_start(sim_device_t *device)
{
    while (!device->paused && device->queue.count > 0 && device->busy < device->servers) {
        uint32_t op = (uint32_t)sim_fifo_pop(&device->queue);
        device->busy++;
        int64_t ns = sim_device_service_ns(device, &device->ops[op]);
        sim_heap_push(&device->heap, device->now_ns + ns, op);
    }
}

void sim_servers_arrive(sim_device_t *device, uint32_t op)
{
    sim_fifo_push(&device->queue, op);
    sim_servers_start(device);
}

void sim_servers_leave(sim_device_t *device, uint32_t op)
{
    assert(device->busy > 0);
    device->busy--;
    sim_device_station_left(device, op);
    sim_servers_start(device);
}
