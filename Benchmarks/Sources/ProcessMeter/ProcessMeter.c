#include "ProcessMeter.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

double process_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

size_t process_allocated(void)
{
    struct mallinfo2 state = mallinfo2();
    return state.uordblks + state.hblkhd;
}

size_t process_resident(void)
{
    size_t pages = 0;
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (size_t)getpagesize();
}
