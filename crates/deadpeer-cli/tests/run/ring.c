/* Sets what Redis does on an accepted connection by io_uring alone (Linux 6.7), and says what holds. */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/io_uring.h, of a kernel that has it. */
#define URING_CMD 46
#define SET_OPTION 3

struct order {
	uint8_t opcode, flags;
	uint16_t priority;
	int32_t fd;
	uint32_t command, unused;
	uint32_t level, option;
	uint32_t length, flags_of_command;
	uint64_t user;
	uint32_t more, size;
	uint64_t value, last;
};

static int ring;
static char *orders_ring, *answers_ring;
static struct io_uring_params p;
static struct order *orders;

static unsigned *in(char *where, unsigned offset)
{
	return (unsigned *)(where + offset);
}

static int set(int fd, int level, int option, int value)
{
	unsigned tail = *in(orders_ring, p.sq_off.tail), at = tail & *in(orders_ring, p.sq_off.ring_mask);
	orders[at] = (struct order){ .opcode = URING_CMD, .fd = fd, .command = SET_OPTION, .level = level,
				     .option = option, .size = sizeof(value), .value = (uint64_t)&value };
	in(orders_ring, p.sq_off.array)[at] = at;
	__atomic_store_n(in(orders_ring, p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		return -1;
	unsigned *head = in(answers_ring, p.cq_off.head);
	struct io_uring_cqe *answers = (void *)(answers_ring + p.cq_off.cqes);
	int result = answers[*head & *in(answers_ring, p.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static void *map(size_t length, off_t offset)
{
	return mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);
}

int main(void)
{
	static const int options[4][3] = { { SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 300 },
					   { IPPROTO_TCP, TCP_KEEPINTVL, 100 }, { IPPROTO_TCP, TCP_KEEPCNT, 3 } };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	ring = syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		return 77;
	orders_ring = map(p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	answers_ring = map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	orders = map(p.sq_entries * sizeof(struct order), IORING_OFF_SQES);
	int listener = socket(AF_INET, SOCK_STREAM, 0), caller = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, (void *)&at, length);
	listen(listener, 8);
	getsockname(listener, (void *)&at, &length);
	connect(caller, (void *)&at, length);
	int end = accept(listener, 0, 0);
	for (int i = 0; i < 4; i++)
		if (set(end, options[i][0], options[i][1], options[i][2]) < 0)
			return 77;
	for (int i = 0; i < 4; i++) {
		int value = 0;
		length = sizeof(value);
		getsockopt(end, options[i][0], options[i][1], &value, &length);
		printf("%d ", value);
	}
	puts("");
}
