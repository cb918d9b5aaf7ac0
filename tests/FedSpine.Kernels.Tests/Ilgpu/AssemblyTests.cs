using System.Reflection;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Ilgpu.Tensor;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>Every kernel assembled to machine code by NVIDIA's own assembler where it is there: what ILGPU writes and what we wrote as text is PTX that it takes.</summary>
public sealed class AssemblyTests(ITestOutputHelper output)
{
    private static IEnumerable<MethodInfo> TensorProducts =>
        from unit in new[] { typeof(PtxBF16), typeof(PtxTF32) }
        from tile in new[] { typeof(NarrowTile), typeof(WideTile) }
        from weight in new[] { typeof(ReadF32), typeof(ReadBF16), typeof(ReadQ8) }
        select typeof(TensorKernels).GetMethod(nameof(TensorKernels.PtxKernel))!.MakeGenericMethod(weight, unit, tile);

    [Theory]
    [InlineData(7, 5)]
    [InlineData(8, 0)]
    [InlineData(9, 0)]
    public void ToMachineCode(int major, int minor)
    {
        Assert.SkipWhen(Ptxas.Path is null, "no ptxas on the path (Debian: nvidia-cuda-toolkit, in non-free): kernels were not assembled");
        using var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU())); // no driver is touched
        using var backend = new PTXBackend(context, new CudaArchitecture(major, minor), CudaInstructionSet.ISA_78, null!);
        var texts = OfflineCompilationTests.Kernels.Concat(major >= 8 ? TensorProducts : [])
            .Select(kernel => (Name: Label(kernel), Text: ((PTXCompiledKernel)OfflineCompilationTests.Compile(backend, kernel)).PTXAssembly)).ToArray();
        var resources = texts.AsParallel().AsOrdered().Select(t => (t.Name, Needs: Ptxas.Assemble(t.Text, $"sm_{major}{minor}"))).ToArray();
        foreach (var (name, needs) in resources)
            output.WriteLine($"sm_{major}{minor} {name}: {needs.Registers} registers, {needs.SharedBytes} bytes shared, {needs.StackBytes} stack, {needs.SpillBytes} spilled");
        // 65,536 registers a multiprocessor: a group of 512 threads, or two of 256.
        Assert.All(resources.Where(r => r.Name.Contains("Wide", StringComparison.Ordinal)), r => Assert.InRange(r.Needs.Registers, 1, 128));
        Assert.All(resources, r => Assert.True(r.Needs is { SpillBytes: 0, SharedBytes: <= 48 << 10, Registers: > 0 and <= 255 }, $"{r.Name}: {r.Needs}"));
    }

    private static string Label(MethodInfo kernel) => kernel.IsGenericMethod ? $"{kernel.Name}<{string.Join(", ", kernel.GetGenericArguments().Select(t => t.Name))}>" : kernel.Name;
}
