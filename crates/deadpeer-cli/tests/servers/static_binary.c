/* An echo server that no preloaded library reaches: statically linked, a child for each connection.
 * usage: server PORT MODE IDLE INTERVAL COUNT USER_TIMEOUT_MS
 * MODE is "echo", "late" (answers after a second), "sleep" (never looks at a connection again) or "drop" (closes what says nothing for
 * a second). */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof value))
		exit(1);
}

static void serve(int fd, char **argv)
{
	static char buffer[65536];
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	ssize_t count;

	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, atoi(argv[3]));
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, atoi(argv[4]));
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, atoi(argv[5]));
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, atoi(argv[6]));
	if (!strcmp(argv[2], "sleep"))
		for (;;)
			pause();
	for (;;) {
		if (!strcmp(argv[2], "drop") && poll(&readable, 1, 1000) == 0)
			exit(0);
		count = read(fd, buffer, sizeof buffer);
		if (!strcmp(argv[2], "late"))
			sleep(1);
		if (count <= 0 || write(fd, buffer, count) != count)
			exit(0);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 7)
		return 2;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	address.sin_port = htons(atoi(argv[1]));
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128))
		return 1;
	for (;;) {
		int fd = accept(listener, 0, 0);
		if (fd < 0)
			return 1;
		if (fork() == 0) {
			close(listener);
			serve(fd, argv);
		}
		close(fd);
	}
}
