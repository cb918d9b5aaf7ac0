namespace FedSpine.Kernels.Tests.Reference;

/// <summary>
/// The mask that every backend must draw: SplitMix64 (Steele, Lea and Flood, 2014) keyed by the seed's own hash, two
/// elements to an output.
/// </summary>
public static class DropoutReference
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    public static bool Keeps(ulong seed, int index, float rate)
    {
        ulong key = Next(seed);
        ulong pair = Next(unchecked(key + (ulong)(index / 2) * Gamma));
        ulong half = index % 2 == 0 ? pair & uint.MaxValue : pair >> 32;
        return half >= Math.Floor(rate * Math.Pow(2, 32));
    }

    /// <summary>The output of a SplitMix64 generator in this state.</summary>
    private static ulong Next(ulong state)
    {
        ulong z = unchecked(state + Gamma);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
