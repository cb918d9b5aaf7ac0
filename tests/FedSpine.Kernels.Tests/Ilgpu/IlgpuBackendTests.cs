using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>What the operator cases do not say: bits shared with the host, bad indices, extremes, devices that are not there.</summary>
[Collection(nameof(Accelerators))]
public sealed class IlgpuBackendTests
{
    public static TheoryData<string> Ids => Accelerators.Ids;

    [Theory, MemberData(nameof(Ids))]
    public void DropoutMasksAreTheHosts(string id)
    {
        var x = TestData.Uniform(301, 1);
        Assert.Equal(Drop(HostBackend.Create(1)), Drop(Accelerators.Open(id)));

        float[] Drop(IComputeBackend backend)
        {
            using var sandbox = new Sandbox(backend);
            var y = sandbox.Scratch("y", x.Length);
            backend.Dropout(y, sandbox.Input("x", x), 0.3f, 77);
            return sandbox.Download(y);
        }
    }

    [Theory, MemberData(nameof(Ids))]
    public void BadIndicesStayInsideTheirBuffers(string id)
    {
        var backend = Accelerators.Open(id);
        using var sandbox = new Sandbox(backend);
        var table = sandbox.Input("table", [1, 2, 3, 4]);
        var y = sandbox.Scratch("y", 6);
        backend.EmbeddingForward(y, sandbox.Integers([1, -1, 2]), table, 3, 2);
        Assert.Equal([3, 4, float.NaN, float.NaN, float.NaN, float.NaN], sandbox.Download(y));
        var dtable = sandbox.Output("dtable", [0, 0, 1, 1], [0, 0, 0, 0]);
        backend.EmbeddingBackward(dtable, sandbox.Integers([1, -1, 2]), sandbox.Input("dy", [1, 1, 1, 1, 1, 1]), 3, 2);
        backend.GatherColumns(y, table, sandbox.Integers([1, 2, -1]), 2, 2);
        Assert.Equal([2, float.NaN, float.NaN, 4, float.NaN, float.NaN], sandbox.Download(y));
        var losses = sandbox.Scratch("losses", 2);
        backend.CrossEntropy(losses, default, table, sandbox.Integers([2, -5]), 2, 2, 1);
        Assert.Equal([float.NaN, 0], sandbox.Download(losses));
        var cache = sandbox.Output("cache", [1, 7, 0], [0, 0, 0]);
        backend.CacheAppend(cache, sandbox.Input("new", [9, 1, 7]), sandbox.Integers([-1]), 3, new CacheShape(1, 3, 1, 1, 1));
        sandbox.Verify("bad indices");
    }

    [Theory, MemberData(nameof(Ids))]
    public void NormsNeitherOverflowNorVanish(string id)
    {
        var backend = Accelerators.Open(id);
        Assert.Equal([5e30f, 1e-30f], Norm([3e30f, -4e30f], 5), (a, b) => Math.Abs(a - b) <= 1e-6f * Math.Abs(a));
        Assert.Equal([5e-30f, 1], Norm([3e-30f, 4e-30f], 5), (a, b) => Math.Abs(a - b) <= 1e-6f * Math.Abs(a));
        Assert.Equal([0, 1], Norm([], 5));
        Assert.Equal([float.NaN, 0], Norm([1, float.NaN, 2], 5));
        Assert.Equal(0, Norm([1, float.PositiveInfinity, 2], 5)[1]);

        float[] Norm(float[] g, float maxNorm)
        {
            using var sandbox = new Sandbox(backend);
            var norm = sandbox.Scratch("norm", 2);
            backend.GradientNorm(norm, sandbox.Input("g", g), maxNorm);
            return sandbox.Download(norm);
        }
    }

    [Theory, MemberData(nameof(Ids))]
    public void MemoryOfAnotherBackendIsRefused(string id)
    {
        var backend = Accelerators.Open(id);
        using var host = HostBackend.Create(1);
        using var sandbox = new Sandbox(host);
        var x = sandbox.Input("x", [1, 2]);
        Expect.Rejects(sandbox, () => backend.Fill(x, 1), "another backend");
        Expect.Rejects(sandbox, () => backend.Copy(x, x.Slice(0, 1)), "y has 2", "1");
    }

    [Theory, MemberData(nameof(Ids))]
    public void WeightsOfOtherTypesAreFrozen(string id)
    {
        var backend = Accelerators.Open(id);
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Weight("w", new float[6], WeightType.Q8_0, 3), default, default, default, In: 3, Out: 2, Rank: 0, Scale: 1);
        var (x, dy, dw) = (sandbox.Input("x", new float[12]), sandbox.Input("dy", new float[8]), sandbox.Input("dw", new float[6]));
        Expect.Rejects(sandbox, () => backend.LinearBackward(default, new(dw, default, default, default), default, dy, x, default, w, rows: 4), "Q8_0", "frozen");
        Expect.Rejects(sandbox, () => backend.GatherRows(dw, w.Weight, sandbox.Integers([1]), 3), "F32", "Q8_0");
    }

    [Theory]
    [InlineData("ilgpu-cpu", WeightType.BF16)]
    [InlineData("opencl", WeightType.F32)]
    [InlineData("opencl", WeightType.BF16)]
    [InlineData("opencl", WeightType.Q8_0)]
    [InlineData("cuda", WeightType.Q8_0)]
    public void RowsAreGatheredAsTheyAreStored(string id, WeightType type)
    {
        const int rows = 5, D = 45;
        var backend = Accelerators.Open(id);
        using var sandbox = new Sandbox(backend);
        var values = TestData.Uniform(rows * D, 1);
        int rowBytes = (int)type.RowBytes(D);
        using var arena = backend.Allocate(3 * rowBytes);
        var y = new WeightSpan(type, arena, 0, 3 * D);
        backend.GatherRows(y, sandbox.Weight("x", values, type, D), sandbox.Integers([4, 0, 3]), D);
        var actual = new byte[3 * rowBytes];
        backend.Download<byte>(actual, y.Rows(0, 3, D));
        var all = WeightReference.Encode(values, type, D);
        Assert.Equal([.. new[] { 4, 0, 3 }.SelectMany(row => all.AsSpan(row * rowBytes, rowBytes).ToArray())], actual);
        sandbox.Verify("gathered rows");
    }

    /// <summary>Sequences decoded together have the bits of one alone.</summary>
    [Theory]
    [InlineData("ilgpu-cpu")]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void UpToFourRowsHaveTheBitsOfOne(string id)
    {
        const int In = 70, Out = 3;
        var backend = Accelerators.Open(id);
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Weight("w", TestData.Uniform(In * Out, 1), WeightType.Q8_0, In), default, default, default, In, Out, 0, 1);
        var x = TestData.Uniform(4 * In, 2);
        var y = sandbox.Scratch("y", 4 * Out);
        backend.LinearForward(y, default, sandbox.Input("x", x), w, 4);
        var one = sandbox.Scratch("one", Out);
        backend.LinearForward(one, default, sandbox.Input("last", x[(3 * In)..]), w, 1);
        Assert.Equal(sandbox.Download(y)[(3 * Out)..], sandbox.Download(one));
    }

    [Theory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void TooLittleDeviceMemoryIsSaidWithNumbers(string id)
    {
        var backend = Accelerators.Open(id);
        var error = Assert.Throws<InsufficientMemoryException>(() => backend.Allocate(1L << 46));
        Assert.Contains("70,368,744,177,664 bytes", error.Message);
        using var still = backend.Allocate(64); // the backend goes on
    }

    [Fact]
    public void AMissingDeviceIsNamedWithTheOthers()
    {
        var error = Assert.Throws<ArgumentException>(() => IlgpuDevices.Open("opencl:77"));
        Assert.Contains("opencl:77", error.Message);
        Assert.Contains("there are host, ", error.Message);
        Assert.EndsWith("ilgpu-cpu", error.Message);
        Assert.Contains(IlgpuDevices.List(), d => d is { Id: "ilgpu-cpu", Problem: null });
    }
}
