using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FedSpine.Kernels.Ilgpu;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// The accelerators that tests run on: ILGPU's debugging CPU everywhere, and the first OpenCL and CUDA devices where there are any.
/// Each is opened once. PoCL runs our kernels but does not report the generic address space that ILGPU asks for: tests say it for it.
/// </summary>
public static partial class Accelerators
{
    public const string Debugger = "ilgpu-cpu";

    private static readonly Dictionary<string, IComputeBackend> Opened = [];

    /// <summary>Before there are threads that might read it: the C library's environment, for .NET's own copy is not what PoCL sees.</summary>
    [ModuleInitializer]
    internal static void PreparePocl()
    {
        if (OperatingSystem.IsLinux())
            SetEnvironment("POCL_EXTRA_BUILD_FLAGS", "-D__generic=__global", 1);
    }

    public static TheoryData<string> Ids => [Debugger, "opencl", "cuda"];

    /// <summary>The backend, or a skipped test with the reason.</summary>
    public static IComputeBackend Open(string id)
    {
        lock (Opened)
        {
            if (Opened.TryGetValue(id, out var backend))
                return backend;
            try
            {
                return Opened[id] = IlgpuDevices.Open(id, SpeakForPocl);
            }
            catch (ArgumentException absent)
            {
                Assert.Skip(absent.Message);
                throw;
            }
        }
    }

    /// <summary>A backend of its own, with these options (emulated where the device is not CUDA), or a skipped test where there is no such device.</summary>
    internal static IlgpuBackend Open(string id, IlgpuOptions options)
    {
        Open(id);
        return (IlgpuBackend)IlgpuDevices.Open(id, SpeakForPocl, options, emulated: id != "cuda");
    }

    private static void SpeakForPocl(Device device)
    {
        if (device is CLDevice { PlatformName: "Portable Computing Language" } pocl)
            typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!.GetSetMethod(nonPublic: true)!.Invoke(pocl.Capabilities, [true]);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
