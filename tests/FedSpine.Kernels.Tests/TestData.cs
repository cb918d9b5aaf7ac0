namespace FedSpine.Kernels.Tests;

/// <summary>Reproducible inputs.</summary>
public static class TestData
{
    /// <summary>Values spread over [-1, 1), from a counter and the seed (SplitMix64).</summary>
    public static float[] Uniform(int length, int seed)
    {
        var values = new float[length];
        for (int i = 0; i < length; i++)
        {
            ulong z = (ulong)(i + 1) * 0x9E3779B97F4A7C15 + (ulong)seed * 0xD1B54A32D192ED03;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            values[i] = (int)(z >> 40) / (float)(1 << 23) - 1;
        }

        return values;
    }

    /// <summary>Whole numbers in [0, bound).</summary>
    public static int[] Indices(int length, int bound, int seed) => Array.ConvertAll(Uniform(length, seed), v => Math.Min(bound - 1, (int)((v + 1) / 2 * bound)));

    /// <summary>Example lengths: T, then down to 0 where there are several examples.</summary>
    public static int[] Lengths(int B, int T) => [.. Enumerable.Range(0, B).Select(b => B == 1 ? T : T * (B - 1 - b) / (B - 1))];

    public static double[] ToDouble(this float[] x) => Array.ConvertAll(x, v => (double)v);
}
