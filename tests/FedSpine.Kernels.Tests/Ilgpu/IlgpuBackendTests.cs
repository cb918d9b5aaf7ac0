using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;

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
    public void WeightsOtherThanFloat32AreRefused(string id)
    {
        var backend = Accelerators.Open(id);
        Assert.All(Enum.GetValues<Operator>(), op => Assert.True(backend.Supports(op, WeightType.F32) && !backend.Supports(op, WeightType.BF16) && !backend.Supports(op, WeightType.Q8_0)));
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Weight("w", new float[6], WeightType.Q8_0, 3), default, default, default, In: 3, Out: 2, Rank: 0, Scale: 1);
        var (x, y) = (sandbox.Input("x", new float[3]), sandbox.Input("y", new float[2]));
        Expect.Rejects(sandbox, () => backend.LinearForward(y, default, x, w, 1), "Q8_0", "float32");
        Expect.Rejects(sandbox, () => backend.SquareSums(y, w.Weight, 2, 3, MatrixAxis.Rows), "Q8_0");
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
        Assert.Contains("host, ilgpu-cpu", error.Message);
        Assert.Contains(IlgpuDevices.List(), d => d is { Id: "ilgpu-cpu", Problem: null });
    }
}
