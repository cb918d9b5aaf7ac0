using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>Memory of accelerators: what is uploaded arrives, without waiting; what does not fit is refused with numbers.</summary>
[Collection(nameof(Accelerators))]
public sealed class DeviceMemoryTests
{
    public static TheoryData<string> Ids => Accelerators.Ids;

    [Theory, MemberData(nameof(Ids))]
    public void LargeUploadsArriveWhole(string id)
    {
        var backend = Accelerators.Open(id);
        var values = new int[(UploadRing.Capacity + UploadRing.Piece) / sizeof(int) + 13];
        for (int i = 0; i < values.Length; i++)
            values[i] = i * 31 + 7;
        using var arena = backend.Allocate((long)values.Length * sizeof(int));
        var span = new DeviceSpan<int>(arena, 0, values.Length);
        backend.Upload<int>(span, values);
        var back = new int[values.Length];
        backend.Download(back, span);
        Assert.True(values.AsSpan().SequenceEqual(back));
    }

    [Theory, MemberData(nameof(Ids))]
    public void SmallUploadsDoNotWaitAndComeInOrder(string id)
    {
        const int length = 100, uploads = 200;
        var backend = (IlgpuBackend)Accelerators.Open(id);
        using var arena = backend.Allocate(2 * length * sizeof(float));
        DeviceSpan<float> x = new(arena, 0, length), sum = new(arena, length * sizeof(float), length);
        backend.Synchronize();
        int before = backend.RoundTrips;
        var values = new float[length];
        for (int i = 1; i <= uploads; i++)
        {
            Array.Fill(values, i); // the caller's again as soon as Upload returns
            backend.Upload<float>(x, values);
            backend.Map<Add>(sum, sum, x);
        }

        Assert.Equal(before, backend.RoundTrips);
        backend.Download(values, sum);
        Assert.Equal(before + 1, backend.RoundTrips);
        Assert.All(values, v => Assert.Equal(uploads * (uploads + 1) / 2f, v));
    }

    [Theory, MemberData(nameof(Ids))]
    public void ALimitIsSaidWithWhatIsFree(string id)
    {
        var backend = (IlgpuBackend)Accelerators.Open(id);
        long before = backend.AllocatedBytes;
        backend.MemoryLimit = before + 4096;
        try
        {
            using (backend.Allocate(1024))
            {
                var refused = Assert.Throws<InsufficientMemoryException>(() => backend.Allocate(3200));
                Assert.Equal(FormattableString.Invariant($"3,200 bytes do not fit on {backend.Name}: 3,072 of its {before + 4096:N0} bytes are free{(id == "opencl" ? ", less what other programs have" : "")}"), refused.Message);
            }

            using var fits = backend.Allocate(3200);
        }
        finally
        {
            backend.MemoryLimit = long.MaxValue;
        }

        Assert.Equal(before, backend.AllocatedBytes);
    }

    [Fact]
    public void TheDefaultIsTheFirstGpuThatCanBeUsedCudaBeforeOpenCL()
    {
        IlgpuDevice debugger = new("ilgpu-cpu", "CPU", 0, null, false), pocl = new("opencl:0", "PoCL", 1, null, false), gpu = new("opencl:1", "a GPU", 1, null, true),
            old = new("cuda:0", "too old", 1, "why", true), cuda = new("cuda:1", "a GPU", 1, null, true), other = new("cuda:2", "another", 1, null, true);
        Assert.Equal("cuda:1", IlgpuDevices.Default([debugger, gpu, old, cuda, other]));
        Assert.Equal("opencl:1", IlgpuDevices.Default([debugger, pocl, gpu, old]));
        Assert.Null(IlgpuDevices.Default([debugger, pocl, old]));
        Assert.Equal(IlgpuDevices.Default(IlgpuDevices.List()), IlgpuDevices.Default());
    }

    [Fact]
    public void PoclIsNeverTheDefault() => Assert.All(IlgpuDevices.List().Where(d => d.Name.StartsWith("pthread-", StringComparison.Ordinal)), d => Assert.False(d.IsGpu));

    [Fact]
    public void AnIdIsMadeWhole() => Assert.Equal("ilgpu-cpu", IlgpuDevices.Require("ilgpu-cpu"));
}
