/* An echo server in C that knows when its peers are gone.
 *
 *   cc server.c -ldeadpeer -o server && ./server 8888 30
 *
 * One thread, one epoll. The watch stands in it like a socket: when it is readable, it has something to tell. Lines that
 * clients send come back; the line "ping" asks the client's kernel instead, and "why" tells what the server knows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadpeer.h"

static void tell(const char *format, ...) {
    va_list words;
    va_start(words, format);
    vprintf(format, words);
    va_end(words);
    putchar('\n');
    fflush(stdout);
}

static void fail(const char *what, const deadpeer_error *error) {
    tell("%s: %s", what, error != NULL ? error->text : strerror(errno));
    exit(1);
}

static void watch_readable(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl", NULL);
}

static int listen_at(int port) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("listening", NULL);
    tell("listening at 127.0.0.1:%d", ntohs(address.sin_port));
    return listener;
}

static void accept_one(int listener, int epoll, deadpeer_watch *watch) {
    deadpeer_error error;
    int client = accept(listener, NULL, NULL);
    if (client < 0)
        return;
    watch_readable(epoll, client);
    if (deadpeer_watch_add(watch, client, client, &error) != 0)
        fail("watching", &error);
}

/* Asks whether the client is still there, without a byte that it could see. */
static void ping(int client) {
    deadpeer_answer answer;
    deadpeer_error error;
    if (deadpeer_ping(client, 500, &answer, &error) != 0)
        fail("ping", &error);
    switch (answer.kind) {
    case DEADPEER_ANSWER_KIND_ANSWERED:
        tell("client %d answered", client);
        break;
    case DEADPEER_ANSWER_KIND_HEARD_JUST_NOW:
        tell("client %d was heard %llu ms ago", client, (unsigned long long)answer.micros / 1000);
        break;
    default:
        tell("client %d: answer %d", client, (int)answer.kind);
    }
}

static void serve(int client, deadpeer_watch *watch) {
    char buffer[4096];
    ssize_t length = read(client, buffer, sizeof buffer - 1);
    if (length > 0) {
        buffer[length] = '\0';
        if (strncmp(buffer, "ping", 4) == 0)
            ping(client);
        /* MSG_NOSIGNAL: a client that is gone must not end the server with SIGPIPE. */
        length = send(client, buffer, length, MSG_NOSIGNAL);
    }
    if (length <= 0) {
        deadpeer_cause cause =
            length == 0 ? DEADPEER_CAUSE_PEER_CLOSED : deadpeer_cause_of_errno(errno);
        tell("client %d is gone: %s", client, deadpeer_cause_sentence(cause));
        deadpeer_watch_remove(watch, client);
        close(client);
    }
}

static void hear(deadpeer_watch *watch) {
    deadpeer_event events[16];
    deadpeer_error error;
    int count;
    while ((count = deadpeer_watch_wait(watch, events, 16, 0, &error)) > 0) {
        for (int i = 0; i < count; i++) {
            int client = (int)events[i].key;
            switch (events[i].kind) {
            case DEADPEER_EVENT_KIND_DIED:
                tell("client %d died: %s%s", client, deadpeer_cause_word(events[i].death.cause),
                     events[i].death.certain ? "" : " (likely)");
                break;
            case DEADPEER_EVENT_KIND_UNREACHABLE:
                tell("client %d is unreachable: %u questions unanswered", client,
                     events[i].unanswered);
                break;
            default:
                continue; /* slow, or back again */
            }
            close(client);
        }
    }
    if (count < 0)
        fail("waiting", &error);
}

int main(int argc, char **argv) {
    int port = argc > 1 ? atoi(argv[1]) : 8888;
    unsigned long seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 30;
    deadpeer_error error;

    int epoll = epoll_create1(0);
    int listener = listen_at(port);
    /* The kernel's own protection, inherited by every connection; the watch then supervises. */
    if (deadpeer_apply(listener, seconds * 1000, true, &error) < 0)
        fail("applying", &error);
    deadpeer_watch *watch = deadpeer_watch_supervised(seconds * 1000, DEADPEER_HALF_CLOSE_ENDS, &error);
    if (watch == NULL)
        fail("watching", &error);
    watch_readable(epoll, listener);
    watch_readable(epoll, deadpeer_watch_fd(watch));

    for (;;) {
        struct epoll_event ready[64];
        int count = epoll_wait(epoll, ready, 64, -1);
        bool told = false;
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                accept_one(listener, epoll, watch);
            else if (fd == deadpeer_watch_fd(watch))
                told = true;
            else
                serve(fd, watch);
        }
        /* Last, for it closes clients that may stand in this list, too. */
        if (told)
            hear(watch);
    }
}
