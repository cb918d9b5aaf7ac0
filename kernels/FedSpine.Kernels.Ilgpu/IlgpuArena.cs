using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>One buffer of device memory, zeroed.</summary>
internal sealed class IlgpuArena(IlgpuBackend backend, long bytes) : Arena(bytes)
{
    private readonly MemoryBuffer1D<byte, Stride1D.Dense> _buffer = backend.Take(Math.Max(Align(bytes), Alignment));

    public ArrayView<T> View<T>(DeviceSpan<T> span) where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_buffer.IsDisposed, this);
        ArrayView<byte> bytes = _buffer.View.BaseView;
        return bytes.SubView(span.ByteOffset, span.Bytes).Cast<T>();
    }

    public override void Dispose() => backend.Return(_buffer);
}
