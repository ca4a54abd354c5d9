/* A server that sets no option at all, linked statically. It answers every byte with itself. */

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *connection)
{
	int fd = *(int *)connection;
	char byte;

	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = INADDR_ANY };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	address.sin_port = htons(atoi(argv[1]));
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
		return 1;
	for (;;) {
		int *fd = malloc(sizeof *fd);
		pthread_t thread;

		if (!fd || (*fd = accept(listener, 0, 0)) < 0 || pthread_create(&thread, 0, serve, fd))
			return 1;
	}
}
