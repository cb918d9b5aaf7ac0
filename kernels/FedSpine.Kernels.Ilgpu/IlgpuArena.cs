using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>One buffer of device memory, zeroed.</summary>
internal sealed class IlgpuArena : Arena
{
    private readonly MemoryBuffer1D<byte, Stride1D.Dense> _buffer;

    public IlgpuArena(Accelerator accelerator, long bytes) : base(bytes)
    {
        _buffer = accelerator.Allocate1D<byte>(Math.Max(Align(bytes), Alignment));
        _buffer.MemSetToZero(accelerator.DefaultStream);
    }

    public ArrayView<T> View<T>(DeviceSpan<T> span) where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_buffer.IsDisposed, this);
        ArrayView<byte> bytes = _buffer.View.BaseView;
        return bytes.SubView(span.ByteOffset, span.Bytes).Cast<T>();
    }

    public override void Dispose() => _buffer.Dispose();
}
