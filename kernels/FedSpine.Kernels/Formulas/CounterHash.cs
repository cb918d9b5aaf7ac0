namespace FedSpine.Kernels.Formulas;

/// <summary>
/// A counter-based random generator: draw i of a stream is a hash of the stream's key and i, so any thread of any device can make
/// it without the draws before it. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); the hash is the finaliser
/// of SplitMix64.
/// </summary>
public static class CounterHash
{
    /// <summary>A bijection of 64-bit numbers that scatters neighbours: makes a key from a seed.</summary>
    public static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>64 uniform bits: draw <paramref name="index"/> of the stream.</summary>
    public static ulong Draw(ulong key, int index) => Mix(key + (uint)index * 0x9E3779B97F4A7C15);
}
