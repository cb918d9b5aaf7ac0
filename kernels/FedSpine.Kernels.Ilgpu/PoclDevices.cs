using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>
/// PoCL computes OpenCL on the processor: it shows that kernels are right on machines without a GPU, and is slower than the host backend. It
/// runs ours but reports no generic address space, without which ILGPU opens no OpenCL device. With FEDSPINE_POCL=1 in the
/// environment we report it in PoCL's place, and define the keyword away for its compiler: all of our pointers are global.
/// </summary>
internal static class PoclDevices
{
    public const string Variable = "FEDSPINE_POCL";

    public static bool AreWanted { get; } = Environment.GetEnvironmentVariable(Variable) == "1";

    /// <summary>Before the driver starts: it reads the C library's environment, which is not .NET's copy.</summary>
    public static void Prepare()
    {
        if (AreWanted && OperatingSystem.IsLinux())
            SetEnvironment("POCL_EXTRA_BUILD_FLAGS\0"u8.ToArray(), "-D__generic=__global\0"u8.ToArray(), 1);
    }

    public static bool Is(Device device) => device is CLDevice { PlatformName: "Portable Computing Language" };

    public static void SpeakFor(Device device)
    {
        if (AreWanted && Is(device) && device is CLDevice { Capabilities.GenericAddressSpace: false } pocl)
            typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!.GetSetMethod(nonPublic: true)!.Invoke(pocl.Capabilities, [true]);
    }

    /// <summary>Names end in 0, as C's do.</summary>
    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetEnvironment(byte[] name, byte[] value, int overwrite);
}
