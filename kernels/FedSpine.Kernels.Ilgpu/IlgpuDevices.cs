using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>
/// Finds and opens accelerators: "cuda[:i]", "opencl[:i]" and "ilgpu-cpu", a debugger that runs kernels on the host, far too slow
/// for models.
/// </summary>
public static class IlgpuDevices
{
    private static readonly Lock DriverStart = new();

    static IlgpuDevices()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, ResolveOpenCL);
        }
        catch (InvalidOperationException)
        {
            // The program has a resolver of its own for ILGPU, which goes first.
        }
    }

    /// <summary>Every device, usable or not.</summary>
    public static IReadOnlyList<IlgpuDevice> List()
    {
        using var context = CreateContext();
        return [.. Identify(context).Select(d => new IlgpuDevice(d.Id, d.Device.Name, d.Device is CPUDevice ? 0 : d.Device.MemorySize, Problem(d.Device)))];
    }

    /// <summary>A backend on the device named; ":0" may be left out.</summary>
    /// <exception cref="ArgumentException">There is no such device, or it lacks a feature: the message says which, and what there is.</exception>
    public static IComputeBackend Open(string id) => Open(id, _ => { });

    /// <param name="prepare">Is shown every device before one is chosen: tests amend what a driver reports.</param>
    internal static IComputeBackend Open(string id, Action<Device> prepare)
    {
        var context = CreateContext();
        try
        {
            foreach (var device in context.Devices)
                prepare(device);
            var devices = Identify(context).ToArray();
            string full = id is "cuda" or "opencl" ? id + ":0" : id;
            var found = devices.FirstOrDefault(d => d.Id == full).Device;
            if (found is null)
                throw new ArgumentException($"there is no device {id}; there are {string.Join(", ", devices.Where(d => Problem(d.Device) is null).Select(d => d.Id).Prepend("host"))}");
            if (Problem(found) is { } problem)
                throw new ArgumentException($"{found.Name} cannot be used: {problem}");
            var backend = new IlgpuBackend(context, found);
            if (found is not CPUDevice) // where a kernel would be compiled for longer than it runs
                backend.LoadKernels();
            return backend;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>A context of every device there is; nothing of CUDA or OpenCL need be installed.</summary>
    private static Context CreateContext()
    {
        lock (DriverStart) // not every driver can be started by two threads at once
            return Context.Create(builder => ForKernels(builder.DefaultCPU().Cuda().OpenCL(_ => true)));
    }

    /// <summary>How kernels are compiled. Exponentials and logarithms on CUDA come from ILGPU's algorithms.</summary>
    internal static Context.Builder ForKernels(Context.Builder builder) => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2).Inlining(InliningMode.Aggressive);

    private static IEnumerable<(string Id, Device Device)> Identify(Context context)
    {
        int cuda = 0, opencl = 0;
        foreach (var device in context.Devices)
        {
            yield return (device switch
            {
                CudaDevice => $"cuda:{cuda++}",
                CLDevice => $"opencl:{opencl++}",
                _ => "ilgpu-cpu",
            }, device);
        }
    }

    private static string? Problem(Device device) => device is CLDevice { Capabilities.GenericAddressSpace: false }
        ? "its driver reports no generic address space (an OpenCL 2.0 feature), which ILGPU needs"
        : null;

    /// <summary>ILGPU asks for the name that only development packages install; the runtime's own name is libOpenCL.so.1.</summary>
    private static IntPtr ResolveOpenCL(string name, Assembly assembly, DllImportSearchPath? path) =>
        OperatingSystem.IsLinux() && name.Contains("OpenCL", StringComparison.Ordinal) && NativeLibrary.TryLoad("libOpenCL.so.1", out nint handle) ? handle : IntPtr.Zero;
}
