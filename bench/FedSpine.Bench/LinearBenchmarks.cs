using BenchmarkDotNet.Attributes;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench;

/// <summary>A square linear layer with an adapter, forward and backward (dx, dA, dB; W frozen).</summary>
[MemoryDiagnoser]
public class LinearBenchmarks
{
    private IComputeBackend _backend = null!;
    private Arena _arena = null!;
    private DeviceSpan<float> _x, _y, _xa, _dx, _dyb;
    private LinearOperands _operands;
    private LinearGradients _gradients;

    /// <summary>Rows: a batch of 8 x 128 for the base width, 256 for the small one.</summary>
    [Params(768, 64)]
    public int Width { get; set; }

    [Params(0, 8)]
    public int Rank { get; set; }

    private int Rows => Width == 64 ? 256 : 1024;

    [GlobalSetup]
    public void Setup()
    {
        _backend = HostBackend.Create(threads: 1);
        int[] lengths = [Rows * Width, Rows * Width, Rows * Width, Rows * Rank, Rows * Rank, Width * Width, Width, Rank * Width, Width * Rank, Rank * Width, Width * Rank];
        var layout = new ArenaLayout();
        long[] offsets = [.. lengths.Select(layout.Reserve<float>)];
        _arena = _backend.Allocate(layout.Bytes);
        var spans = offsets.Zip(lengths, (offset, length) => length == 0 ? default : new DeviceSpan<float>(_arena, offset, length)).ToArray();
        (_x, _y, _dx, _xa, _dyb) = (spans[0], spans[1], spans[2], spans[3], spans[4]);
        _operands = new LinearOperands(spans[5], spans[6], spans[7], spans[8], Width, Width, Rank, 2);
        _gradients = new LinearGradients(default, default, spans[9], spans[10]);
    }

    [Benchmark]
    public void Forward() => _backend.LinearForward(_y, _xa, _x, _operands, Rows);

    [Benchmark]
    public void Backward() => _backend.LinearBackward(_dx, _gradients, _dyb, _y, _x, _xa, _operands, Rows);

    [GlobalCleanup]
    public void Cleanup()
    {
        _arena.Dispose();
        _backend.Dispose();
    }
}
