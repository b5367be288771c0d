#include "VethGenerator.h"

#include <CTwin.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <xdp/xsk.h>

enum { FRAMES = 4096, STRIDE = 2048, BATCH = 64 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int64_t fail(const char *what, int error)
{
    fprintf(stderr, "veth generator: %s: %s\n", what, strerror(error < 0 ? -error : error));
    return -1;
}

int64_t veth_generate(const struct veth_load *load)
{
    uint8_t *area = mmap(NULL, (size_t)FRAMES * STRIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return fail("memory", errno);
    struct xsk_ring_prod fill, send;
    struct xsk_ring_cons done;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct xsk_umem_config memory = {.fill_size = 64, .comp_size = FRAMES, .frame_size = STRIDE};
    int failure = xsk_umem__create(&umem, area, (size_t)FRAMES * STRIDE, &fill, &done, &memory);
    if (failure) return fail("registering memory", failure);
    struct xsk_socket_config config = {.rx_size = 0, .tx_size = FRAMES, .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
                                       .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD};
    failure = xsk_socket__create(&socket, load->interface, 0, umem, NULL, &send, &config);
    if (failure) return fail(load->interface, failure);
    struct twin_sealer *sealer = twin_sealer_create(load->key, 16);

    uint64_t number = 0, outstanding = 0;
    size_t frame = 0, template = 0, text = load->frame_bytes - load->esp_offset - 16 - 16;
    uint8_t nonce[12];
    memcpy(nonce, load->salt, 4);
    double end = now() + load->seconds;
    while (now() < end) {
        uint32_t at;
        uint32_t completed = xsk_ring_cons__peek(&done, FRAMES, &at);
        if (completed) {
            xsk_ring_cons__release(&done, completed);
            outstanding -= completed;
        }
        if (outstanding + BATCH <= FRAMES && xsk_ring_prod__reserve(&send, BATCH, &at) == BATCH) {
            for (uint32_t i = 0; i < BATCH; i++) {
                uint8_t *out = area + frame * STRIDE, *esp = out + load->esp_offset;
                memcpy(out, load->templates + template * load->frame_bytes, load->frame_bytes);
                number++;
                uint32_t low = __builtin_bswap32((uint32_t)number);
                uint64_t iv = __builtin_bswap64(number);
                memcpy(esp + 4, &low, 4);
                memcpy(esp + 8, &iv, 8);
                memcpy(nonce + 4, &iv, 8);
                twin_seal(sealer, nonce, esp, 8, esp + 16, text, esp + 16 + text);
                *xsk_ring_prod__tx_desc(&send, at + i) =
                    (struct xdp_desc){.addr = frame * STRIDE, .len = (uint32_t)load->frame_bytes};
                frame = (frame + 1) % FRAMES;
                template = (template + 1) % load->template_count;
            }
            xsk_ring_prod__submit(&send, BATCH);
            outstanding += BATCH;
        }
        if (xsk_ring_prod__needs_wakeup(&send)) sendto(xsk_socket__fd(socket), NULL, 0, MSG_DONTWAIT, NULL, 0);
    }
    twin_sealer_destroy(sealer);
    xsk_socket__delete(socket);
    xsk_umem__delete(umem);
    munmap(area, (size_t)FRAMES * STRIDE);
    return (int64_t)number;
}
