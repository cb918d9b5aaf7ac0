namespace FedSpine.Federated.Reporting;

/// <summary>Values as a POSIX shell takes them.</summary>
public static class ShellQuote
{
    /// <summary>Unchanged where a shell reads it as one word, else in single quotes.</summary>
    public static string Quote(string value) =>
        value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:,+=@".Contains(c)) ? value : $"'{value.Replace("'", "'\\''")}'";
}
