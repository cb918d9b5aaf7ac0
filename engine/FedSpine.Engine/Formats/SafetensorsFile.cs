using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FedSpine.Engine.Formats;

/// <summary>
/// A memory-mapped safetensors file (https://huggingface.co/docs/safetensors): 8 bytes little-endian header length, JSON header,
/// data. Opening reads and checks the header only. <see cref="Bytes"/> are in place, valid until <see cref="Dispose"/>; converted
/// elements are read from the file instead (see <see cref="FileBytes"/>).
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    /// <summary>The reference implementation's limit.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafeFileHandle _handle;
    private readonly long _dataOffset;
    private byte* _data;

    private SafetensorsFile(string path, MemoryMappedFile file, SafeFileHandle handle, long length)
    {
        Path = path;
        (_file, _handle) = (file, handle);
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += _view.PointerOffset;
        try
        {
            ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(start, 8));
            if (headerBytes > MaxHeaderBytes)
                throw InputException.InFile(path, $"header length is {headerBytes}, the limit is {MaxHeaderBytes} (not a safetensors file?)");
            if ((long)headerBytes > length - 8)
                throw InputException.InFile(path, $"header length is {headerBytes}, the file has {length - 8} bytes after it (is the file truncated?)");
            var header = SafetensorsHeader.Parse(path, new ReadOnlySpan<byte>(start + 8, (int)headerBytes), length - 8 - (long)headerBytes);
            Tensors = header.Tensors;
            Metadata = header.Metadata;
            _dataOffset = 8 + (long)headerBytes;
            _data = start + _dataOffset;
        }
        catch
        {
            Release();
            throw;
        }
    }

    public string Path { get; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <exception cref="InputException">The file is missing, unreadable or malformed.</exception>
    public static SafetensorsFile Open(string path) =>
        MappedFile.Open(path, 8, "a safetensors file", (file, handle, length) => new SafetensorsFile(path, file, handle, length));

    /// <exception cref="InputException">There is no such tensor.</exception>
    public SafetensorsTensor this[string name] =>
        Tensors.TryGetValue(name, out var tensor) ? tensor : throw InputException.InFile(Path, $"tensor {name} is missing");

    /// <summary>The tensor's bytes, in place. They start on any address: x64 and Arm64 read unaligned elements.</summary>
    /// <exception cref="InputException">The tensor has 2^31 bytes or more.</exception>
    public ReadOnlySpan<byte> Bytes(SafetensorsTensor tensor)
    {
        if (tensor.End - tensor.Begin > int.MaxValue)
            throw InputException.InFile(Path, $"tensor {tensor.Name}: {tensor.End - tensor.Begin} bytes do not fit one span");
        return new ReadOnlySpan<byte>(At(tensor, 0), (int)(tensor.End - tensor.Begin));
    }

    /// <summary>Converts the elements [start, start + destination.Length) of an F32, F16 or BF16 tensor.</summary>
    /// <exception cref="InputException">The tensor holds another type, or the file has become shorter.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the tensor.</exception>
    public void Read(SafetensorsTensor tensor, long start, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, tensor.Length - start);
        switch (tensor.Type)
        {
            case SafetensorsType.F32:
                ReadBytes(tensor, start * 4, MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsType.F16 or SafetensorsType.BF16:
                ReadNarrow(tensor, start, destination);
                break;
            default:
                throw InputException.InFile(Path, $"tensor {tensor.Name}: dtype is {tensor.Type}, expected F32, F16 or BF16");
        }
    }

    /// <summary>All elements of an F32, F16 or BF16 tensor.</summary>
    public float[] ReadFloats(string name)
    {
        var tensor = this[name];
        var values = new float[CheckedLength(tensor)];
        Read(tensor, 0, values);
        return values;
    }

    /// <summary>All elements of an I64 or I32 tensor.</summary>
    public long[] ReadIntegers(string name)
    {
        var tensor = this[name];
        var values = new long[CheckedLength(tensor)];
        switch (tensor.Type)
        {
            case SafetensorsType.I64:
                new ReadOnlySpan<long>(At(tensor, 0), values.Length).CopyTo(values);
                break;
            case SafetensorsType.I32:
                var source = new ReadOnlySpan<int>(At(tensor, 0), values.Length);
                for (int i = 0; i < values.Length; i++)
                    values[i] = source[i];
                break;
            default:
                throw InputException.InFile(Path, $"tensor {tensor.Name}: dtype is {tensor.Type}, expected I64 or I32");
        }

        return values;
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

    private void ReadNarrow(SafetensorsTensor tensor, long start, Span<float> destination)
    {
        Span<ushort> buffer = stackalloc ushort[4096];
        while (!destination.IsEmpty)
        {
            var piece = buffer[..Math.Min(buffer.Length, destination.Length)];
            ReadBytes(tensor, start * 2, MemoryMarshal.AsBytes(piece));
            if (tensor.Type == SafetensorsType.F16)
                FloatConversion.FromHalf(MemoryMarshal.Cast<ushort, Half>(piece), destination[..piece.Length]);
            else
                FloatConversion.FromBFloat16(piece, destination[..piece.Length]);
            start += piece.Length;
            destination = destination[piece.Length..];
        }
    }

    private void ReadBytes(SafetensorsTensor tensor, long byteOffset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        FileBytes.Read(_handle, Path, tensor.Name, _dataOffset + tensor.Begin + byteOffset, destination);
    }

    private int CheckedLength(SafetensorsTensor tensor) => tensor.Length <= Array.MaxLength
        ? (int)tensor.Length
        : throw InputException.InFile(Path, $"tensor {tensor.Name}: {tensor.Length} elements do not fit one array");

    private byte* At(SafetensorsTensor tensor, long byteOffset)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        return _data + tensor.Begin + byteOffset;
    }
}
