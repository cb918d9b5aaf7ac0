namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Attention, one query at a time; its backward pass is the textbook one, with the probabilities kept.</summary>
public sealed class AttentionReference(AttentionShape shape, int[] lengths)
{
    public required double[] Q { get; init; } // (B, T, QueryHeads * HeadSize)
    public required double[] K { get; init; } // (B, T, KeyValueHeads * HeadSize)
    public required double[] V { get; init; }

    private readonly int D = shape.HeadSize;

    /// <summary>o (shape of q) and lse (B, QueryHeads, T); both 0 at padding.</summary>
    public (double[] O, double[] Lse) Forward()
    {
        var o = new double[Q.Length];
        var lse = new double[shape.B * shape.QueryHeads * shape.T];
        foreach (var (b, h, t) in Queries())
        {
            var p = Probabilities(b, h, t, out lse[(b * shape.QueryHeads + h) * shape.T + t]);
            for (int s = 0; s < p.Length; s++)
            {
                for (int d = 0; d < D; d++)
                    o[QueryAt(b, h, t) + d] += p[s] * V[KeyAt(b, h, s) + d];
            }
        }

        return (o, lse);
    }

    /// <summary>dq, dk, dv from do.</summary>
    public (double[] DQ, double[] DK, double[] DV) Backward(double[] dO)
    {
        double[] dq = new double[Q.Length], dk = new double[K.Length], dv = new double[V.Length];
        double scale = 1 / Math.Sqrt(D);
        foreach (var (b, h, t) in Queries())
        {
            var p = Probabilities(b, h, t, out _);
            var dp = new double[p.Length];
            double mean = 0; // sum of p * dp: what the normalisation takes back
            int q = QueryAt(b, h, t);
            for (int s = 0; s < p.Length; s++)
            {
                for (int d = 0; d < D; d++)
                {
                    dp[s] += dO[q + d] * V[KeyAt(b, h, s) + d];
                    dv[KeyAt(b, h, s) + d] += p[s] * dO[q + d];
                }

                mean += p[s] * dp[s];
            }

            for (int s = 0; s < p.Length; s++)
            {
                double ds = p[s] * (dp[s] - mean) * scale;
                for (int d = 0; d < D; d++)
                {
                    dq[q + d] += ds * K[KeyAt(b, h, s) + d];
                    dk[KeyAt(b, h, s) + d] += ds * Q[q + d];
                }
            }
        }

        return (dq, dk, dv);
    }

    private double[] Probabilities(int b, int h, int t, out double lse)
    {
        var p = new double[shape.Causal ? t + 1 : lengths[b]];
        for (int s = 0; s < p.Length; s++)
        {
            for (int d = 0; d < D; d++)
                p[s] += Q[QueryAt(b, h, t) + d] * K[KeyAt(b, h, s) + d] / Math.Sqrt(D);
        }

        double max = p.Max();
        lse = max + Math.Log(p.Sum(x => Math.Exp(x - max)));
        for (int s = 0; s < p.Length; s++)
            p[s] = Math.Exp(p[s] - lse);
        return p;
    }

    private IEnumerable<(int B, int H, int T)> Queries()
    {
        for (int b = 0; b < shape.B; b++)
        {
            for (int h = 0; h < shape.QueryHeads; h++)
            {
                for (int t = 0; t < lengths[b]; t++)
                    yield return (b, h, t);
            }
        }
    }

    private int QueryAt(int b, int h, int t) => ((b * shape.T + t) * shape.QueryHeads + h) * D;

    private int KeyAt(int b, int h, int t) => ((b * shape.T + t) * shape.KeyValueHeads + h / (shape.QueryHeads / shape.KeyValueHeads)) * D;
}
