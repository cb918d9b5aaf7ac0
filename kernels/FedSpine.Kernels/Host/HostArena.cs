using System.Runtime.InteropServices;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// Native host memory, aligned to <see cref="Arena.Alignment"/>, zeroed: by the operating system where it can, so that what is never
/// used is never resident.
/// </summary>
internal sealed unsafe class HostArena : Arena
{
    private readonly void* _allocation;
    private byte* _pointer;

    public HostArena(long bytes) : base(bytes)
    {
        _allocation = NativeMemory.AllocZeroed((nuint)(bytes + Alignment));
        _pointer = (byte*)(((nint)_allocation + Alignment - 1) & -Alignment);
        GC.AddMemoryPressure(Math.Max(bytes, Alignment));
    }

    ~HostArena() => Free();

    public byte* Pointer => _pointer != null ? _pointer : throw new ObjectDisposedException(nameof(HostArena));

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer == null)
            return;
        NativeMemory.Free(_allocation);
        _pointer = null;
        GC.RemoveMemoryPressure(Math.Max(Bytes, Alignment));
    }
}
