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
    internal const string Debugger = "ilgpu-cpu";

    /// <summary>CUDA's compute capability from which bf16 and tf32 can be multiplied.</summary>
    private const int LeastTensorMajor = 8;

    private static readonly Lock DriverStart = new();

    static IlgpuDevices()
    {
        PoclDevices.Prepare();
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
        using var context = CreateContext("");
        return Describe(context);
    }

    /// <summary>
    /// The id of the device to compute on when nobody says: the first CUDA device that can be used, else the first OpenCL device that is a
    /// GPU and can be used; null: the host. Milliseconds where there is no driver, as nothing but its library's name is looked for.
    /// </summary>
    public static string? Default()
    {
        foreach (var (kind, library) in new[] { ("cuda", CudaLibrary), ("opencl", OpenCLLibrary) })
        {
            if (!NativeLibrary.TryLoad(library, out _)) // stays loaded: the driver is about to be used
                continue;
            using var context = CreateContext(kind);
            if (Default(Describe(context)) is { } id)
                return id;
        }

        return null;
    }

    /// <summary>The same among these devices.</summary>
    public static string? Default(IEnumerable<IlgpuDevice> devices) => devices
        .Where(d => d is { Problem: null, IsGpu: true }).OrderBy(d => d.Id.StartsWith("cuda", StringComparison.Ordinal) ? 0 : 1).FirstOrDefault()?.Id;

    /// <summary>Checks that a device can be opened, as far as that can be said without opening it.</summary>
    /// <returns>Its full id: "cuda:0" for "cuda".</returns>
    /// <exception cref="ArgumentException">There is no such device, or it lacks a feature: the message says which, and what there is.</exception>
    public static string Require(string id)
    {
        string full = FullId(id);
        using var context = CreateContext(full);
        Find(context, id);
        return full;
    }

    /// <summary>A backend on the device named; ":0" may be left out.</summary>
    /// <param name="options">How products are computed; null: as on the host.</param>
    /// <param name="compile">Compiles every kernel now, in seconds, so that none is compiled within a step; false: each when it is first called.</param>
    /// <exception cref="ArgumentException">
    /// There is no such device, or it lacks a feature that is needed or asked for, or its tensor cores fail the check against the portable
    /// kernel: the message says which, and what there is.
    /// </exception>
    public static IComputeBackend Open(string id, IlgpuOptions? options = null, bool compile = true) => Open(id, options ?? IlgpuOptions.Default, compile, emulated: false);

    /// <param name="emulated">Lesser precisions without tensor cores: for tests.</param>
    internal static IComputeBackend Open(string id, IlgpuOptions options, bool compile, bool emulated)
    {
        var context = CreateContext(FullId(id));
        string name = id;
        IlgpuBackend? backend = null;
        try
        {
            var found = Find(context, id);
            name = found.Name;
            if (!emulated && Refusal(found.Name, Capability(found), options) is { } refusal)
                throw new ArgumentException(refusal);
            backend = new IlgpuBackend(context, found, options, emulated);
            if (options.Blas)
                backend.UseBlas();
            if (compile && !emulated && found is not CPUDevice) // where a kernel would be compiled for longer than it runs
                backend.LoadKernels();
            if (options.Precision != MatMulPrecision.Float32)
                backend.CheckTensorProducts();
            return backend;
        }
        catch (Exception failure)
        {
            backend?.Dispose();
            context.Dispose();
            var cause = failure is TargetInvocationException { InnerException: { } inner } ? inner : failure;
            if (cause is AcceleratorException or InternalCompilerException or NotSupportedException or DllNotFoundException)
                throw new ArgumentException($"{name} cannot be used: {cause.GetBaseException().Message.ReplaceLineEndings(" ")}; {Alternatives(id)}", failure);
            throw;
        }
    }

    /// <summary>"cuda:0" for "cuda": the id as <see cref="List"/> has it.</summary>
    public static string FullId(string id) => id is "cuda" or "opencl" ? id + ":0" : id;

    private static Device Find(Context context, string id)
    {
        string full = FullId(id);
        var found = Identify(context).FirstOrDefault(d => d.Id == full).Device;
        if (found is null)
            throw new ArgumentException($"there is no device {id}; {Alternatives(id)}");
        if (Problem(found) is { } problem)
            throw new ArgumentException($"{found.Name} cannot be used: {problem}; {Alternatives(id)}");
        return found;
    }

    /// <summary>"there are host, ilgpu-cpu": what can be used, but for <paramref name="id"/>.</summary>
    private static string Alternatives(string id) =>
        $"there are {string.Join(", ", List().Where(d => d.Problem is null && d.Id != FullId(id)).Select(d => d.Id).Prepend("host"))}";

    /// <summary>A context of the devices whose ids begin with the kind in <paramref name="id"/>, of all where it is empty; nothing of CUDA or OpenCL need be installed.</summary>
    private static Context CreateContext(string id)
    {
        bool Of(string kind) => id.Length == 0 || id.StartsWith(kind, StringComparison.Ordinal);
        lock (DriverStart) // not every driver can be started by two threads at once
        {
            var context = Context.Create(builder =>
            {
                ForKernels(builder);
                if (Of("cuda"))
                    builder.Cuda();
                if (Of("opencl"))
                    builder.OpenCL(_ => true);
                if (Of(Debugger))
                    builder.DefaultCPU();
            });
            foreach (var device in context.Devices)
                PoclDevices.SpeakFor(device);
            return context;
        }
    }

    /// <summary>How kernels are compiled. Exponentials and logarithms on CUDA come from ILGPU's algorithms.</summary>
    internal static Context.Builder ForKernels(Context.Builder builder) => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2).Inlining(InliningMode.Aggressive);

    private static IReadOnlyList<IlgpuDevice> Describe(Context context) =>
    [
        .. Identify(context).Select(d => new IlgpuDevice(d.Id, d.Device.Name, d.Device is CPUDevice ? 0 : d.Device.MemorySize, Problem(d.Device),
            d.Device is CudaDevice or CLDevice { DeviceType: CLDeviceType.CL_DEVICE_TYPE_GPU })
        {
            ComputeCapability = Capability(d.Device) is { } capability ? FormattableString.Invariant($"{capability.Major}.{capability.Minor}") : null,
            HasTensorProducts = Capability(d.Device) is { Major: >= LeastTensorMajor },
            BlasLibrary = d.Device is CudaDevice ? FindBlas() : null,
        }),
    ];

    private static IEnumerable<(string Id, Device Device)> Identify(Context context)
    {
        int cuda = 0, opencl = 0;
        foreach (var device in context.Devices)
        {
            yield return (device switch
            {
                CudaDevice => $"cuda:{cuda++}",
                CLDevice => $"opencl:{opencl++}",
                _ => Debugger,
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
            + (PoclDevices.Is(device) ? $"; {PoclDevices.Variable}=1 in the environment tries PoCL without, to test with" : "")
        : null;

    private static string CudaLibrary => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>ILGPU asks for the name that only development packages install; the runtime's own name is libOpenCL.so.1.</summary>
    private static string OpenCLLibrary => OperatingSystem.IsWindows() ? "OpenCL.dll" : OperatingSystem.IsLinux() ? "libOpenCL.so.1" : "OpenCL";

    private static IntPtr ResolveOpenCL(string name, Assembly assembly, DllImportSearchPath? path) =>
        OperatingSystem.IsLinux() && name.Contains("OpenCL", StringComparison.Ordinal) && NativeLibrary.TryLoad(OpenCLLibrary, out nint handle) ? handle : IntPtr.Zero;
}
