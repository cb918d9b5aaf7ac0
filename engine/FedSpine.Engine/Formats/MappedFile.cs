using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace FedSpine.Engine.Formats;

/// <summary>Opens the binary files that are mapped into memory.</summary>
internal static class MappedFile
{
    /// <param name="least">Bytes of the smallest possible file.</param>
    /// <param name="kind">For messages: "a GGUF file".</param>
    /// <param name="create">Owns the mapping and the handle; what it throws passes through.</param>
    /// <exception cref="InputException">The file is missing, unreadable or shorter than <paramref name="least"/>.</exception>
    public static T Open<T>(string path, int least, string kind, Func<MemoryMappedFile, SafeFileHandle, long, T> create)
    {
        try
        {
            // Opened here and not by path, so that the length checked is the length mapped.
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                long length = stream.Length;
                if (length < least)
                    throw InputException.InFile(path, $"the file has {length} bytes, {kind} has at least {least}");
                var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
                return create(file, stream.SafeFileHandle, length);
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
}
