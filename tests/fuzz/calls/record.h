/* SPDX-License-Identifier: MIT */
/*
 * What a run remembers of each operation, and of each file: enough to say whether a result may be.
 *
 * A file is known by sets: for each byte the values that it may have now. A write adds its own when it is
 * submitted; when it has succeeded, and nothing else was under way there, the byte has that value and no
 * other. So what is read beside writes, after errors, or after a crash is judged as well, only less sharply.
 */
#ifndef TESTS_FUZZ_RECORD_H
#define TESTS_FUZZ_RECORD_H

#include <auraio.h>

#include <linux/stat.h>

enum { RECORDS_MAX = 256, RECORD_BYTES = 256, RECORD_VECTORS = 8, FILES = 2, FILE_BYTES = 1024, ENGINES = 2 };

/* What a descriptor is to the model. */
enum fd_kind {
    FD_FILE0, /* a file whose content is known */
    FD_FILE1,
    FD_PIPE, /* waits for bytes, or for room */
    FD_WILD  /* a file that anything is done to, or not open at all */
};

struct record {
    auraio_opcode_t opcode;
    enum fd_kind kind;
    int fd, engine, flags_to_kernel;
    uint64_t offset, len;
    bool placed; /* it is known where in the file it reads or writes */
    unsigned char *bytes;
    int pool_buffer; /* that @bytes are in, -1: none */
    struct iovec iov[RECORD_VECTORS];
    struct statx statx;
    auraio_request_t *handle;
    bool accepted, done;
    bool silent;    /* has no callback */
    bool endless;   /* may wait for ever */
    bool cancelled; /* asked to */
    bool deadline;
    bool behind;    /* another one in a chain */
    bool contended; /* others that change the file were under way beside it */
    uint64_t least; /* a read: bytes that it must find */
};

struct model_file {
    int fd;
    uint64_t size_least; /* it has as many bytes at least */
};

extern struct record records[RECORDS_MAX];
extern int record_count;
extern struct model_file model_files[FILES];
/* What happened in this run that explains errors: bit f: auraio_sim_fault_t f was set; then the power failed.
 */
extern unsigned record_faults;
extern bool record_crashed;

/* End the process with a sentence: a promise was broken. */
_Noreturn void broken(const char *what, ...) __attribute__((format(printf, 1, 2)));

void records_begin(void);
/* The next record, with its own memory; NULL: the run has used all. */
struct record *record_make(auraio_opcode_t opcode, int engine);
/* All memory of records: RECORDS_MAX * RECORD_BYTES. */
unsigned char *record_memory(void);

bool record_writes(const struct record *record);
bool record_reads(const struct record *record);

/* Before the call that submits it: put the bytes that it writes in place, and say so to its file. */
void record_begin(struct record *record);
/* After it was refused: it never was. */
void record_refused(struct record *record);
/* Judge its result. @ending: its engine is being destroyed. */
void record_end(struct record *record, int64_t result, bool ending);

/* After a crash every file may be as it was at any time before. */
void records_crash(void);
/* When nothing is under way: files have what they may have. */
void records_check_files(void);

#endif
