using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace FedSpine.Engine.Tests.Hub;

/// <summary>What came in: the path with its query, and the headers by lower-case name.</summary>
public sealed record HubRequest(string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string? this[string name] => Headers.GetValueOrDefault(name);
}

/// <summary>
/// A Hub on this machine for one test: one repository, o/n at one commit, as the Hub answers for it. Large files are redirected to
/// /cdn. Written on sockets, so that it can also lie and hang up.
/// </summary>
public sealed class HubServer : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<HubRequest> _requests = [];

    public HubServer()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Files of the repository, and which of them are large.</summary>
    public SortedDictionary<string, (byte[] Content, bool Large)> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Where large files lie; another server's, to test redirects to another host.</summary>
    public Uri? Cdn { get; set; }

    /// <summary>An answer instead of the usual one; null: the usual one. Also given: how many requests for this path there were before.</summary>
    public Func<HubRequest, int, HubReply?> Instead { get; set; } = (_, _) => null;

    public IReadOnlyList<HubRequest> Requests
    {
        get
        {
            lock (_requests)
                return [.. _requests];
        }
    }

    /// <summary>The answer that the Hub would give.</summary>
    public HubReply Usual(HubRequest request)
    {
        string path = request.Path.Split('?')[0];
        if (path.StartsWith("/api/models/o/n/revision/", StringComparison.Ordinal))
            return path[25..] is "main" or "v1" or Commit ? new HubReply(200, Encoding.UTF8.GetBytes(Listing().ToJsonString())) : new HubReply(404, [], ("X-Error-Code", "RevisionNotFound"));
        string resolve = $"/o/n/resolve/{Commit}/";
        bool cdn = path.StartsWith("/cdn/", StringComparison.Ordinal);
        string name = cdn ? path[5..] : path.StartsWith(resolve, StringComparison.Ordinal) ? path[resolve.Length..] : "";
        if (!Files.TryGetValue(name, out var file))
            return new HubReply(404, [], ("X-Error-Code", name.Length > 0 ? "EntryNotFound" : "RepoNotFound"));
        if (file.Large && !cdn)
        {
            return new HubReply(302, [], ("Location", new Uri(Cdn ?? Address, $"/cdn/{name}").AbsoluteUri), ("X-Repo-Commit", Commit),
                ("X-Linked-Etag", $"\"{Sha256(file.Content)}\""), ("X-Linked-Size", $"{file.Content.Length}"));
        }

        string tag = cdn ? "\"cdn-tag\"" : $"\"{GitId(file.Content)}\"";
        (string, string)[] headers = cdn ? [("ETag", tag)] : [("ETag", tag), ("X-Repo-Commit", Commit)];
        if (request["range"] is not { } range || (request["if-range"] is { } condition && condition != tag))
            return new HubReply(200, file.Content, headers);
        int from = int.Parse(range.AsSpan(6, range.Length - 7), CultureInfo.InvariantCulture);
        return from < file.Content.Length
            ? new HubReply(206, file.Content[from..], [.. headers, ("Content-Range", $"bytes {from}-{file.Content.Length - 1}/{file.Content.Length}")])
            : new HubReply(416, [], ("Content-Range", $"bytes */{file.Content.Length}"));
    }

    public JsonObject Listing() => new()
    {
        ["sha"] = Commit,
        ["siblings"] = new JsonArray([.. Files.Select(f => new JsonObject
        {
            ["rfilename"] = f.Key,
            ["size"] = f.Value.Content.Length,
            ["blobId"] = GitId(f.Value.Content),
            ["lfs"] = f.Value.Large ? new JsonObject { ["sha256"] = Sha256(f.Value.Content), ["size"] = f.Value.Content.Length } : null,
        })]),
    };

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static string GitId(byte[] content) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    public void Dispose()
    {
        _listener.Dispose(); // twice does no harm: a test takes the server away early
        _stop.Cancel();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string? line = await reader.ReadLineAsync(_stop.Token);
                var headers = new Dictionary<string, string>(StringComparer.Ordinal);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } header)
                    headers[header.Split(':')[0].ToLowerInvariant()] = header[(header.IndexOf(':') + 1)..].Trim();
                if (line is null)
                    return;
                var request = new HubRequest(line.Split(' ')[1], headers);
                int before;
                lock (_requests)
                {
                    before = _requests.Count(r => r.Path == request.Path);
                    _requests.Add(request);
                }

                await (Instead(request, before) ?? Usual(request)).SendAsync(stream, _stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The client hung up, or the test is over.
            }
        }
    }
}

/// <summary>An answer, which may end early or lie about its length.</summary>
public sealed record HubReply(int Status, byte[] Content, params (string Name, string Value)[] Headers)
{
    /// <summary>Bytes of the content after which the connection is cut.</summary>
    public int? CutAfter { get; init; }

    /// <summary>The length that the header says; null: the true one. Negative: no such header.</summary>
    public long? SaidLength { get; init; }

    /// <summary>After the content the connection stays open and silent.</summary>
    public bool Hang { get; init; }

    public async Task SendAsync(Stream stream, CancellationToken cancel)
    {
        var head = new StringBuilder($"HTTP/1.1 {Status} X\r\nConnection: close\r\n");
        if (SaidLength is not < 0)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {SaidLength ?? Content.Length}\r\n");
        foreach (var (name, value) in Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{head}\r\n"), cancel);
        await stream.WriteAsync(Content.AsMemory(0, Math.Min(Content.Length, CutAfter ?? int.MaxValue)), cancel);
        await stream.FlushAsync(cancel);
        if (Hang)
            await Task.Delay(Timeout.Infinite, cancel);
    }
}
