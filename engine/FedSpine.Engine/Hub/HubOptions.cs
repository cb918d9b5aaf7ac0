namespace FedSpine.Engine.Hub;

/// <summary>Where models come from and where they are kept.</summary>
public sealed record HubOptions
{
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>Sent to the endpoint's own host only.</summary>
    public string? Token { get; init; }

    /// <summary>Nothing is asked of the network; what is not in the cache is an error.</summary>
    public bool Offline { get; init; }

    /// <summary>Holds OWNER/NAME/COMMIT/NAME/files.</summary>
    public required string Cache { get; init; }

    /// <summary>Tries in a row without progress before an error is final.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Wait after the first failed try; it doubles from try to try.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A connection that says nothing for so long is given up, and tried again.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE as Hugging Face's own tools read them. The cache is FEDSPINE_HUB_CACHE, or fedspine below
    /// HF_HOME, or fedspine/hub below XDG_CACHE_HOME or ~/.cache; it is laid out differently from Hugging Face's.
    /// </summary>
    /// <exception cref="InputException">HF_ENDPOINT is no address.</exception>
    public static HubOptions FromEnvironment()
    {
        string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        string endpoint = Variable("HF_ENDPOINT") ?? "https://huggingface.co";
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http"))
            throw new InputException($"HF_ENDPOINT is {endpoint}, expected an http or https address");
        string cache = Variable("FEDSPINE_HUB_CACHE")
            ?? (Variable("HF_HOME") is { } home ? Path.Combine(home, "fedspine") : null)
            ?? Path.Combine(Variable("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "fedspine", "hub");
        return new HubOptions
        {
            Endpoint = address,
            Token = Variable("HF_TOKEN")?.Trim(),
            Offline = Variable("HF_HUB_OFFLINE")?.ToLowerInvariant() is "1" or "true" or "yes" or "on",
            Cache = Path.GetFullPath(cache),
        };
    }
}
