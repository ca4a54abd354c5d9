/* Closes two connections to a peer that has vanished, a supervised one and a plain one, and leaves what is left of them to
 * the kernel:
 *
 *     left PORT closed|removed|unjudged|freed|killed
 *
 * Says the cookies of both sockets once they stand. At the next byte of its input it writes to both, closes them in the
 * named way, and says that it did: "closed" and "removed" after a verdict, "unjudged" and "freed" without waiting for one.
 * "killed" closes nothing and waits for its end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadpeer.h"
#include "expect.h"

static int connected(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static unsigned long long cookie(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    EXPECT(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
    return cookie;
}

static void until_unreachable(deadpeer_watch *watch) {
    deadpeer_event event = {0};
    while (event.kind != DEADPEER_EVENT_KIND_UNREACHABLE || event.key != 7)
        EXPECT(deadpeer_watch_wait(watch, &event, 1, 60000, &error) == 1);
}

int main(int argc, char **argv) {
    EXPECT(argc == 3);
    const char *way = argv[2];
    deadpeer_watch *watch = deadpeer_watch_supervised(2000, DEADPEER_HALF_CLOSE_ENDS, &error);
    EXPECT(watch != NULL);
    int supervised = connected(argv[1]), plain = connected(argv[1]);
    EXPECT(deadpeer_watch_add(watch, supervised, 7, &error) == 0);
    printf("%llu %llu\n", cookie(supervised), cookie(plain));
    fflush(stdout);
    EXPECT(getchar() != EOF);
    EXPECT(write(supervised, "lost", 4) == 4 && write(plain, "lost", 4) == 4);
    if (strcmp(way, "removed") == 0 || strcmp(way, "closed") == 0)
        until_unreachable(watch);
    if (strcmp(way, "removed") == 0)
        EXPECT(deadpeer_watch_remove(watch, supervised) == 1);
    if (strcmp(way, "freed") == 0)
        deadpeer_watch_free(watch);
    if (strcmp(way, "killed") != 0) {
        close(supervised);
        close(plain);
    }
    puts("done");
    fflush(stdout);
    if (strcmp(way, "killed") == 0)
        pause();
    if (strcmp(way, "freed") != 0)
        deadpeer_watch_free(watch);
    return 0;
}
