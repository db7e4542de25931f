/* SPDX-License-Identifier: MIT */
/*
 * What an engine does, for Prometheus: one thread that reads a file and answers HTTP requests for /metrics,
 * on the loopback interface only.
 *
 *     example_metrics_endpoint 9464     serve on this port until interrupted: curl localhost:9464/metrics
 *     example_metrics_endpoint          serve on a free port, name it, and end when standard input does
 */
#include "example.h"

#include <arpa/inet.h>
#include <auraio/metrics.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { FILE_BYTES = 4 << 20, BLOCK_BYTES = 4096, DEPTH = 32, READS_PER_TURN = 64 };

struct load {
    auraio_engine_t *engine;
    int fd;
    off_t next;
    int pending;
    unsigned char *blocks[DEPTH];
};

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct load *load = user_data;
    (void)req;
    if (result != BLOCK_BYTES)
        example_fail_errno("read", result < 0 ? (int)-result : EIO);
    load->pending--;
}

/* A few reads, so that there is something to see. */
static void read_some(struct load *load)
{
    for (int done = 0; done < READS_PER_TURN; done += DEPTH) {
        for (int i = 0; i < DEPTH; i++) {
            load->next = (load->next + BLOCK_BYTES) % FILE_BYTES;
            if (!auraio_read(load->engine, load->fd, auraio_buf(load->blocks[i]), BLOCK_BYTES, load->next,
                             on_read, load))
                example_fail("auraio_read");
            load->pending++;
        }
        while (load->pending > 0)
            auraio_wait(load->engine, -1);
    }
}

/* The text of all metrics; to be freed. It may have grown between asking for its length and writing it. */
static char *metrics_text(const auraio_engine_t *engine)
{
    char *text = NULL;
    int length = auraio_format_metrics(engine, NULL, 0), size = 0;
    while (length >= size) {
        size = length + 1024;
        char *more = realloc(text, (size_t)size);
        if (!more)
            example_fail_errno("realloc", ENOMEM);
        text = more;
        length = auraio_format_metrics(engine, text, (size_t)size);
    }
    if (length < 0)
        example_fail("auraio_format_metrics");
    return text;
}

static void send_all(int client, const char *bytes, size_t left)
{
    while (left > 0) {
        ssize_t sent = send(client, bytes, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the client has gone */
        bytes += sent;
        left -= (size_t)sent;
    }
}

static void answer(int client, const char *status, const char *body)
{
    char head[200];
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
                          "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                          status, strlen(body));
    send_all(client, head, (size_t)length);
    send_all(client, body, strlen(body));
}

/* One request and its answer. What a client sends slowly, or never, is not waited for longer than a second.
 */
static void serve(int listener, const auraio_engine_t *engine)
{
    char request[2048];
    size_t length = 0;
    struct timeval patience = {.tv_sec = 1};
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n") && length < sizeof(request) - 1) {
        ssize_t got = recv(client, request + length, sizeof(request) - 1 - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        request[length] = '\0';
    }
    if (strncmp(request, "GET /metrics ", 13) == 0) {
        char *text = metrics_text(engine);
        answer(client, "200 OK", text);
        free(text);
    } else {
        answer(client, "404 Not Found", "ask for /metrics\n");
    }
    close(client);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int reuse = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        example_fail_errno("socket", errno);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        example_fail_errno("listen", errno);
    printf("http://127.0.0.1:%d/metrics\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 0;
    bool until_input_ends = argc < 2;
    struct load load = {.engine = auraio_create(), .fd = example_file(FILE_BYTES)};
    if (port < 0 || port > 65535) {
        fprintf(stderr, "%s is no port: they go from 0 to 65535\n", argv[1]);
        return 2;
    }
    if (!load.engine)
        example_fail("auraio_create");
    for (int i = 0; i < DEPTH; i++)
        if (!(load.blocks[i] = auraio_buffer_alloc(load.engine, BLOCK_BYTES)))
            example_fail("auraio_buffer_alloc");

    struct pollfd fds[] = {{.fd = listen_on(port), .events = POLLIN},
                           {.fd = until_input_ends ? STDIN_FILENO : -1, .events = POLLIN}};
    while (fds[1].revents == 0) {
        read_some(&load);
        if (poll(fds, 2, 100) < 0 && errno != EINTR)
            example_fail_errno("poll", errno);
        if (fds[0].revents)
            serve(fds[0].fd, load.engine);
    }

    for (int i = 0; i < DEPTH; i++)
        auraio_buffer_free(load.engine, load.blocks[i], BLOCK_BYTES);
    close(fds[0].fd);
    close(load.fd);
    auraio_destroy(load.engine);
    return EXIT_SUCCESS;
}
