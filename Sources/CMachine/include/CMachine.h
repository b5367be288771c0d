// What a processor and a Linux process can do that Swift has no word for. Inline where it is per packet.
#pragma once
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Asks for the cache line that holds `address`; never faults.
static inline void machine_prefetch(const void *_Nonnull address) { __builtin_prefetch(address, 0, 3); }

/// The time stamp counter (x86-64) or the virtual counter (arm64): ticks of a constant rate.
static inline uint64_t machine_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
#error "no tick counter known for this processor"
#endif
}

/// Overwrites secrets in a way no optimiser may leave out.
static inline void machine_wipe(void *_Nonnull bytes, size_t count) { explicit_bzero(bytes, count); }

/// Writes the numbers of the processors on which the calling thread may run, `room` at most, in order. Returns how many.
static inline int machine_processors(int *_Nonnull numbers, int room)
{
    unsigned long mask[16] = {0};
    int count = 0;
    if (syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) < 0) return 0;
    for (int processor = 0; processor < 1024 && count < room; processor++)
        if (mask[processor / 64] >> (processor % 64) & 1) numbers[count++] = processor;
    return count;
}

/// Binds the calling thread to one processor. 0, or -1 with errno set.
static inline long machine_pin(int processor)
{
    unsigned long mask[16] = {0};
    if (processor < 0 || processor >= 1024) return -1;
    mask[processor / 64] = 1ul << (processor % 64);
    return syscall(SYS_sched_setaffinity, 0, sizeof mask, mask);
}

/// Milliseconds of CLOCK_MONOTONIC_COARSE: exact to a few milliseconds, and read without a system call.
static inline uint64_t machine_coarse_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
