/*
 * What Valgrind is told about pool memory: run by `valgrind`, counts the errors it reports after
 * deliberate mistakes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#include <auraio-pool/pool.h>

static const size_t sizes[] = {100, 4096, 70000, 3000000};
static int failures;
static volatile char sink;

static void expect(int errors, const char *what, size_t size_bytes)
{
    static int seen;
    int now = (int)VALGRIND_COUNT_ERRORS;
    if (now - seen != errors) {
        fprintf(stderr, "memcheck: %s, %zu bytes: %d reports instead of %d\n", what, size_bytes, now - seen,
                errors);
        failures++;
    }
    seen = now;
}

static void branch_on(char byte)
{
    if (byte == 7)
        sink = byte;
}

/* A buffer that had content before has none when it is handed out again. */
static void use_again(pool_t *pool, size_t size_bytes)
{
    void *ptr = NULL;
    if (pool_alloc(pool, size_bytes, &ptr) != 0)
        exit(1);
    branch_on(*(char *)ptr);
    expect(1, "use of what another user wrote", size_bytes);
    if (pool_free(pool, ptr, size_bytes) != 0)
        exit(1);
}

int main(void)
{
    if (!RUNNING_ON_VALGRIND) {
        fprintf(stderr, "memcheck: skipped, not running under Valgrind\n");
        return 77;
    }
    pool_t *pool = NULL;
    if (pool_create(&(struct pool_options){.alignment = 64}, &pool) != 0)
        return 1;
    for (int i = 0; i < 4; i++) {
        void *ptr = NULL;
        if (pool_alloc(pool, sizes[i], &ptr) != 0)
            return 1;
        char *bytes = ptr;
        branch_on(bytes[0]);
        expect(1, "use of what was never written", sizes[i]);
        memset(bytes, 1, sizes[i]);
        sink = bytes[sizes[i] - 1];
        branch_on(bytes[0]);
        expect(0, "correct use", sizes[i]);
        sink = bytes[sizes[i]];
        expect(1, "read past the end", sizes[i]);
        if (pool_free(pool, ptr, sizes[i]) != 0)
            return 1;
        expect(0, "correct free", sizes[i]);
        sink = bytes[0];
        expect(1, "read after free", sizes[i]);
        use_again(pool, sizes[i]);
    }
    void *live = NULL;
    if (pool_alloc(pool, 4096, &live) != 0)
        return 1;
    pool_destroy(pool);
    expect(0, "destroy with a live buffer", 4096);
    return failures == 0 ? 0 : 1;
}
