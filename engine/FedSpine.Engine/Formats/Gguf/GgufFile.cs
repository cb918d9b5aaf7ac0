using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3. Opening reads and checks the header only, in a mapping; tensors are read and converted piece by piece
/// as they are asked for.
/// </summary>
public sealed unsafe class GgufFile : IDisposable
{
    private const int PieceLength = 4096;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafeFileHandle _handle;
    private readonly long _dataStart;
    private bool _disposed;

    private GgufFile(string path, MemoryMappedFile file, SafeFileHandle handle, long length)
    {
        Path = path;
        (_file, _handle) = (file, handle);
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += _view.PointerOffset;
        try
        {
            var header = GgufHeader.Parse(path, new ReadOnlySpan<byte>(start, (int)Math.Min(length, int.MaxValue)), length);
            (Version, Metadata, Tensors) = (header.Version, header.Metadata, header.Tensors);
            _dataStart = header.DataStart;
        }
        catch
        {
            Release();
            throw;
        }
    }

    public string Path { get; }

    public uint Version { get; }

    public GgufMetadata Metadata { get; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <summary>Whether <paramref name="path"/> is a file that begins with "GGUF", or one that is called so.</summary>
    public static bool Is(string path)
    {
        if (!File.Exists(path))
            return false;
        if (path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            return true;
        try
        {
            using var stream = File.OpenRead(path);
            var magic = new byte[4];
            return stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && BitConverter.ToUInt32(magic) == GgufHeader.Magic;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // whoever opens it says why it cannot be read
        }
    }

    /// <exception cref="InputException">The file is missing, unreadable or malformed.</exception>
    public static GgufFile Open(string path) =>
        MappedFile.Open(path, 24, "a GGUF file", (file, handle, length) => new GgufFile(path, file, handle, length));

    /// <summary>Converts the elements [start, start + destination.Length) of an F32, F16, BF16 or Q8_0 tensor.</summary>
    /// <exception cref="InputException">The tensor holds another type, or the file has become shorter.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the tensor.</exception>
    public void Read(GgufTensor tensor, long start, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, tensor.Length - start);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (tensor.Type == GgufTensorType.F32)
        {
            ReadBytes(tensor, start * 4, MemoryMarshal.AsBytes(destination));
            return;
        }

        Span<byte> buffer = stackalloc byte[2 * PieceLength];
        for (; !destination.IsEmpty; start += PieceLength)
        {
            var piece = destination[..Math.Min(PieceLength, destination.Length)];
            destination = destination[piece.Length..];
            switch (tensor.Type)
            {
                case GgufTensorType.F16:
                    FloatConversion.FromHalf(MemoryMarshal.Cast<byte, Half>(ReadBytes(tensor, start * 2, buffer[..(2 * piece.Length)])), piece);
                    break;
                case GgufTensorType.BF16:
                    FloatConversion.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(ReadBytes(tensor, start * 2, buffer[..(2 * piece.Length)])), piece);
                    break;
                case GgufTensorType.Q8_0:
                    int within = (int)(start % Q8Block.Length);
                    int blocks = (within + piece.Length + Q8Block.Length - 1) / Q8Block.Length;
                    Q8Block.Dequantize(ReadBytes(tensor, start / Q8Block.Length * Q8Block.Bytes, buffer[..(blocks * Q8Block.Bytes)]), within, piece);
                    break;
                default:
                    throw InputException.InFile(Path, $"tensor {tensor.Name} is of type {tensor.Type}; supported are F32, F16, BF16 and Q8_0");
            }
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Release();
    }

    private Span<byte> ReadBytes(GgufTensor tensor, long byteOffset, Span<byte> destination)
    {
        FileBytes.Read(_handle, Path, tensor.Name, _dataStart + tensor.Offset + byteOffset, destination);
        return destination;
    }

    private void Release()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
