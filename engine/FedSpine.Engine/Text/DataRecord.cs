namespace FedSpine.Engine.Text;

/// <summary>One example of a data file.</summary>
/// <param name="TextPair">The second text of a pair task; null where there is none.</param>
/// <param name="Label">As the file spells it; null where the file has no labels.</param>
/// <param name="Domain">Where the example comes from, for natural partitions; null where the file does not say.</param>
/// <param name="Line">Its first line in the file, from 1.</param>
public sealed record DataRecord(string Text, string? TextPair, string? Label, string? Domain, int Line);
