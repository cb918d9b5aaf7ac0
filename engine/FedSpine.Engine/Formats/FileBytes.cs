using Microsoft.Win32.SafeHandles;

namespace FedSpine.Engine.Formats;

/// <summary>A tensor's bytes, from the file into memory that is there already.</summary>
internal static class FileBytes
{
    /// <summary>
    /// Fills <paramref name="destination"/> from <paramref name="offset"/> on. Weights are read in this way and not through a mapping:
    /// mapped pages count as resident beside the memory that they are copied to, and a file that shrinks ends the process.
    /// </summary>
    /// <param name="tensor">What is read, for messages.</param>
    /// <exception cref="InputException">The file cannot be read, or ends before.</exception>
    public static void Read(SafeFileHandle handle, string path, string tensor, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count;
            try
            {
                count = RandomAccess.Read(handle, destination, offset);
            }
            catch (IOException e)
            {
                throw InputException.InFile(path, $"tensor {tensor} cannot be read", e);
            }

            if (count == 0)
                throw InputException.InFile(path, $"tensor {tensor}: the file has become shorter");
            offset += count;
            destination = destination[count..];
        }
    }
}
