/* SPDX-License-Identifier: MIT */
/* Memory: what operations allocate once they are under way (nothing), and frames from allocators. A plain
 * program, because it replaces operator new. */
#include "support.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <new>

using namespace auraio;

namespace
{

std::atomic<long> allocations{0}, live{0};

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                     \
            std::exit(1);                                                                                    \
        }                                                                                                    \
    } while (0)

char byte;

/* Allocations while work() runs for the third time. */
template <typename F> long steady_allocations(F work)
{
    work();
    work();
    const long before = allocations;
    work();
    return allocations - before;
}

struct Capture48 {
    std::atomic<int> *done;
    char rest[40];
    void operator()(Request &, ssize_t) const { ++*done; }
};
static_assert(sizeof(Capture48) == 48);

void callables_of_48_bytes_allocate_nothing()
{
    test::Bench bench;
    std::atomic<int> done{0};
    auto burst = [&] {
        for (int i = 0; i < 5000; i++)
            (void)bench.engine.read(bench.file, &byte, 1, 0, Capture48{&done, {}});
        bench.engine.drain();
    };
    REQUIRE(steady_allocations(burst) == 0);
    REQUIRE(done == 15000);
}

void a_callable_of_65_bytes_allocates_and_is_freed()
{
    test::Bench bench;
    std::array<char, 65> big{};
    auto one = [&] {
        (void)bench.engine.read(bench.file, &byte, 1, 0, [big](Request &, ssize_t) { byte = big[0]; });
        bench.engine.drain();
    };
    const long before = live;
    REQUIRE(steady_allocations(one) == 1);
    REQUIRE(live == before);
}

void slots_travel_back_from_the_thread_that_completes()
{
    test::Bench bench;
    std::atomic<int> done{0};
    test::Runner runner(bench.engine);
    auto burst = [&] {
        const int goal = done + 2000;
        for (int i = 0; i < 2000; i++)
            (void)bench.engine.read(bench.file, &byte, 1, 0, Capture48{&done, {}});
        REQUIRE(test::eventually([&] { return done == goal; }));
    };
    for (int i = 0; i < 20; i++)
        burst();
    const long before = allocations;
    for (int i = 0; i < 20; i++)
        burst();
    /* As many more as are out at once, not as many as operations. */
    REQUIRE(allocations - before <= 2000);
}

Task<> read_many(Engine &engine, int fd, int count)
{
    for (int i = 0; i < count; i++)
        co_await engine.async_read(fd, &byte, 1, 0);
}

Task<> read_many_stoppable(Engine &engine, int fd, int count, std::stop_token token)
{
    for (int i = 0; i < count; i++)
        (void)co_await engine.async_read(fd, &byte, 1, 0).stop_on(token).nothrow();
}

/* A task of so many awaits makes no more allocations than one of none: its frames. */
void awaits_allocate_nothing()
{
    test::Bench bench;
    std::stop_source stop;
    auto plain = [&](int count) {
        return steady_allocations(
            [&] { sync_wait(bench.engine, read_many(bench.engine, bench.file, count)); });
    };
    auto stoppable = [&](int count) {
        return steady_allocations([&] {
            sync_wait(bench.engine, read_many_stoppable(bench.engine, bench.file, count, stop.get_token()));
        });
    };
    REQUIRE(plain(1000) == plain(0));
    REQUIRE(stoppable(1000) == stoppable(0));
}

void memory_of_slots_goes_with_the_engine_and_the_thread()
{
    const long before = live;
    std::thread([&] {
        test::Bench bench;
        std::atomic<int> done{0};
        for (int i = 0; i < 5000; i++)
            (void)bench.engine.read(bench.file, &byte, 1, 0, Capture48{&done, {}});
        bench.engine.drain();
    }).join();
    REQUIRE(live == before);
}

/* Operations that are submitted when the thread's own magazines are gone. */
void threads_may_submit_in_destructors_of_thread_local_objects()
{
    const long before = live;
    {
        test::Bench bench;
        std::atomic<int> done{0};
        struct Late {
            Engine *engine = nullptr;
            int fd = -1;
            std::atomic<int> *done = nullptr;
            ~Late()
            {
                for (int i = 0; i < 100; i++)
                    (void)engine->read(fd, &byte, 1, 0, Capture48{done, {}});
                engine->drain();
            }
        };
        std::thread([&] {
            thread_local Late late; /* before the magazines, so destroyed after them */
            late = Late{&bench.engine, bench.file, &done};
            (void)bench.engine.read(bench.file, &byte, 1, 0, Capture48{&done, {}});
            bench.engine.drain();
        }).join();
        REQUIRE(done >= 101);
    }
    REQUIRE(live == before);
}

/* ------------------------------------------------------------- frames */

class CountingResource : public std::pmr::memory_resource
{
public:
    int taken = 0, given = 0;

private:
    void *do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        taken++;
        return ::operator new(bytes, std::align_val_t(alignment));
    }
    void do_deallocate(void *place, std::size_t, std::size_t alignment) override
    {
        given++;
        ::operator delete(place, std::align_val_t(alignment));
    }
    bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
};

using Allocator = std::pmr::polymorphic_allocator<>;

Task<int> allocated(std::allocator_arg_t, Allocator, int value)
{
    co_return value;
}

/* An allocator without state. */
Task<int> from_std_allocator(std::allocator_arg_t, std::allocator<int>, int value)
{
    co_return value;
}

struct Object {
    int value;
    Task<int> member(std::allocator_arg_t, Allocator) { co_return value; }
};

Task<int> both(std::allocator_arg_t, Allocator allocator, int value)
{
    co_return co_await allocated(std::allocator_arg, allocator, value) + 1;
}

void frames_come_from_the_allocator_that_a_coroutine_was_given()
{
    Engine engine;
    CountingResource memory;
    const Allocator allocator(&memory);
    REQUIRE(sync_wait(engine, allocated(std::allocator_arg, allocator, 4)) == 4);
    REQUIRE(memory.taken == 1 && memory.given == 1);
    REQUIRE(sync_wait(engine, both(std::allocator_arg, allocator, 4)) == 5);
    REQUIRE(memory.taken == 3 && memory.given == 3);
    Object object{6};
    REQUIRE(sync_wait(engine, object.member(std::allocator_arg, allocator)) == 6);
    REQUIRE(memory.taken == 4 && memory.given == 4);
    REQUIRE(sync_wait(engine, from_std_allocator(std::allocator_arg, {}, 7)) == 7);
}

void frames_may_come_from_a_buffer_on_the_stack()
{
    alignas(std::max_align_t) std::array<std::byte, 2048> room;
    std::pmr::monotonic_buffer_resource memory(room.data(), room.size(), std::pmr::null_memory_resource());
    const long before = allocations;
    Task<int> task = allocated(std::allocator_arg, Allocator(&memory), 3);
    task.resume();
    REQUIRE(task.get() == 3);
    REQUIRE(allocations == before);
}

} // namespace

[[gnu::noinline]] void *operator new(std::size_t size)
{
    allocations++;
    live++;
    if (void *place = std::malloc(size))
        return place;
    throw std::bad_alloc();
}

[[gnu::noinline]] void operator delete(void *place) noexcept
{
    live -= place != nullptr;
    std::free(place);
}

void operator delete(void *place, std::size_t) noexcept
{
    operator delete(place);
}

int main()
{
    callables_of_48_bytes_allocate_nothing();
    a_callable_of_65_bytes_allocates_and_is_freed();
    slots_travel_back_from_the_thread_that_completes();
    awaits_allocate_nothing();
    memory_of_slots_goes_with_the_engine_and_the_thread();
    threads_may_submit_in_destructors_of_thread_local_objects();
    frames_come_from_the_allocator_that_a_coroutine_was_given();
    frames_may_come_from_a_buffer_on_the_stack();
}
