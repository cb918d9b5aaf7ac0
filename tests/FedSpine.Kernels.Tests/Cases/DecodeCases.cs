using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>One query a sequence over caches filled to different lengths, the first to capacity; beyond them the caches hold NaN.</summary>
public sealed record AttentionDecodeCase(int B, int Capacity, int QueryHeads, int KeyValueHeads, int HeadSize) : OperatorCase
{
    public override Operator Operator => Operator.AttentionDecode;

    private int D => HeadSize;

    private int[] Positions => [.. Enumerable.Range(0, B).Select(b => b == B - 1 && B > 1 ? 0 : Capacity / (b + 1) - 1)];

    public override Action Prepare(Sandbox sandbox)
    {
        var shape = new CacheShape(B, Capacity, QueryHeads, KeyValueHeads, HeadSize);
        float[] q = Array.ConvertAll(TestData.Uniform(B * QueryHeads * D, 1), x => 4 * x);
        float[] k = TestData.Uniform((int)shape.Length, 2), v = TestData.Uniform((int)shape.Length, 3);
        var expected = new double[q.Length];
        for (int b = 0; b < B; b++)
        {
            int keys = Positions[b] + 1;
            for (int h = 0; h < QueryHeads; h++)
            {
                int at = (b * QueryHeads + h) * D, cached = (b * KeyValueHeads + h / (QueryHeads / KeyValueHeads)) * Capacity * D;
                double Score(int s) => Enumerable.Range(0, D).Sum(d => (double)q[at + d] * k[cached + s * D + d]) / Math.Sqrt(D);
                double[] scores = [.. Enumerable.Range(0, keys).Select(Score)];
                double[] p = [.. scores.Select(x => Math.Exp(x - scores.Max()))];
                double sum = p.Sum();
                for (int d = 0; d < D; d++)
                    expected[at + d] = Enumerable.Range(0, keys).Sum(s => p[s] / sum * v[cached + s * D + d]);
            }

            for (int g = 0; g < KeyValueHeads; g++)
            {
                int start = ((b * KeyValueHeads + g) * Capacity + keys) * D, length = (Capacity - keys) * D;
                k.AsSpan(start, length).Fill(float.NaN);
                v.AsSpan(start, length).Fill(float.NaN);
            }
        }

        var o = sandbox.Output("o", expected);
        var spanQ = sandbox.Input("q", q);
        var spanK = sandbox.Input("k", k);
        var spanV = sandbox.Input("v", v);
        var positions = sandbox.Integers(Positions);
        return () => sandbox.Backend.AttentionDecode(o, spanQ, spanK, spanV, positions, shape);
    }
}

/// <summary>T tokens a sequence, each sequence from its own position on; the rest of the cache stays as it was.</summary>
public sealed record CacheAppendCase(int B, int T, int Capacity, int Heads, int D) : OperatorCase
{
    public override Operator Operator => Operator.CacheAppend;

    public override Action Prepare(Sandbox sandbox)
    {
        var shape = new CacheShape(B, Capacity, Heads, Heads, D);
        float[] x = TestData.Uniform(B * T * Heads * D, 1), before = TestData.Uniform((int)shape.Length, 2);
        int[] positions = TestData.Indices(B, Capacity - T + 1, 3);
        var expected = before.ToDouble();
        for (int row = 0; row < B * T; row++)
        {
            for (int h = 0; h < Heads; h++)
            {
                int at = ((row / T * Heads + h) * Capacity + positions[row / T] + row % T) * D;
                for (int d = 0; d < D; d++)
                    expected[at + d] = x[(row * Heads + h) * D + d];
            }
        }

        var cache = sandbox.Output("cache", expected, before, tolerance: 0);
        var spanX = sandbox.Input("x", x);
        var spanPositions = sandbox.Integers(positions);
        return () => sandbox.Backend.CacheAppend(cache, spanX, spanPositions, T, shape);
    }
}
