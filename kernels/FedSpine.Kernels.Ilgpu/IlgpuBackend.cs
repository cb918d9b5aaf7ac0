using System.Runtime.CompilerServices;
using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>
/// The operators as ILGPU kernels, on CUDA, OpenCL and ILGPU's debugging CPU: one file per operator, named as on the host. Everything
/// runs in order on one stream; nothing waits for the device but Download and Synchronize, and uploads larger than the ring they pass
/// through. Sums are taken in a fixed order and
/// without atomics, so a run repeats bit for bit on one device. Not thread-safe: one caller at a time.
/// </summary>
/// <remarks>
/// A kernel is compiled when its operator is first called, and its launcher kept: the first step is slow, no later one is. Indices,
/// lengths and positions lie in device memory and cannot be checked without a round trip: where the host backend throws, kernels
/// stay inside their buffers and leave NaN (or skip what would be written).
/// </remarks>
public sealed partial class IlgpuBackend : IComputeBackend
{
    /// <summary>Most threads in a group; the shared memory of a reduction.</summary>
    private const int MaxGroup = 256;

    private readonly Context _context;
    private readonly Accelerator _accelerator;
    private readonly UploadRing _ring;
    private readonly IlgpuArena _scratch;
    private readonly Dictionary<(string Kernel, Type Argument), Delegate> _launchers = []; // of generic kernels
    private int _downloads;
    private readonly int _group;          // threads per group, a power of two
    private readonly int _attentionGroup; // fewer: a row of attention has only so many keys and features

    /// <summary>A backend on one device. It owns <paramref name="context"/> from here on.</summary>
    /// <param name="emulated">Products of lesser precision without tensor cores, and far slower: for tests.</param>
    internal IlgpuBackend(Context context, Device device, IlgpuOptions? options = null, bool emulated = false)
    {
        Precision = (options ?? IlgpuOptions.Default).Precision;
        _emulated = emulated;
        _context = context;
        _accelerator = device.CreateAccelerator(context);
        _group = 1 << int.Log2(Math.Min(MaxGroup, _accelerator.MaxNumThreadsPerGroup));
        _attentionGroup = Math.Min(_group, MaxAttentionGroup);
        _ring = new UploadRing(_accelerator);
        _scratch = new IlgpuArena(this, 2 * NormParts * sizeof(float));
    }

    public string Name => $"{(_accelerator.AcceleratorType == AcceleratorType.CPU ? "ILGPU" : _accelerator.AcceleratorType)} {_accelerator.Name}{Products}";

    /// <summary>How products are computed, where it is not the default.</summary>
    private string Products => Precision != MatMulPrecision.Float32 ? $", {Precision.Label()} products" : _gemm is not null ? ", cuBLAS products" : "";

    public bool Supports(Operator op, Type type) => type == typeof(float);

    public bool Supports(Operator op, WeightType type) =>
        op is Operator.Linear or Operator.Embedding or Operator.GatherRows or Operator.SquareSums or Operator.LoraImportance;

    public void Upload<T>(DeviceSpan<T> destination, ReadOnlySpan<T> source) where T : unmanaged
    {
        RequireLength(destination, source.Length);
        if (!source.IsEmpty)
            _ring.Upload(View(destination), source);
    }

    public void Download<T>(Span<T> destination, DeviceSpan<T> source) where T : unmanaged
    {
        RequireLength(source, destination.Length);
        if (destination.IsEmpty)
            return;
        View(source).CopyToCPU(_accelerator.DefaultStream, destination);
        Synchronize();
        _downloads++;
    }

    public void Synchronize()
    {
        _accelerator.DefaultStream.Synchronize();
        _ring.Rewind();
    }

    /// <summary>Times that the host has waited for something from the device, or for room to send it something.</summary>
    internal int RoundTrips => _downloads + _ring.Waits;

    public void Dispose()
    {
        _ring.Dispose();
        _blas?.Dispose();
        _scratch.Dispose();
        _accelerator.Dispose();
        _context.Dispose();
    }

    /// <summary>One thread per element.</summary>
    private KernelConfig Elements(int count) => new((count + _group - 1) / _group, _group);

    /// <summary>One group per row.</summary>
    private KernelConfig Rows(int rows) => new(rows, _group);

    /// <summary>The slice as kernels see it. What is absent is some valid memory, which the kernel is told not to touch.</summary>
    private ArrayView<T> View<T>(DeviceSpan<T> span) where T : unmanaged => span.Arena switch
    {
        IlgpuArena arena => arena.View(span),
        null => _scratch.View(new DeviceSpan<T>(_scratch, 0, 1)),
        _ => throw new ArgumentException($"memory of another backend ({span.Arena.GetType().Name}) was given to {Name}"),
    };

    /// <summary>A weight of rows of <paramref name="columns"/> elements as kernels see it.</summary>
    private DeviceWeight Weight(WeightSpan weight, int columns)
    {
        if (weight.Type == WeightType.F32)
            return new DeviceWeight { Floats = View(weight.Floats), Halves = View(default(DeviceSpan<ushort>)), RowStride = columns };
        int stride = (int)(weight.Type.RowBytes(columns) / sizeof(ushort));
        var halves = new DeviceSpan<ushort>(weight.Arena, weight.ByteOffset, checked(weight.Length / columns * stride));
        return new DeviceWeight { Floats = View(default(DeviceSpan<float>)), Halves = View(halves), RowStride = stride };
    }

    private static void RequireLength<T>(DeviceSpan<T> span, long length, [CallerArgumentExpression(nameof(span))] string name = "")
        where T : unmanaged
    {
        if (span.Length != length)
            throw new ArgumentException($"{name} has {span.Length} elements, the shape needs {length}");
    }

    private static void RequireLength(WeightSpan span, long length, [CallerArgumentExpression(nameof(span))] string name = "")
    {
        if (span.Length != length)
            throw new ArgumentException($"{name} has {span.Length} elements, the shape needs {length}");
    }

    private static void RequireLengthOrAbsent<T>(DeviceSpan<T> span, long length, [CallerArgumentExpression(nameof(span))] string name = "")
        where T : unmanaged
    {
        if (!span.IsEmpty)
            RequireLength(span, length, name);
    }

    /// <summary>The rows of a table of <paramref name="D"/> columns.</summary>
    private static int RowsOf(int length, int D, string name)
    {
        if (D <= 0 || length % D != 0)
            throw new ArgumentException($"{name} has {length} elements, not a whole number of rows of {D}");
        return length / D;
    }
}
