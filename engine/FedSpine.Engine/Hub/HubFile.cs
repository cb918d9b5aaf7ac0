using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Hub;

/// <summary>
/// One file of a repository at a commit, received into NAME.part and renamed when its size and checksum are right. What a cut
/// connection or an interruption leaves in the .part is not asked for again.
/// </summary>
internal sealed class HubFile(HubClient client, HubReference reference, string name, string folder)
{
    /// <summary>A file whose size the server does not say must not fill the disk.</summary>
    private const long MaxUnknownSize = 1L << 30;

    private readonly string _path = Path.Combine(folder, name), _part = Path.Combine(folder, name + ".part");
    private EntityTagHeaderValue? _unchanged;
    private string? _tag;

    /// <summary>Bytes on disk so far.</summary>
    public long Received { get; private set; }

    /// <summary>Null until, or where, the server does not say.</summary>
    public long? Size { get; init; }

    /// <summary>SHA-256 (64 digits) or git object id (40) by what the repository lists; null: the answer's own tag counts.</summary>
    public string? Checksum { get; init; }

    private string What => $"{reference} {name}";

    /// <param name="progress">Called as bytes arrive.</param>
    /// <exception cref="FedSpineException">No network, a full disk, a wrong size or checksum.</exception>
    /// <exception cref="InputException">No such file, or no access.</exception>
    public async Task DownloadAsync(Action progress, Action<string> note, CancellationToken cancel)
    {
        if (File.Exists(_path))
        {
            Received = new FileInfo(_path).Length;
            return;
        }

        bool resumed = File.Exists(_part) && new FileInfo(_part).Length > 0;
        if (!await ReceiveAsync(progress, note, cancel).ConfigureAwait(false) && resumed)
        {
            // What an earlier run left may have been damaged; what this run received was not yet to blame.
            note($"{What}: the part that was there is damaged; receiving the file anew");
            resumed = await ReceiveAsync(progress, note, cancel).ConfigureAwait(false);
            if (resumed)
                return;
            throw WrongChecksum();
        }

        if (!File.Exists(_path))
            throw WrongChecksum();
    }

    private FedSpineException WrongChecksum() => new($"{What}: what was received has another checksum than {Checksum ?? _tag}: the file was damaged on its way");

    /// <summary>Whether the file is there; false: its checksum was wrong, and the .part is gone.</summary>
    private async Task<bool> ReceiveAsync(Action progress, Action<string> note, CancellationToken cancel)
    {
        long? size = await client.RetryAsync(What, () => TryAsync(progress, cancel), () => Received, note, cancel).ConfigureAwait(false);
        string? expected = Checksum ?? _tag;
        bool right = (size is null || Received == size) && await IsRightAsync(expected, cancel).ConfigureAwait(false);
        OnDisk(() =>
        {
            if (right)
                File.Move(_part, _path, overwrite: true);
            else
                File.Delete(_part);
        });
        return right;
    }

    /// <summary>One connection: goes on where the .part ends. Returns the whole size.</summary>
    private async Task<long?> TryAsync(Action progress, CancellationToken cancel)
    {
        using var part = OnDisk(() => new FileStream(_part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0));
        if (Size is { } known && part.Length > known)
            OnDisk(() => part.SetLength(0));
        Received = part.Length;
        if (Size is { } whole && part.Length == whole && whole > 0)
            return whole;
        using var answer = await client.GetAsync(client.Address($"{reference.Owner}/{reference.Name}/resolve/{reference.Revision}/{Uri.EscapeDataString(name)}"), What, Received, _unchanged, cancel).ConfigureAwait(false);
        if (answer.Commit is { } commit && commit != reference.Revision)
            throw new FedSpineException($"{What}: the server sent the file of commit {commit}");
        (_tag, _unchanged) = (answer.ETag, answer.Message.Headers.ETag);
        var content = answer.Message.Content.Headers;
        long? size = Size ?? answer.Size;
        long from = 0;
        switch (answer.Message.StatusCode)
        {
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                // The .part is as long as the file, or of another file.
                size ??= content.ContentRange?.Length;
                if (size == Received)
                    return size;
                OnDisk(() => part.SetLength(0));
                throw new HubTrouble("the part that was there does not fit");
            case HttpStatusCode.PartialContent:
                from = Received;
                size ??= content.ContentRange?.Length;
                if (content.ContentRange is not { From: { } start } range || start != from || (range.Length is { } length && length != size))
                    throw new HubTrouble($"asked for the bytes from {from}, the server sent {content.ContentRange?.ToString() ?? "it does not say which"}");
                break;
            default:
                size ??= content.ContentLength;
                break;
        }

        if (size is { } total && content.ContentLength is { } announced && announced > total - from)
            throw new FedSpineException($"{What}: the server announces {announced} bytes, the file has {total - from} more");
        await CopyAsync(answer.Message, part, from, size, progress, cancel).ConfigureAwait(false);
        return size;
    }

    private async Task CopyAsync(HttpResponseMessage message, FileStream part, long from, long? size, Action progress, CancellationToken cancel)
    {
        OnDisk(() =>
        {
            part.SetLength(from);
            part.Seek(from, SeekOrigin.Begin);
        });
        Received = from;
        using var body = await message.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        byte[] buffer = new byte[128 * 1024];
        int count;
        while ((count = await client.ReadAsync(body, buffer, cancel).ConfigureAwait(false)) > 0)
        {
            if (Received + count > (size ?? MaxUnknownSize))
                throw new FedSpineException($"{What}: the server sends more than the {size ?? MaxUnknownSize} bytes that the file has");
            OnDisk(() => part.Write(buffer, 0, count));
            Received += count;
            progress();
        }

        if (size is { } whole && Received < whole)
            throw new HubTrouble($"the connection ended after {Received} of {whole} bytes");
        OnDisk(() => part.Flush(flushToDisk: true));
    }

    private async Task<bool> IsRightAsync(string? expected, CancellationToken cancel)
    {
        bool git = expected?.Length == 40;
        if (expected is null || !(git || expected.Length == 64) || !expected.All(char.IsAsciiHexDigit))
            return true; // a mirror's own tag says nothing about the content; the size was compared
        using var hash = IncrementalHash.CreateHash(git ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
        if (git)
            hash.AppendData(Encoding.ASCII.GetBytes($"blob {Received}\0"));
        using var file = OnDisk(() => File.OpenRead(_part));
        byte[] buffer = new byte[1 << 20];
        for (int count; (count = await file.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0;)
            hash.AppendData(buffer, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset()).Equals(expected, StringComparison.OrdinalIgnoreCase);
    }

    private void OnDisk(Action action) => OnDisk(() =>
    {
        action();
        return true;
    });

    private T OnDisk<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (AtomicFile.IsDiskFailure(e))
        {
            throw AtomicFile.Failure(_path, e);
        }
    }
}
