using System.IO.MemoryMappedFiles;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// A memory-mapped GGUF file, version 2 or 3. Opening reads and checks the header only; tensors are converted piece by piece as they
/// are asked for.
/// </summary>
public sealed unsafe class GgufFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _data;

    private GgufFile(string path, MemoryMappedFile file, long length)
    {
        Path = path;
        _file = file;
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += _view.PointerOffset;
        try
        {
            var header = GgufHeader.Parse(path, new ReadOnlySpan<byte>(start, (int)Math.Min(length, int.MaxValue)), length);
            (Version, Metadata, Tensors) = (header.Version, header.Metadata, header.Tensors);
            _data = start + header.DataStart;
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
    public static GgufFile Open(string path)
    {
        try
        {
            // Opened here and not by path, so that the length checked is the length mapped.
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                long length = stream.Length;
                if (length < 24)
                    throw InputException.InFile(path, $"the file has {length} bytes, a GGUF file has at least 24");
                var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
                return new GgufFile(path, file, length);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw InputException.InFile(path, e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : "cannot be read", e);
        }
    }

    /// <summary>Converts the elements [start, start + destination.Length) of an F32, F16, BF16 or Q8_0 tensor.</summary>
    /// <exception cref="InputException">The tensor holds another type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the tensor.</exception>
    public void Read(GgufTensor tensor, long start, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, tensor.Length - start);
        ObjectDisposedException.ThrowIf(_data == null, this);
        byte* data = _data + tensor.Offset;
        switch (tensor.Type)
        {
            case GgufTensorType.F32:
                new ReadOnlySpan<float>(data + start * 4, destination.Length).CopyTo(destination);
                break;
            case GgufTensorType.F16:
                FloatConversion.FromHalf(new ReadOnlySpan<Half>(data + start * 2, destination.Length), destination);
                break;
            case GgufTensorType.BF16:
                FloatConversion.FromBFloat16(new ReadOnlySpan<ushort>(data + start * 2, destination.Length), destination);
                break;
            case GgufTensorType.Q8_0:
                int within = (int)(start % Q8Block.Length);
                int blocks = (within + destination.Length + Q8Block.Length - 1) / Q8Block.Length;
                Q8Block.Dequantize(new ReadOnlySpan<byte>(data + start / Q8Block.Length * Q8Block.Bytes, blocks * Q8Block.Bytes), within, destination);
                break;
            default:
                throw InputException.InFile(Path, $"tensor {tensor.Name} is of type {tensor.Type}; supported are F32, F16, BF16 and Q8_0");
        }
    }

    public void Dispose()
    {
        if (_data == null)
            return;
        _data = null;
        Release();
    }

    private void Release()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
