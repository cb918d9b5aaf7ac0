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
    /// <summary>CUDA's compute capability from which bf16 and tf32 can be multiplied.</summary>
    private const int LeastTensorMajor = 8;

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
        return
        [
            .. Identify(context).Select(d => new IlgpuDevice(d.Id, d.Device.Name, d.Device is CPUDevice ? 0 : d.Device.MemorySize, Problem(d.Device))
            {
                ComputeCapability = Capability(d.Device) is { } capability ? FormattableString.Invariant($"{capability.Major}.{capability.Minor}") : null,
                HasTensorProducts = Capability(d.Device) is { Major: >= LeastTensorMajor },
                BlasLibrary = d.Device is CudaDevice ? FindBlas() : null,
            }),
        ];
    }

    /// <summary>A backend on the device named; ":0" may be left out.</summary>
    /// <exception cref="ArgumentException">
    /// There is no such device, or it lacks a feature that is needed or asked for, or its tensor cores fail the check against the portable
    /// kernel: the message says which, and what there is.
    /// </exception>
    public static IComputeBackend Open(string id, IlgpuOptions? options = null) => Open(id, _ => { }, options);

    /// <param name="prepare">Is shown every device before one is chosen: tests amend what a driver reports.</param>
    /// <param name="emulated">Lesser precisions without tensor cores: for tests.</param>
    internal static IComputeBackend Open(string id, Action<Device> prepare, IlgpuOptions? options = null, bool emulated = false)
    {
        options ??= IlgpuOptions.Default;
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
            if (!emulated && Refusal(found.Name, Capability(found), options) is { } refusal)
                throw new ArgumentException(refusal);
            var backend = new IlgpuBackend(context, found, options, emulated);
            if (options.Blas)
                backend.UseBlas();
            if (found is not CPUDevice && !emulated) // where a kernel would be compiled for longer than it runs
                backend.LoadKernels();
            if (options.Precision != MatMulPrecision.Float32)
                backend.CheckTensorProducts();
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

    private static (int Major, int Minor)? Capability(Device device) => device is CudaDevice { Architecture: { } architecture } ? (architecture.Major, architecture.Minor) : null;

    /// <summary>Why a device cannot be opened with these options; null where it can.</summary>
    /// <param name="capability">CUDA's compute capability; null on other devices.</param>
    internal static string? Refusal(string name, (int Major, int Minor)? capability, IlgpuOptions options) => options switch
    {
        { Blas: true, Precision: not MatMulPrecision.Float32 } => $"cuBLAS computes float32 products: give --blas or --matmul {options.Precision.Label()}, not both",
        { Blas: true } when capability is null => $"{name} is no CUDA device: cuBLAS (--blas) does not run there",
        { Precision: MatMulPrecision.Float32 } => null,
        _ when capability is null => $"{name} is no CUDA device: {options.Precision.Label()} products need one with tensor cores, of compute capability {LeastTensorMajor}.0 or later; use --matmul float32",
        _ when capability.Value.Major < LeastTensorMajor => FormattableString.Invariant(
            $"{name} has compute capability {capability.Value.Major}.{capability.Value.Minor}: {options.Precision.Label()} products need {LeastTensorMajor}.0 or later; use --matmul float32"),
        _ => null,
    };

    /// <summary>The newest cuBLAS that ILGPU can bind and the system loads; null: none.</summary>
    private static string? FindBlas()
    {
        foreach (int version in new[] { 12, 11, 10 })
        {
            string library = OperatingSystem.IsWindows() ? $"cublas64_{version}.dll" : $"libcublas.so.{version}";
            if (NativeLibrary.TryLoad(library, out nint handle))
            {
                NativeLibrary.Free(handle);
                return library;
            }
        }

        return null;
    }

    private static string? Problem(Device device) => device is CLDevice { Capabilities.GenericAddressSpace: false }
        ? "its driver reports no generic address space (an OpenCL 2.0 feature), which ILGPU needs"
        : null;

    /// <summary>ILGPU asks for the name that only development packages install; the runtime's own name is libOpenCL.so.1.</summary>
    private static IntPtr ResolveOpenCL(string name, Assembly assembly, DllImportSearchPath? path) =>
        OperatingSystem.IsLinux() && name.Contains("OpenCL", StringComparison.Ordinal) && NativeLibrary.TryLoad("libOpenCL.so.1", out nint handle) ? handle : IntPtr.Zero;
}
