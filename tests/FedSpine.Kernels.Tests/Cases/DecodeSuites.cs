namespace FedSpine.Kernels.Tests.Cases;

public sealed class AttentionDecodeSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        from s in new (int B, int Capacity, int QueryHeads, int KeyValueHeads, int HeadSize)[]
        {
            (1, 1, 1, 1, 1), (1, 5, 1, 1, 3), (3, 17, 2, 2, 8), (3, 33, 4, 2, 16), (2, 65, 3, 1, 7),
            (4, 47, 8, 2, 32), (2, 100, 5, 5, 65), (1, 700, 14, 1, 64), (0, 4, 1, 1, 4),
        }
        select new AttentionDecodeCase(s.B, s.Capacity, s.QueryHeads, s.KeyValueHeads, s.HeadSize);

    public override IEnumerable<OperatorCase> LargeCases => [new AttentionDecodeCase(3, 400, 6, 3, 64), new AttentionDecodeCase(5, 331, 4, 4, 33)];
}

public sealed class CacheAppendSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        [.. from D in Lengths select new CacheAppendCase(3, 1, 4, 2, D), .. from T in new[] { 1, 2, 5 } select new CacheAppendCase(2, T, 5, 3, 6), new CacheAppendCase(0, 1, 4, 1, 2)];

    public override IEnumerable<OperatorCase> LargeCases => [new CacheAppendCase(3, 41, 60, 7, 65)];
}
