/* A server as the Go runtime makes them: statically linked, so that no preloaded library reaches it, and with
 * keepalive of 15 s, 15 s and 9 probes on every connection that it accepts (net.KeepAliveConfig, Go 1.23). */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof value))
		exit(1);
}

static void serve(int fd)
{
	char byte;

	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 9);
	if (read(fd, &byte, 1) != 1 || write(fd, &byte, 1) != 1)
		exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	address.sin_port = htons(atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
		return 1;
	for (;;) {
		int fd = accept(listener, 0, 0);
		if (fd < 0)
			return 1;
		serve(fd); /* One byte; the connection stays open. */
	}
}
