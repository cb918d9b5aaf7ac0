namespace FedSpine.Federated.Methods;

/// <summary>When devices prune, by the names that options use.</summary>
public static class PruningSchedule
{
    /// <summary>Step by step over the rounds, tuning in between, towards the target by three quarters of the run.</summary>
    public const string Iterative = "iterative";

    /// <summary>All at once, in a device's first round after a few scored steps; then only tuning.</summary>
    public const string OneShot = "one-shot";

    /// <summary>Never: the adapter alone is tuned.</summary>
    public const string None = "none";

    public static IReadOnlyList<string> Names { get; } = [Iterative, OneShot, None];
}
