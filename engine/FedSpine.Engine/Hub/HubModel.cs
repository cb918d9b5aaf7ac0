using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Hub;

/// <summary>
/// Models and adapters from the Hugging Face Hub, kept in a cache folder by commit. Downloaded are config.json, adapter_config.json,
/// safetensors (whole or in shards) and tokenizer files; never pickled weights, never code.
/// </summary>
public static class HubModel
{
    /// <summary>Written last: a folder without it is not whole.</summary>
    private const string Whole = ".complete";

    /// <summary>The folder of "hub:OWNER/NAME[@REVISION]"; any other path as it is.</summary>
    /// <inheritdoc cref="DownloadAsync" path="/exception"/>
    public static string Resolve(string path) =>
        HubReference.Is(path) ? DownloadAsync(HubReference.Parse(path), HubOptions.FromEnvironment()).GetAwaiter().GetResult().Folder : path;

    /// <summary>
    /// The repository's files on disk, downloaded where they are not there yet. Cancelling keeps what was received for the next time.
    /// Where the endpoint cannot be reached, a copy from an earlier time is used, and said so.
    /// </summary>
    /// <exception cref="InputException">No such repository, revision or file, no access, or nothing in it that could be loaded.</exception>
    /// <exception cref="FedSpineException">No network and no copy, a full disk, a wrong size or checksum.</exception>
    public static async Task<HubFolder> DownloadAsync(HubReference reference, HubOptions options, Action<HubProgress>? progress = null, CancellationToken cancel = default)
    {
        string place = Path.Combine(options.Cache, reference.Owner, reference.Name);
        string pointer = Path.Combine(place, "refs", Uri.EscapeDataString(reference.Revision));
        var cached = Cached(reference, place, pointer);
        if (cached is not null && (options.Offline || reference.IsPinned))
            return cached;
        if (options.Offline)
            throw new InputException($"{reference}: is not in {options.Cache}, and HF_HUB_OFFLINE forbids to download it");

        void Note(string text) => progress?.Invoke(new HubProgress("", 0, null, text));
        using var client = new HubClient(options);
        HubListing listing;
        try
        {
            listing = await HubListing.ReadAsync(client, reference, Note, cancel).ConfigureAwait(false);
        }
        catch (FedSpineException e) when (cached is not null && e.InnerException is HubTrouble)
        {
            Note($"{e.Message}; using the copy of commit {cached.Reference.Revision}");
            return cached;
        }

        var pinned = reference with { Revision = listing.Commit };
        string folder = Folder(place, reference, listing.Commit);
        if (!File.Exists(Path.Combine(folder, Whole)))
        {
            CreateFolder(folder);
            await DownloadFilesAsync(client, pinned, listing, folder, progress, Note, cancel).ConfigureAwait(false);
            AtomicFile.WriteText(Path.Combine(folder, Whole), "");
        }

        if (!reference.IsPinned)
            AtomicFile.WriteText(pointer, listing.Commit);
        return new HubFolder(pinned, folder);
    }

    private static HubFolder? Cached(HubReference reference, string place, string pointer)
    {
        string commit = reference.Revision;
        if (!reference.IsPinned)
        {
            if (!File.Exists(pointer))
                return null;
            commit = File.ReadAllText(pointer).Trim();
        }

        string folder = Folder(place, reference, commit);
        return HubReference.IsCommit(commit) && File.Exists(Path.Combine(folder, Whole)) ? new HubFolder(reference with { Revision = commit }, folder) : null;
    }

    /// <summary>Ends in the model's name, which reports show.</summary>
    private static string Folder(string place, HubReference reference, string commit) => Path.Combine(place, commit, reference.Name);

    private static async Task DownloadFilesAsync(HubClient client, HubReference reference, HubListing listing, string folder,
        Action<HubProgress>? progress, Action<string> note, CancellationToken cancel)
    {
        var done = new List<HubFile>();
        long? all = null;

        async Task Get(IReadOnlyList<string> names)
        {
            // The total is told when the last names are known, so that it never grows under the user's eyes.
            foreach (string name in names)
            {
                var (size, checksum) = listing[name];
                var file = new HubFile(client, reference, name, folder) { Size = size, Checksum = checksum };
                done.Add(file);
                await file.DownloadAsync(() => progress?.Invoke(new HubProgress(name, done.Sum(f => f.Received), all)), note, cancel).ConfigureAwait(false);
            }
        }

        bool single = listing.Has(Checkpoint.FileName), sharded = !single && listing.Has(Checkpoint.IndexName);
        string[] wanted = [ModelConfig.FileName, PeftConfig.FileName, .. ModelFolder.TokenizerFiles];
        string[] small = [.. wanted.Where(listing.Has)];
        await Get(sharded ? [.. small, Checkpoint.IndexName] : small).ConfigureAwait(false);

        string[] model = single ? [Checkpoint.FileName] : sharded ? Shards(reference, listing, folder) : [];
        string[] weights = listing.Has(PeftAdapter.FileName) ? [.. model, PeftAdapter.FileName] : model;
        if (weights.Length == 0)
            throw new InputException($"{reference}: holds neither {Checkpoint.FileName} nor {PeftAdapter.FileName}; other weights are not downloaded");
        long received = done.Sum(f => f.Received);
        all = weights.Aggregate((long?)received, (sum, name) => sum + listing[name].Size);
        await Get(weights).ConfigureAwait(false);
    }

    private static string[] Shards(HubReference reference, HubListing listing, string folder)
    {
        string[] shards = Checkpoint.Shards(JsonFields.Read(Path.Combine(folder, Checkpoint.IndexName)));
        return Array.Find(shards, s => !listing.Has(s)) is { } missing
            ? throw new InputException($"{reference}: {Checkpoint.IndexName} names {missing}, which the repository does not hold")
            : shards;
    }

    private static void CreateFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (AtomicFile.IsDiskFailure(e))
        {
            throw AtomicFile.Failure(folder, e);
        }
    }
}
