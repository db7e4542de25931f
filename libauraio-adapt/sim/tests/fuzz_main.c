/* fuzz_main.c - runs a fuzz target over files instead of a fuzzer's inventions: the corpus as a
 * test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int run_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return -1;
    }
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    /* On the heap, exactly as long: a sanitizer then sees every byte read past the end. */
    uint8_t *copy = malloc(length > 0 ? length : 1);
    if (!copy)
        return -1;
    for (size_t i = 0; i < length; i++)
        copy[i] = bytes[i];
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        if (run_file(argv[i]))
            return 1;
    }
    return 0;
}
