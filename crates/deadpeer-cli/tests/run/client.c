/* Connects to ADDRESS PORT with keepalive off, waits until somebody has switched it on, says "ready", and waits for the peer.
 * Ends with 0 if the kernel gave the connection up. With a third argument, the connect() and the wait are those of an event loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[2])) };
	int events = argc > 3;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, argv[1], &to.sin_addr);
	if (events)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		int timed_out = errno == ETIMEDOUT;
		perror("connect");
		return !timed_out;
	}
	int loop = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	if (events && (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0 || epoll_wait(loop, &event, 1, 60000) != 1))
		die("epoll");
	int on = 0;
	for (int i = 0; !on && i < 6000; i++) {
		socklen_t length = sizeof(on);
		if (getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length) < 0)
			die("getsockopt");
		usleep(10000);
	}
	puts(on ? "ready" : "unprotected");
	fflush(stdout);
	char byte;
	if (events && epoll_wait(loop, &event, 1, 120000) != 1)
		die("epoll_wait");
	if (read(fd, &byte, 1) < 0 && errno == ETIMEDOUT)
		return 0;
	perror("read");
	return 1;
}
