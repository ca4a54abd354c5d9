/* Every call of deadpeer.h on loopback. Says what was not as it should be, and exits with 1. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadpeer.h"
#include "expect.h"

/* Both ends of a connection. */
static void pair(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, size) == 0);
    EXPECT(listen(listener, 1) == 0);
    EXPECT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(connect(ends[0], (struct sockaddr *)&address, size) == 0);
    ends[1] = accept(listener, NULL, NULL);
    EXPECT(ends[1] >= 0);
    close(listener);
}

static void deadlines(void) {
    int ends[2];
    pair(ends);
    EXPECT(deadpeer_apply(ends[0], 60000, true, &error) == 0);
    /* What cannot be kept is refused with what could be, and that is kept. */
    EXPECT(deadpeer_apply(ends[0], 1000, true, &error) == -1);
    EXPECT(error.code == 0 && error.nearest_ms > 1000);
    EXPECT(deadpeer_apply(ends[0], error.nearest_ms, true, &error) == 0);
    EXPECT(deadpeer_apply(ends[0], 1000, true, NULL) == -1);
    EXPECT(deadpeer_apply(-1, 60000, true, &error) == -1);
    EXPECT(error.code != 0 && error.nearest_ms == 0);

    EXPECT(deadpeer_watch_supervised(0, DEADPEER_HALF_CLOSE_ENDS, &error) == NULL);
    EXPECT(error.nearest_ms == 2000);
    EXPECT(deadpeer_watch_supervised(UINT64_MAX, DEADPEER_HALF_CLOSE_ENDS, &error) == NULL);
    EXPECT(error.nearest_ms == 7ULL * 24 * 3600 * 1000);
    close(ends[0]);
    close(ends[1]);
}

static void one_connection(void) {
    int ends[2];
    pair(ends);
    deadpeer_answer asked;
    EXPECT(deadpeer_ping(ends[0], 100, &asked, &error) == 0);
    EXPECT(asked.kind == DEADPEER_ANSWER_KIND_HEARD_JUST_NOW);
    deadpeer_reuse reuse;
    EXPECT(deadpeer_reusable(ends[0], 100, &reuse, &error) == 1);
    EXPECT(reuse.kind == DEADPEER_REUSE_KIND_HEARD && reuse.micros < 1000000);
    deadpeer_death death;
    EXPECT(deadpeer_died(ends[0], DEADPEER_HALF_CLOSE_ENDS, 0, &death, &error) == 0);

    EXPECT(shutdown(ends[1], SHUT_WR) == 0);
    EXPECT(deadpeer_died(ends[0], DEADPEER_HALF_CLOSE_ENDS, 5000, &death, &error) == 1);
    EXPECT(death.cause == DEADPEER_CAUSE_PEER_CLOSED && death.certain);
    EXPECT(deadpeer_died(ends[0], DEADPEER_HALF_CLOSE_LIVES, 0, &death, &error) == 0);
    EXPECT(deadpeer_reusable(ends[0], 100, &reuse, &error) == 0);
    EXPECT(reuse.kind == DEADPEER_REUSE_KIND_DEAD && reuse.cause == DEADPEER_CAUSE_PEER_CLOSED);
    deadpeer_cause cause;
    EXPECT(deadpeer_take_error(ends[0], &cause, &error) == 1);
    EXPECT(strcmp(deadpeer_cause_word(cause), "peer-closed") == 0);
    EXPECT(strlen(deadpeer_cause_sentence(cause)) > 0);
    EXPECT(deadpeer_cause_of_errno(104) == DEADPEER_CAUSE_RESET);
    close(ends[0]);
    close(ends[1]);
}

static void many_connections(deadpeer_watch *watch, bool judges) {
    int ends[2];
    pair(ends);
    deadpeer_event events[4];
    deadpeer_slip slip = {0};
    EXPECT(watch != NULL);
    EXPECT(deadpeer_watch_fd(watch) >= 0);
    EXPECT(deadpeer_watch_add(watch, ends[0], 7, &error) == 0);
    EXPECT(deadpeer_watch_slip(watch, ends[0], &slip) == judges);
    EXPECT(slip.late_ms == 0 && (slip.sudden_loss > 0.01) == judges);
    EXPECT(slip.slow_reader_ended_ms == 0);
    EXPECT(deadpeer_watch_slip(watch, ends[1], &slip) == 0);
    EXPECT(deadpeer_sudden_loss(5000, 0.4) > deadpeer_sudden_loss(30000, 0.4));
    EXPECT(deadpeer_sudden_loss(30000, 0.0) == 0.0 && deadpeer_sudden_loss(30000, 1.0) == 1.0);
    EXPECT(deadpeer_watch_add(watch, ends[1], 8, &error) == 0);
    EXPECT(deadpeer_watch_remove(watch, ends[1]) == 1);
    EXPECT(deadpeer_watch_remove(watch, ends[1]) == 0);
    EXPECT(deadpeer_watch_wait(watch, events, 4, 0, &error) == 0);
    close(ends[1]);
    EXPECT(deadpeer_watch_wait(watch, events, 4, 5000, &error) == 1);
    EXPECT(events[0].key == 7 && events[0].kind == DEADPEER_EVENT_KIND_DIED);
    deadpeer_watch_free(watch);
    close(ends[0]);
}

int main(void) {
    deadlines();
    one_connection();
    many_connections(deadpeer_watch_new(DEADPEER_HALF_CLOSE_ENDS, &error), false);
    many_connections(deadpeer_watch_supervised(30000, DEADPEER_HALF_CLOSE_ENDS, &error), true);
    deadpeer_watch_free(NULL);
    return 0;
}
