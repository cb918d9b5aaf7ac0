namespace FedSpine.Bench.Gating;

/// <summary>What the gate saw of one case: in a baseline file, and now.</summary>
/// <param name="Reference">What the case was timed beside.</param>
/// <param name="Ratios">Our time over the reference's, per round; those of a baseline come from several passes over the suite.</param>
/// <param name="AllocatedBytes">Managed bytes a run.</param>
internal sealed record GateMeasurement(string Name, string Reference, double[] Ratios, double AllocatedBytes);
