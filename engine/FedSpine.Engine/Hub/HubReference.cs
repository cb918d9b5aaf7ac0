using System.Buffers;

namespace FedSpine.Engine.Hub;

/// <summary>"hub:OWNER/NAME[@REVISION]": a model repository on the Hugging Face Hub; the revision is a branch, a tag or a commit.</summary>
public sealed record HubReference(string Owner, string Name, string Revision)
{
    public const string Prefix = "hub:";

    private const string Expected = "expected hub:OWNER/NAME or hub:OWNER/NAME@REVISION";

    private const int MaxPart = 96, MaxRevision = 200;

    private static readonly SearchValues<char> s_letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    public static bool Is(string text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <exception cref="InputException">Not of that form.</exception>
    public static HubReference Parse(string text)
    {
        if (!Is(text))
            throw new InputException($"{text}: {Expected}");
        string rest = text[Prefix.Length..];
        int at = rest.IndexOf('@', StringComparison.Ordinal);
        string repository = at < 0 ? rest : rest[..at], revision = at < 0 ? "main" : rest[(at + 1)..];
        string[] parts = repository.Split('/');
        bool valid = parts.Length == 2 && parts.All(p => IsName(p, MaxPart)) && revision.Length <= MaxRevision && revision.Split('/').All(p => IsName(p, MaxRevision));
        return valid ? new HubReference(parts[0], parts[1], revision) : throw new InputException($"{text}: {Expected}");
    }

    /// <summary>Whether the revision is a whole commit id, which can never mean anything else later.</summary>
    public bool IsPinned => IsCommit(Revision);

    public override string ToString() => $"{Prefix}{Owner}/{Name}@{Revision}";

    internal static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Safe as a part of an address and of a path.</summary>
    private static bool IsName(string part, int longest) => part.Length > 0 && part.Length <= longest && part[0] != '.' && !part.AsSpan().ContainsAnyExcept(s_letters);
}
