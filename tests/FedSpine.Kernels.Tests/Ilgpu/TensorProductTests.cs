using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;
using ILGPU;
using ILGPU.Runtime.CPU;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// The whole tensor-core kernel but for the instructions themselves, which read and write shared memory in their place
/// (<c>EmulatedUnit</c>): on ILGPU's debugger with groups of 128 threads, and on OpenCL where it is. On CUDA, the instructions.
/// </summary>
[Collection(nameof(Accelerators))]
public sealed class TensorProductTests
{
    public static TheoryData<string, MatMulPrecision> Backends
    {
        get
        {
            var data = new TheoryData<string, MatMulPrecision>();
            foreach (string id in new[] { Accelerators.Debugger, "opencl", "cuda" })
                foreach (var precision in new[] { MatMulPrecision.BF16, MatMulPrecision.TF32 })
                    data.Add(id, precision);
            return data;
        }
    }

    /// <summary>What the debugger, which takes seconds a case, is given: every layout, weight and way of loading, edges, tails, batches.</summary>
    private static readonly OperatorCase[] Few =
    [
        new MatMulCase(MatMulLayout.NN, 9, 65, 33, Batch: 2, Pad: 3, Alpha: 0.5f),
        new MatMulCase(MatMulLayout.NT, 65, 7, 31, Accumulate: true),
        new MatMulCase(MatMulLayout.TN, 33, 17, 40, Batch: 2),
        new MatMulCase(MatMulLayout.NT, 3, 2, 0),
        new LinearForwardCase(7, 65, 31, 0, true),
        new LinearForwardCase(17, 64, 66, 5, true, WeightType.BF16),
        new LinearForwardCase(5, 35, 33, 3, false, WeightType.Q8_0),
        new LinearBackwardCase(6, 33, 40, 4, LinearGradientSet.All, true),
        new LinearBackwardCase(5, 40, 33, 2, LinearGradientSet.Input | LinearGradientSet.Adapter, false, WeightType.Q8_0),
    ];

    [Theory, MemberData(nameof(Backends))]
    public void MatchesReference(string id, MatMulPrecision precision)
    {
        var backend = Open(id, precision);
        CaseSuite[] suites = [new MatMulSuite(), new LinearSuite(), new WeightLinearSuite()];
        var cases = id switch
        {
            Accelerators.Debugger => [],
            "opencl" => suites.SelectMany(s => s.Cases).Where((_, i) => i % 5 == 0),
            _ => suites.SelectMany(s => s.Cases.Concat(s.LargeCases)),
        };
        foreach (var operatorCase in Few.Concat(cases))
            operatorCase.Check(backend, Tolerance(precision));
    }

    [Theory, MemberData(nameof(Backends))]
    public void RepeatsBitForBit(string id, MatMulPrecision precision)
    {
        var backend = Open(id, precision);
        Assert.Equal(Few[4].Bits(backend), Few[4].Bits(backend));
    }

    /// <summary>Whole numbers up to 128 are exact in bfloat16, their products and sums in float32: not one bit may differ from the portable kernel's.</summary>
    [Theory, MemberData(nameof(Backends))]
    public void WholeNumbersAreExact(string id, MatMulPrecision precision)
    {
        const int M = 34, N = 33, K = 72;
        float[] a = Whole(M * K, 1), b = Whole(N * K, 2);
        var expected = new double[M * N];
        var shape = new MatMulShape(MatMulLayout.NT, M, N, K);
        MatMulReference.MatMul(expected, a.ToDouble(), b.ToDouble(), shape, 1, false);
        var backend = Open(id, precision);
        using var arena = backend.Allocate(4 * (M * K + N * K + M * N)); // from its start: copies of 16 bytes
        DeviceSpan<float> deviceA = new(arena, 0, M * K), deviceB = new(arena, 4 * M * K, N * K), c = new(arena, 4 * (M * K + N * K), M * N);
        backend.Upload<float>(deviceA, a);
        backend.Upload<float>(deviceB, b);
        backend.MatMul(c, deviceA, deviceB, shape);
        var actual = new float[M * N];
        backend.Download<float>(actual, c);
        Assert.Equal(expected, actual.ToDouble());

        static float[] Whole(int length, int seed) => Array.ConvertAll(TestData.Uniform(length, seed), v => MathF.Round(v * 128));
    }

    [Theory, MemberData(nameof(Backends))]
    public void TheCheckOnOpeningPassesAndCanFail(string id, MatMulPrecision precision)
    {
        var backend = Open(id, precision);
        Assert.Equal(id != Accelerators.Debugger, backend.HasWideTensorTiles); // the check computes in wide tiles too, where they fit
        if (id != Accelerators.Debugger)
            backend.CheckTensorProducts();
        var error = Assert.Throws<ArgumentException>(() => backend.CheckTensorProducts(share: 0));
        Assert.Matches($"the {precision.Label()} products of .+ are wrong: NN 70 x 37 x 53, 2 of them, f32: element .+ differs from the portable kernel's by .+; use --matmul float32", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory, MemberData(nameof(Backends))]
    public void TheNameSaysSo(string id, MatMulPrecision precision) => Assert.EndsWith($", {precision.Label()} products", Open(id, precision).Name);

    [Fact]
    public void WhatADeviceCannotDoIsRefusedInOneLine()
    {
        Assert.Null(IlgpuDevices.Refusal("T4", (7, 5), IlgpuOptions.Default));
        Assert.Null(IlgpuDevices.Refusal("A100", (8, 0), new IlgpuOptions { Precision = MatMulPrecision.BF16 }));
        Assert.Null(IlgpuDevices.Refusal("H100", (9, 0), new IlgpuOptions { Blas = true }));
        Assert.Equal("T4 has compute capability 7.5: tf32 products need 8.0 or later; use --matmul float32",
            IlgpuDevices.Refusal("T4", (7, 5), new IlgpuOptions { Precision = MatMulPrecision.TF32 }));
        Assert.Contains("no CUDA device", IlgpuDevices.Refusal("pthread", null, new IlgpuOptions { Precision = MatMulPrecision.BF16 }));
        Assert.Contains("no CUDA device", IlgpuDevices.Refusal("pthread", null, new IlgpuOptions { Blas = true }));
        Assert.Contains("not both", IlgpuDevices.Refusal("A100", (8, 0), new IlgpuOptions { Blas = true, Precision = MatMulPrecision.TF32 }));
        var error = Assert.Throws<ArgumentException>(() => IlgpuDevices.Open(Accelerators.Debugger, new IlgpuOptions { Precision = MatMulPrecision.BF16 }));
        Assert.Contains("bf16 products need one with tensor cores", error.Message);
    }

    /// <summary>Of the largest expected value or 1: rounding of the inputs, 2^-8 or 2^-11 each, hardly ever adds up.</summary>
    private static double Tolerance(MatMulPrecision precision) => precision == MatMulPrecision.BF16 ? 0.02 : 0.0025;

    private static readonly Dictionary<(string, MatMulPrecision), IlgpuBackend> Opened = [];

    private static IlgpuBackend Open(string id, MatMulPrecision precision)
    {
        lock (Opened)
        {
            if (!Opened.TryGetValue((id, precision), out var backend))
                Opened[(id, precision)] = backend = id == Accelerators.Debugger ? Debugger(precision) : Accelerators.Open(id, new IlgpuOptions { Precision = precision });
            return backend;
        }
    }

    /// <summary>ILGPU's debugger as a device with warps of 32 and groups of 128.</summary>
    private static IlgpuBackend Debugger(MatMulPrecision precision)
    {
        var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.CPU(new CPUDevice(32, 4, 1))));
        return new IlgpuBackend(context, context.Devices[0], new IlgpuOptions { Precision = precision }, emulated: true);
    }
}
