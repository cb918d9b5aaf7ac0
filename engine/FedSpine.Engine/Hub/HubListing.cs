using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Hub;

/// <summary>What a repository holds at a commit: file names with sizes and checksums, as /api/models/.../revision/... lists them.</summary>
internal sealed class HubListing
{
    private const int MaxBytes = 64 << 20;

    private readonly Dictionary<string, (long? Size, string? Checksum)> _files = new(StringComparer.Ordinal);

    private HubListing(string commit) => Commit = commit;

    public string Commit { get; }

    public bool Has(string name) => _files.ContainsKey(name);

    public (long? Size, string? Checksum) this[string name] => _files[name];

    public static async Task<HubListing> ReadAsync(HubClient client, HubReference reference, Action<string> note, CancellationToken cancel)
    {
        var address = client.Address($"api/models/{reference.Owner}/{reference.Name}/revision/{Uri.EscapeDataString(reference.Revision)}?blobs=true");
        return await client.RetryAsync($"{reference}", async () =>
        {
            using var answer = await client.GetAsync(address, $"{reference}", 0, null, cancel).ConfigureAwait(false);
            using var body = await answer.Message.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            using var bytes = new MemoryStream();
            byte[] buffer = new byte[64 * 1024];
            for (int count; (count = await client.ReadAsync(body, buffer, cancel).ConfigureAwait(false)) > 0;)
            {
                if (bytes.Length + count > MaxBytes)
                    throw new FedSpineException($"{reference}: the list of files is longer than {MaxBytes} bytes");
                bytes.Write(buffer, 0, count);
            }

            return Parse(reference, address, bytes.ToArray());
        }, () => 0, note, cancel).ConfigureAwait(false);
    }

    private static HubListing Parse(HubReference reference, Uri address, byte[] bytes)
    {
        JsonFields json = JsonFields.Parse($"{address}", bytes);
        string commit = json.String("sha") ?? throw json.Error("sha", "is missing");
        if (!HubReference.IsCommit(commit))
            throw json.Error("sha", $"is \"{commit}\", expected a commit");
        if (reference.IsPinned && commit != reference.Revision)
            throw json.Error("sha", $"is {commit}, expected {reference.Revision}");
        var listing = new HubListing(commit);
        foreach (JsonFields file in json.Objects("siblings"))
        {
            JsonFields? large = file.Object("lfs");
            string? checksum = large?.String("sha256") ?? (large is null ? file.String("blobId") : null);
            listing._files[file.String("rfilename") ?? throw file.Error("rfilename", "is missing")] = (Size(large) ?? Size(file), checksum);
        }

        return listing;
    }

    private static long? Size(JsonFields? fields)
    {
        if (fields is null || !fields.TryGet("size", out var value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long size) && size >= 0 ? size : throw fields.Error("size", $"is {JsonFields.Short(value)}, expected a number of bytes");
    }
}
