using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tests.Training;

public sealed class BatchBuilderTests
{
    [Fact]
    public void Rows_are_padded_and_cut_rows_keep_their_closing_token()
    {
        var batch = new Batch(3, 4);
        BatchBuilder.Classification(batch, [[0, 5, 2], [0, 6, 7, 8, 9, 2]], [1, 0], padId: 1, types: [[0, 0, 1], [0, 1, 1, 1, 1, 1]]);
        Assert.Equal((2, 4), (batch.B, batch.T));
        Assert.Equal([0, 5, 2, 1, 0, 6, 7, 2], batch.Ids[..8]);
        Assert.Equal([0, 0, 1, 0, 0, 1, 1, 1], batch.Types[..8]);
        Assert.Equal([3, 4], batch.Lengths[..2]);
        Assert.Equal([1, 0], batch.Targets[..2]);
    }

    [Fact]
    public void Causal_targets_are_the_next_tokens()
    {
        var batch = new Batch(3, 4);
        BatchBuilder.CausalLm(batch, [[1, 5, 6, 7, 8], [1, 9], [4]], padId: 0);
        Assert.Equal([1, 5, 6, 7, 1, 9, 0, 0, 4, 0, 0, 0], batch.Ids);
        Assert.Equal([5, 6, 7, -1, 9, -1, -1, -1, -1, -1, -1, -1], batch.Targets);
        Assert.Equal(6, batch.TokenCount - 1);
    }

    [Fact]
    public void Masking_takes_its_shares_and_spares_special_tokens()
    {
        const int Rows = 64, Length = 128, Vocabulary = 1000, Mask = 4;
        var random = new DeterministicRandom(1);
        var rows = new int[Rows][];
        for (int b = 0; b < Rows; b++)
            rows[b] = [0, .. Enumerable.Range(0, Length - 2).Select(_ => 5 + random.NextInt(Vocabulary - 5)), 2];
        var batch = new Batch(Rows, Length);
        BatchBuilder.MaskedLm(batch, rows, 1, Mask, Vocabulary, [0, 1, 2, 3, Mask], new DeterministicRandom(2));
        int chosen = 0, masked = 0, kept = 0;
        for (int i = 0; i < Rows * Length; i++)
        {
            int original = rows[i / Length][i % Length];
            if (batch.Targets[i] == Batch.Ignore)
            {
                Assert.Equal(original, batch.Ids[i]);
                continue;
            }

            chosen++;
            Assert.Equal(original, batch.Targets[i]);
            Assert.True(original > Mask);
            Assert.True(batch.Ids[i] >= Mask);
            masked += batch.Ids[i] == Mask ? 1 : 0;
            kept += batch.Ids[i] == original ? 1 : 0;
        }

        Assert.InRange((double)chosen / (Rows * (Length - 2)), 0.13, 0.17);
        Assert.InRange((double)masked / chosen, 0.76, 0.84);
        Assert.InRange((double)kept / chosen, 0.07, 0.13);
    }

    [Fact]
    public void A_short_row_is_never_without_a_masked_token()
    {
        var batch = new Batch(1, 3);
        for (ulong seed = 0; seed < 50; seed++)
        {
            BatchBuilder.MaskedLm(batch, [[0, 9, 2]], 1, 4, 20, [0, 1, 2, 3, 4], new DeterministicRandom(seed));
            Assert.Equal([-1, 9, -1], batch.Targets);
        }
    }

    [Fact]
    public void An_empty_row_is_refused() =>
        Assert.Equal("row 1 is empty (Parameter 'rows')", Assert.Throws<ArgumentException>(() => BatchBuilder.CausalLm(new Batch(2, 4), [[1], []], 0)).Message);
}
