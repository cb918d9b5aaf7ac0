namespace FedSpine.Engine.Hub;

/// <summary>How far a download is. Sizes count what an earlier, cut-off download left.</summary>
/// <param name="File">The file that is being received.</param>
/// <param name="Received">Bytes of all files so far.</param>
/// <param name="Size">Bytes of all files; null where the server does not say.</param>
/// <param name="Note">A line worth keeping (a try that failed, a copy used instead); null mostly.</param>
public readonly record struct HubProgress(string File, long Received, long? Size, string? Note = null);

/// <summary>A repository at one commit, on disk.</summary>
/// <param name="Reference">With the commit as its revision: always the same files.</param>
public sealed record HubFolder(HubReference Reference, string Folder);
