// Sends sealed ESP as fast as one thread can, by AF_XDP, each packet under a fresh number.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct veth_load {
    const char *_Nonnull interface;
    /// Frames whose ESP text is not sealed yet, one behind the other, all of one length and one SA.
    const uint8_t *_Nonnull templates;
    size_t template_count, frame_bytes;
    /// Where the ESP header begins; the text is 16 bytes behind it and the ICV ends the frame.
    size_t esp_offset;
    const uint8_t *_Nonnull key; // 16 bytes
    const uint8_t *_Nonnull salt; // 4 bytes
    double seconds;
};

/// The number of packets handed to the kernel, or -1 with a message on the standard error.
int64_t veth_generate(const struct veth_load *_Nonnull);
