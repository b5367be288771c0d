#pragma once

#include <stddef.h>

/// Processor time of all threads, in seconds.
double process_seconds(void);

/// Bytes that malloc has given and not got back.
size_t process_allocated(void);

/// Bytes that are resident, after what malloc does not need was given back.
size_t process_resident(void);
