using System.Text;

namespace FedSpine.Engine.Formats;

/// <summary>
/// Files that are either there whole or not at all: written beside their final place, flushed to the device, then renamed over
/// it. When anything fails (a full disk, say) what existed is untouched and the partial file is gone.
/// </summary>
public static class AtomicFile
{
    private static int s_count;

    /// <summary>Missing parent folders are created.</summary>
    /// <param name="write">Fills the stream; it need not flush.</param>
    /// <exception cref="FedSpineException">The disk is full, the place is not writable, ...</exception>
    public static void Write(string path, Action<Stream> write) => Write(path, write, Create);

    /// <summary>UTF-8 without a byte order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <param name="open">Opens the partial file; tests pass a stream that fails.</param>
    internal static void Write(string path, Action<Stream> write, Func<string, Stream> open)
    {
        string partial = PartialName(path);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(partial)!);
            WriteWhole(partial, write, open);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception e)
        {
            DeleteQuietly(partial);
            if (IsDiskFailure(e))
                throw Failure(path, e);
            throw;
        }
    }

    /// <summary>A name beside <paramref name="path"/> that no other writer uses; a dot first, so that it stays out of sight.</summary>
    internal static string PartialName(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetFileName(full)}.{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}.partial");
    }

    internal static void WriteWhole(string path, Action<Stream> write, Func<string, Stream> open)
    {
        using var stream = open(path);
        write(stream);
        if (stream is FileStream file)
            file.Flush(flushToDisk: true);
        else
            stream.Flush();
    }

    internal static Stream Create(string path) => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 64 * 1024);

    internal static bool IsDiskFailure(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException;

    /// <summary>One line; the runtime's message without the partial file's name behind it.</summary>
    internal static FedSpineException Failure(string path, Exception e)
    {
        string reason = e.Message.ReplaceLineEndings(" ");
        int name = reason.IndexOf(" : '", StringComparison.Ordinal);
        return new FedSpineException($"{path}: cannot be written: {(name < 0 ? reason : reason[..name])}", e);
    }

    private static void DeleteQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (IsDiskFailure(e))
        {
            // The failure that brought us here is the one to report.
        }
    }
}
