/*
 * AddressSanitizer finds what an application does wrong with pool memory: compiled with it in every build
 * that no other sanitizer claims. Each mistake is made in a child, which has to die of a report that names
 * it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <auraio-pool/pool.h>

static volatile char sink;

static char *buffer_of(pool_t *pool, size_t size_bytes)
{
    void *ptr = NULL;
    if (pool_alloc(pool, size_bytes, &ptr) != 0)
        _exit(0);
    memset(ptr, 1, size_bytes);
    return ptr;
}

static void use_correctly(pool_t *pool, size_t size_bytes)
{
    char *buffer = buffer_of(pool, size_bytes);
    sink = buffer[size_bytes - 1];
    if (pool_free(pool, buffer, size_bytes) != 0)
        _exit(1);
}

static void read_after_free(pool_t *pool, size_t size_bytes)
{
    char *buffer = buffer_of(pool, size_bytes);
    if (pool_free(pool, buffer, size_bytes) == 0)
        sink = buffer[size_bytes / 2];
}

static void write_after_free(pool_t *pool, size_t size_bytes)
{
    char *buffer = buffer_of(pool, size_bytes);
    if (pool_free(pool, buffer, size_bytes) == 0)
        *(volatile char *)buffer = 1;
}

static void read_past_the_end(pool_t *pool, size_t size_bytes)
{
    sink = buffer_of(pool, size_bytes)[size_bytes];
}

static void run_child(void (*run)(pool_t *pool, size_t size_bytes), size_t size_bytes, int output)
{
    pool_t *pool = NULL;
    (void)dup2(output, STDERR_FILENO);
    if (pool_create(&(struct pool_options){.alignment = 64}, &pool) != 0)
        _exit(0);
    run(pool, size_bytes);
    pool_destroy(pool);
    _exit(0);
}

/* Whether a child that does this dies of a report. */
static bool is_reported(void (*run)(pool_t *pool, size_t size_bytes), size_t size_bytes)
{
    static char said[1 << 16];
    size_t length = 0;
    ssize_t more;
    int ends[2];
    int status;
    if (pipe(ends) < 0)
        exit(1);
    pid_t child = fork();
    if (child == 0)
        run_child(run, size_bytes, ends[1]);
    close(ends[1]);
    while ((more = read(ends[0], said + length, sizeof(said) - 1 - length)) > 0)
        length += (size_t)more;
    said[length] = '\0';
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(1);
    return status != 0 && strstr(said, "use-after-poison");
}

int main(void)
{
    static const size_t sizes_bytes[] = {100, 5000, 70001, 3000001};
    int failures = 0;
    for (int i = 0; i < 4; i++) {
        failures += is_reported(use_correctly, sizes_bytes[i]);
        failures += !is_reported(read_after_free, sizes_bytes[i]);
        failures += !is_reported(write_after_free, sizes_bytes[i]);
        failures += !is_reported(read_past_the_end, sizes_bytes[i]);
    }
    printf("after-free: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
