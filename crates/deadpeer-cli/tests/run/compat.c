/* A 32-bit program without a library (cc -m32 takes no other package so): sets what Redis does on an accepted connection, and
 * says what holds. */
#define SOCKET 359
#define BIND 361
#define CONNECT 362
#define LISTEN 363
#define ACCEPT4 364
#define GETSOCKOPT 365
#define SETSOCKOPT 366
#define GETSOCKNAME 367
#define EXIT 1
#define WRITE 4

static int call(int number, int a, int b, int c, int d, int e)
{
	int result;
	asm volatile("push %%ebp; mov $0, %%ebp; int $0x80; pop %%ebp"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory");
	return result;
}

static void say(int number)
{
	char digits[12];
	int at = sizeof(digits);
	digits[--at] = ' ';
	do
		digits[--at] = '0' + number % 10;
	while (number /= 10);
	call(WRITE, 1, (int)(digits + at), sizeof(digits) - at, 0, 0);
}

void _start(void)
{
	/* 127.0.0.1, any port. */
	struct {
		unsigned short family, port;
		unsigned address;
		char rest[8];
	} at = { 2, 0, 0x0100007f };
	static const int options[4][3] = { { 1, 9, 1 }, { 6, 4, 300 }, { 6, 5, 100 }, { 6, 6, 3 } };
	int length = sizeof(at), listener = call(SOCKET, 2, 1, 0, 0, 0);
	call(BIND, listener, (int)&at, length, 0, 0);
	call(LISTEN, listener, 8, 0, 0, 0);
	call(GETSOCKNAME, listener, (int)&at, (int)&length, 0, 0);
	call(CONNECT, call(SOCKET, 2, 1, 0, 0, 0), (int)&at, length, 0, 0);
	int end = call(ACCEPT4, listener, 0, 0, 0, 0);
	for (int i = 0; i < 4; i++)
		call(SETSOCKOPT, end, options[i][0], options[i][1], (int)&options[i][2], 4);
	for (int i = 0; i < 4; i++) {
		int value = 0, size = sizeof(value);
		call(GETSOCKOPT, end, options[i][0], options[i][1], (int)&value, (int)&size);
		say(value);
	}
	call(WRITE, 1, (int)"\n", 1, 0, 0);
	call(EXIT, 0, 0, 0, 0, 0);
	for (;;)
		;
}
