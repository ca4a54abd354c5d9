/* What has to be so, and the error that tells why it is not. */
#include <stdio.h>
#include <stdlib.h>

#include "deadpeer.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, error.text); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static deadpeer_error error;
