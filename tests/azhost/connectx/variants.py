"""The ways of the mlx5 PMD to receive and to send, and frames that go through them."""

import random

import frames

JUMBO = ["--max-pkt-len=9018", "--enable-scatter", "--mbuf-size=2176",
         "--tx-offloads=0x8000"]  # RTE_ETH_TX_OFFLOAD_MULTI_SEGS

# Variant: device arguments, testpmd arguments, longest payload, report items that must count
# (frames), and items that must stay 0.
VARIANTS = {
    "rx-vector": ("", [], 1400, [], ["rx_striding", "rx_scattered"]),
    "rx-scalar": ("rx_vec_en=0", [], 1400, [], ["rx_striding", "rx_scattered"]),
    "rx-mprq": ("mprq_en=1,rxqs_min_mprq=1,mprq_log_stride_num=6,mprq_log_stride_size=11", [], 1400,
                ["rx_striding"], []),
    "rx-scatter": ("", JUMBO, 8900, ["rx_scattered", "tx_gathered"], ["rx_striding"]),
    "tx-empw": ("", [], 1400, ["wqe_multi_packet"], ["wqe_send", "wqe_inline_segments"]),
    "tx-empw-inline": ("txq_inline_mpw=250,txqs_min_inline=0", [], 200,
                       ["wqe_multi_packet", "wqe_inline_segments"], ["wqe_send"]),
    "tx-send": ("txq_mpw_en=0", [], 1400, ["wqe_send"],
                ["wqe_multi_packet", "wqe_inline_headers"]),
    "tx-send-inline": ("txq_mpw_en=0,txq_inline_max=250,txqs_min_inline=0", [], 200,
                       ["wqe_send", "wqe_inline_headers"], ["wqe_multi_packet"]),
    "tx-multi-seg": ("txq_mpw_en=0", JUMBO, 8900, ["wqe_send", "tx_gathered"],
                     ["wqe_multi_packet"]),
    "cx4lx": ("", [], 1400, ["wqe_send", "wqe_inline_headers"], ["wqe_multi_packet"]),
    "untrusted": ("", [], 1400, ["wqe_multi_packet"], []),
}
PROFILES = {"cx4lx": "cx4lx-vf", "untrusted": "cx5-vf-untrusted"}

# Frames on their way: fewer than the receive ring's 512 buffers hold. A scattering queue takes 8
# buffers for a descriptor.
WINDOW = 256
JUMBO_WINDOW = 32


def window(variant):
    return JUMBO_WINDOW if VARIANTS[variant][2] > 1500 else WINDOW


def make_frames(mac, count, longest):
    source = random.Random(1)
    pool = source.randbytes(1 << 16)
    result = []
    for i in range(count):
        length = source.randrange(longest)
        start = source.randrange(len(pool) - length)
        payload = i.to_bytes(4, "big") + pool[start : start + length]
        result.append(frames.ethernet(mac, frames.ETHERTYPE_IPV4, b"\x45" + payload))
    return result
