#include "CBPF.h"
#include <stdio.h>
#include <xdp/libxdp.h>

static _Thread_local char last_warning[512];

static int listen_bpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
    if (level == LIBBPF_WARN) vsnprintf(last_warning, sizeof last_warning, format, arguments);
    return 0;
}

static int listen_xdp(enum libxdp_print_level level, const char *format, va_list arguments)
{
    if (level == LIBXDP_WARN) vsnprintf(last_warning, sizeof last_warning, format, arguments);
    return 0;
}

void cbpf_listen(void)
{
    last_warning[0] = 0;
    libbpf_set_print(listen_bpf);
    libxdp_set_print(listen_xdp);
}

const char *cbpf_last_warning(void)
{
    // One line: a message of the verifier runs over several.
    for (char *at = last_warning; *at; at++)
        if (*at == '\n') *at = at[1] ? ' ' : 0;
    return last_warning;
}
