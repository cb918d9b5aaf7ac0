using BenchmarkDotNet.Attributes;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench;

/// <summary>y = x W^T at the sizes of a base encoder and of the bundled one.</summary>
[MemoryDiagnoser]
public class MatMulBenchmarks
{
    private IComputeBackend _backend = null!;
    private Arena _arena = null!;
    private DeviceSpan<float> _a, _b, _c;
    private MatMulShape _shape;

    [Params("1024x768x768", "256x256x64", "256x8x64")]
    public string Shape { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = [.. Shape.Split('x').Select(int.Parse)];
        _shape = new MatMulShape(MatMulLayout.NT, sizes[0], sizes[1], sizes[2]);
        _backend = HostBackend.Create(Threads);
        var layout = new ArenaLayout();
        long a = layout.Reserve<float>(_shape.M * _shape.K), b = layout.Reserve<float>(_shape.N * _shape.K), c = layout.Reserve<float>(_shape.M * _shape.N);
        _arena = _backend.Allocate(layout.Bytes);
        _a = new(_arena, a, _shape.M * _shape.K);
        _b = new(_arena, b, _shape.N * _shape.K);
        _c = new(_arena, c, _shape.M * _shape.N);
    }

    [Benchmark]
    public void MatMul() => _backend.MatMul(_c, _a, _b, _shape);

    [GlobalCleanup]
    public void Cleanup()
    {
        _arena.Dispose();
        _backend.Dispose();
    }
}
