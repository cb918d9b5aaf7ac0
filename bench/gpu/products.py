"""Products (cuBLAS) and a copy by PyTorch on the first GPU, to stand beside ours: median of 20, in GFLOP/s and GB/s."""
import statistics
import torch


def seconds(run):
    times = []
    for i in range(23):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(times)


print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}")
a = torch.empty(64 << 20, device="cuda")
b = torch.empty_like(a)
print(f"copy 256 MiB: {2 * a.numel() * 4 / seconds(lambda: b.copy_(a)) / 1e9:.1f} GB/s")
for name, dtype, tf32 in [("float32", torch.float32, False), ("tf32", torch.float32, True), ("bf16", torch.bfloat16, False)]:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    for m, n, k in [(4096, 4096, 4096), (1024, 768, 768), (512, 5632, 2048)]:
        x, w = torch.randn(m, k, device="cuda", dtype=dtype), torch.randn(n, k, device="cuda", dtype=dtype)
        t = seconds(lambda: x @ w.T)
        print(f"{name} product {m} x {n} x {k}: {t * 1e3:.3f} ms, {2 * m * n * k / t / 1e9:.1f} GFLOP/s")
