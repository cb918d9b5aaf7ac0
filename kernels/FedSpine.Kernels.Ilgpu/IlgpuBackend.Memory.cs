using FedSpine.Kernels.Memory;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Bytes that arenas may take together, below what the device has: tests set it.</summary>
    internal long MemoryLimit { get; set; } = long.MaxValue;

    /// <summary>Bytes of the arenas that are alive.</summary>
    internal long AllocatedBytes { get; private set; }

    /// <summary>Bytes of device memory; a debugger's are the machine's.</summary>
    private long TotalBytes => Math.Min(_accelerator.MemorySize, MemoryLimit);

    /// <summary>What the driver says is free (CUDA); elsewhere all that we did not take, of which others may have some.</summary>
    private long FreeBytes => Math.Max(0, Math.Min(_accelerator is CudaAccelerator cuda ? cuda.GetFreeMemory() : long.MaxValue, TotalBytes - AllocatedBytes));

    /// <exception cref="InsufficientMemoryException">The device cannot hold that many bytes more; the message has the numbers.</exception>
    public Arena Allocate(long bytes)
    {
        // Drivers of OpenCL promise more than there is, and fail when it is touched.
        if (bytes > TotalBytes - AllocatedBytes)
            throw NoRoom(bytes, null);
        try
        {
            return new IlgpuArena(this, bytes);
        }
        catch (AcceleratorException refused)
        {
            throw NoRoom(bytes, refused);
        }
    }

    internal MemoryBuffer1D<byte, ILGPU.Stride1D.Dense> Take(long bytes)
    {
        var buffer = _accelerator.Allocate1D<byte>(bytes);
        AllocatedBytes += bytes;
        buffer.MemSetToZero(_accelerator.DefaultStream);
        return buffer;
    }

    internal void Return(MemoryBuffer1D<byte, ILGPU.Stride1D.Dense> buffer)
    {
        if (buffer.IsDisposed)
            return;
        AllocatedBytes -= buffer.LengthInBytes;
        buffer.Dispose();
    }

    private InsufficientMemoryException NoRoom(long bytes, AcceleratorException? refused) => new(FormattableString.Invariant(
        $"{bytes:N0} bytes do not fit on {Name}: {FreeBytes:N0} of its {TotalBytes:N0} bytes are free{(_accelerator is CLAccelerator ? ", less what other programs have" : "")}"), refused); // OpenCL cannot say
}
