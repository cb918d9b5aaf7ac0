using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>
/// Host memory that uploads pass through, page-locked where the accelerator can (CUDA), so that the device fetches it by itself. What is
/// uploaded is copied here and belongs to the caller again at once; nobody waits but for the device to be done with what the ring
/// held a turn ago. Large uploads go piece by piece: while one is fetched the next is filled.
/// </summary>
internal sealed class UploadRing : IDisposable
{
    /// <summary>Bytes of the ring, and of a piece of it.</summary>
    public const int Capacity = 16 << 20, Piece = 4 << 20;

    private readonly AcceleratorStream _stream;
    private readonly PageLockedArray1D<byte>? _locked;
    private readonly byte[]? _pinned;
    private int _next;

    public UploadRing(Accelerator accelerator)
    {
        _stream = accelerator.DefaultStream;
        try
        {
            _locked = accelerator.AllocatePageLocked1D<byte>(Capacity);
        }
        catch (Exception refused) when (refused is NotSupportedException or AcceleratorException)
        {
            _pinned = GC.AllocateUninitializedArray<byte>(Capacity, pinned: true); // the driver copies it once more; nothing else differs
        }
    }

    /// <summary>Times that an upload waited for the device.</summary>
    internal int Waits { get; private set; }

    private Span<byte> Memory => _locked is null ? _pinned : _locked.Span;

    /// <summary>Enqueues the copy and returns; the device sees it after what was asked for before and before what comes next.</summary>
    public void Upload<T>(ArrayView<T> destination, ReadOnlySpan<T> source) where T : unmanaged
    {
        for (int most = Piece / Unsafe.SizeOf<T>(), start = 0; start < source.Length; start += most)
        {
            int length = Math.Min(most, source.Length - start);
            var bytes = MemoryMarshal.AsBytes(source.Slice(start, length));
            if (_next + bytes.Length > Capacity)
            {
                _stream.Synchronize();
                Waits++;
                _next = 0;
            }

            var part = Memory.Slice(_next, bytes.Length);
            bytes.CopyTo(part);
            destination.SubView(start, length).CopyFromCPUUnsafeAsync(_stream, ref Unsafe.As<byte, T>(ref MemoryMarshal.GetReference(part)), length);
            _next += (bytes.Length + 63) & ~63;
        }
    }

    /// <summary>After the stream has been waited for: all of the ring is free.</summary>
    public void Rewind() => _next = 0;

    public void Dispose() => _locked?.Dispose();
}
