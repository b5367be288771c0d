#define _GNU_SOURCE
#include "FixedRandom.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>

static int fixed;
static uint64_t state = 1;

void fixed_random_begin(void) { fixed = 1; }

// In place of the C library's, for everything that is linked into the same program: Swift's generator calls getrandom
// through it. All else goes on to the real one.
long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (fixed && number == SYS_getrandom) {
        for (long i = 0; i < a[1]; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            ((uint8_t *)a[0])[i] = (uint8_t)(state >> 56);
        }
        return a[1];
    }
    static long (*real)(long, ...);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
