using System.Globalization;
using System.Text.RegularExpressions;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Ilgpu.Tensor;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>The tensor-core kernels as PTX for devices that are not here, and the emulated ones as OpenCL C.</summary>
public sealed partial class TensorCompilationTests(ITestOutputHelper output)
{
    private static readonly Type[] Weights = [typeof(ReadF32), typeof(ReadBF16), typeof(ReadQ8)];

    private static readonly Type[] Tiles = [typeof(NarrowTile), typeof(WideTile)];

    public static TheoryData<int, Type, Type> Targets
    {
        get
        {
            var data = new TheoryData<int, Type, Type>();
            foreach (int major in new[] { 8, 9 })
                foreach (var unit in new[] { typeof(PtxBF16), typeof(PtxTF32) })
                    foreach (var tile in Tiles)
                        data.Add(major, unit, tile);
            return data;
        }
    }

    [Theory, MemberData(nameof(Targets))]
    public void ToPtx(int major, Type unit, Type tile)
    {
        using var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU())); // no driver is touched
        using var backend = new PTXBackend(context, new CudaArchitecture(major, 0), CudaInstructionSet.ISA_80, null!);
        int sharedWords = TensorTile.SharedWords(tile == typeof(WideTile) ? WideTile.Side : NarrowTile.Side);
        foreach (var weight in Weights)
        {
            string name = $"sm_{major}0 {unit.Name} {weight.Name} {tile.Name}";
            string text = ((PTXCompiledKernel)OfflineCompilationTests.Compile(backend, typeof(TensorKernels).GetMethod(nameof(TensorKernels.PtxKernel))!.MakeGenericMethod(weight, unit, tile))).PTXAssembly;
            string[] mustHave =
            [
                ".visible .entry", unit == typeof(PtxBF16) ? TensorPtx.MultiplyBF16 : TensorPtx.MultiplyTF32,
                "ldmatrix.sync.aligned.m8n8.x4.shared.b16", "cp.async.ca.shared.global", "cp.async.cg.shared.global", TensorPtx.Wait, "bar.sync",
            ];
            Assert.All(mustHave, s => Assert.Contains(s, text));
            Assert.Matches(@"cp\.async\.wait_all;\s+bar\.sync\s+0;", text); // a thread's copies are done before the others are told
            Assert.DoesNotContain(".extern .func", text);
            Assert.DoesNotContain(".local", text); // sums and fragments are registers
            Assert.DoesNotContain(".f64", text);
            Assert.Single(Regex.Matches(text, Regex.Escape(TensorPtx.Begin))); // registers are declared once, before they are used
            Assert.Equal(text.IndexOf("tc_", StringComparison.Ordinal), text.IndexOf(TensorPtx.Begin, StringComparison.Ordinal) + ".reg .b32 ".Length);
            // The texts name the shared memory: there is one allocation, of that name, for 16-byte accesses, within what any device gives a group.
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $".shared .align 16 .b8 {TensorPtx.SharedName}[{4 * sharedWords}]"), Assert.Single(SharedDeclaration().Matches(text)).Value);
            Assert.True(4 * sharedWords <= 48 << 10);
            Assert.DoesNotContain("%tid.y", text); // a warp is 32 threads that follow one another along x
            output.WriteLine($"{name}: {text.Length} characters; {SharedDeclaration().Match(text).Value}; {string.Join(", ", RegisterDeclaration().Matches(text).Select(m => m.Value))}; fragments and sums {TensorPtx.Begin[..TensorPtx.Begin.IndexOf("mov", StringComparison.Ordinal)]}");
        }
    }

    [Fact]
    public void TheEmulatedToOpenCL()
    {
        using var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU()));
        var least = new CLCapabilityContext(subGroups: false, genericAddressSpace: true, float16: false, float64: false, int64_Atomics: false);
        using var backend = new CLBackend(context, least, CLDeviceVendor.Other, CLCVersion.CL20);
        foreach (var weight in Weights)
        {
            foreach (var (unit, tile) in from unit in new[] { typeof(EmulatedUnit<FormatBF16>), typeof(EmulatedUnit<FormatTF32>) } from tile in Tiles select (unit, tile))
            {
                string text = ((CLCompiledKernel)OfflineCompilationTests.Compile(backend, typeof(TensorKernels).GetMethod(nameof(TensorKernels.EmulatedKernel))!.MakeGenericMethod(weight, unit, tile))).Source;
                Assert.Contains("kernel void", text);
                Assert.DoesNotContain("double", text);
            }
        }
    }

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[\d+\]")]
    private static partial Regex SharedDeclaration();

    [GeneratedRegex(@"\.reg \.\w+\s+%\w+<\d+>")]
    private static partial Regex RegisterDeclaration();
}
