using System.Runtime.CompilerServices;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// The accelerators that tests run on: ILGPU's debugging CPU everywhere, and the first OpenCL and CUDA devices where there are any,
/// PoCL among them. Each is opened once.
/// </summary>
public static class Accelerators
{
    public const string Debugger = "ilgpu-cpu";

    private static readonly Dictionary<string, IComputeBackend> Opened = [];

    /// <summary>Before there are threads that might read the environment, which this changes.</summary>
    [ModuleInitializer]
    internal static void AskForPocl()
    {
        Environment.SetEnvironmentVariable(PoclDevices.Variable, "1");
        RuntimeHelpers.RunClassConstructor(typeof(IlgpuDevices).TypeHandle);
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
                return Opened[id] = IlgpuDevices.Open(id);
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
        return (IlgpuBackend)IlgpuDevices.Open(id, options, compile: true, emulated: id != "cuda");
    }
}
