using System.Reflection;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Ilgpu;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>Every kernel, with every formula, compiled for devices that are not here: nothing is left unresolved.</summary>
public sealed class OfflineCompilationTests
{
    internal static MethodInfo[] Kernels
    {
        get
        {
            Type[] arguments = [.. typeof(Gelu).Assembly.GetTypes().Concat(typeof(IlgpuBackend).Assembly.GetTypes()).Where(t => t.IsValueType)];
            var methods = typeof(IlgpuBackend).GetMethods(BindingFlags.Static | BindingFlags.NonPublic).Where(m => m.Name.EndsWith("Kernel", StringComparison.Ordinal));
            return
            [
                .. methods.SelectMany(m => !m.IsGenericMethodDefinition ? [m] : arguments
                    .Where(t => m.GetGenericArguments()[0].GetGenericParameterConstraints().All(c => c == typeof(ValueType) || t.IsAssignableTo(c)))
                    .Select(t => m.MakeGenericMethod(t))),
            ];
        }
    }

    [Fact]
    public void TheListIsWhole()
    {
        var names = Kernels.Select(k => k.Name).ToHashSet();
        Assert.Superset(new HashSet<string> { "UnaryKernel", "BinaryKernel", "TernaryKernel", "MatMulKernel", "AttentionKeyKernel", "AdamWKernel" }, names);
        Assert.Contains(Kernels, k => k.IsGenericMethod && k.GetGenericArguments()[0] == typeof(SwiGluBackwardGate));
        Assert.Equal(3, Kernels.Count(k => k.Name == "MatMulKernel")); // a weight type each
        // Launchers name the kernels: one launcher for each that is not generic.
        int launchers = typeof(IlgpuBackend).GetProperties(BindingFlags.Instance | BindingFlags.NonPublic).Count(p => p.Name.EndsWith("Launcher", StringComparison.Ordinal));
        Assert.Equal(launchers, Kernels.Count(k => !k.IsGenericMethod));
    }

    [Theory]
    [InlineData(7, 5)]
    [InlineData(8, 0)]
    [InlineData(9, 0)]
    public void ToPtx(int major, int minor)
    {
        using var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU())); // no driver is touched
        using var backend = new PTXBackend(context, new CudaArchitecture(major, minor), CudaInstructionSet.ISA_80, null!);
        foreach (var kernel in Kernels)
        {
            string text = ((PTXCompiledKernel)Compile(backend, kernel)).PTXAssembly;
            Assert.Contains(".visible .entry", text);
            Assert.DoesNotContain(".extern .func", text);
            Assert.DoesNotContain(".f64", text); // many devices compute doubles at a 64th of the speed
        }
    }

    [Fact]
    public void ToOpenCL()
    {
        using var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU())); // no driver is touched
        var least = new CLCapabilityContext(subGroups: false, genericAddressSpace: true, float16: false, float64: false, int64_Atomics: false);
        using var backend = new CLBackend(context, least, CLDeviceVendor.Other, CLCVersion.CL20);
        foreach (var kernel in Kernels)
        {
            string text = ((CLCompiledKernel)Compile(backend, kernel)).Source;
            Assert.Contains("kernel void", text);
            Assert.DoesNotContain("double", text);
            Assert.DoesNotContain("atomic", text);
        }
    }

    internal static CompiledKernel Compile(Backend backend, MethodInfo kernel)
    {
        try
        {
            return backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), new KernelSpecialization());
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"{kernel}: {error.GetBaseException().Message}", error);
        }
    }
}
