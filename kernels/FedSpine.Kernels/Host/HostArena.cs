using System.Runtime.InteropServices;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>Native host memory, aligned to <see cref="Arena.Alignment"/>, zeroed.</summary>
internal sealed unsafe class HostArena : Arena
{
    private byte* _pointer;

    public HostArena(long bytes) : base(bytes)
    {
        _pointer = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, Alignment), Alignment);
        NativeMemory.Clear(_pointer, (nuint)bytes);
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
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        GC.RemoveMemoryPressure(Math.Max(Bytes, Alignment));
    }
}
