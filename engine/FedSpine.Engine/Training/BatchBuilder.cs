namespace FedSpine.Engine.Training;

/// <summary>
/// Packs token ids into a batch: rows padded on the right to the longest one, rows longer than the batch's MaxT cut.
/// </summary>
public static class BatchBuilder
{
    /// <summary>Share of tokens that masked language modelling predicts (Devlin et al., arXiv 1810.04805).</summary>
    public const double MaskRate = 0.15;

    /// <summary>
    /// Rows with a class each. A cut row keeps its last token, so that a closing special token stays.
    /// <paramref name="types"/>: token types per row, or empty for zeros.
    /// </summary>
    public static void Classification(Batch batch, ReadOnlySpan<int[]> rows, ReadOnlySpan<int> labels, int padId, ReadOnlySpan<int[]> types = default)
    {
        Pack(batch, rows, padId, keepLast: true);
        labels[..rows.Length].CopyTo(batch.Targets);
        batch.Types.AsSpan(0, batch.B * batch.T).Clear();
        for (int b = 0; b < types.Length; b++)
            Place(batch.Types.AsSpan(b * batch.T, batch.Lengths[b]), types[b], keepLast: true);
    }

    /// <summary>Every position's target is the next token of its row.</summary>
    public static void CausalLm(Batch batch, ReadOnlySpan<int[]> rows, int padId)
    {
        Pack(batch, rows, padId, keepLast: false);
        batch.Types.AsSpan(0, batch.B * batch.T).Clear();
        batch.Targets.AsSpan(0, batch.B * batch.T).Fill(Batch.Ignore);
        for (int b = 0; b < batch.B; b++)
        {
            if (batch.Lengths[b] > 1)
                batch.Ids.AsSpan(b * batch.T + 1, batch.Lengths[b] - 1).CopyTo(batch.Targets.AsSpan(b * batch.T));
        }
    }

    /// <summary>
    /// Chooses 15 % of the tokens, special ones excepted, and at least one of a row that has others; of these 80 % become
    /// <paramref name="maskId"/>, 10 % a random token and 10 % stay. Their targets are the original tokens.
    /// </summary>
    /// <param name="batch">Receives ids, lengths and targets.</param>
    /// <param name="rows">Token ids.</param>
    /// <param name="padId">Fills rows up to the longest.</param>
    /// <param name="maskId">Id of the mask token.</param>
    /// <param name="vocabularySize">Random tokens are drawn below it, special ones excepted.</param>
    /// <param name="specialIds">Ids that are neither predicted nor drawn.</param>
    /// <param name="random">Source of the choice.</param>
    public static void MaskedLm(Batch batch, ReadOnlySpan<int[]> rows, int padId, int maskId, int vocabularySize, ReadOnlySpan<int> specialIds,
        DeterministicRandom random)
    {
        Pack(batch, rows, padId, keepLast: true);
        batch.Types.AsSpan(0, batch.B * batch.T).Clear();
        batch.Targets.AsSpan(0, batch.B * batch.T).Fill(Batch.Ignore);
        for (int b = 0; b < batch.B; b++)
        {
            var ids = batch.Ids.AsSpan(b * batch.T, batch.Lengths[b]);
            var targets = batch.Targets.AsSpan(b * batch.T, batch.Lengths[b]);
            int candidates = 0, chosen = 0, fallback = -1; // fallback: a uniform draw among the candidates (reservoir of one)
            for (int t = 0; t < ids.Length; t++)
            {
                if (specialIds.Contains(ids[t]))
                    continue;
                if (random.NextInt(++candidates) == 0)
                    fallback = t;
                if (random.NextDouble() >= MaskRate)
                    continue;
                Mask(ids, targets, t, maskId, vocabularySize, specialIds, random);
                chosen++;
            }

            if (chosen == 0 && fallback >= 0)
                Mask(ids, targets, fallback, maskId, vocabularySize, specialIds, random);
        }
    }

    private static void Mask(Span<int> ids, Span<int> targets, int t, int maskId, int vocabularySize, ReadOnlySpan<int> specialIds, DeterministicRandom random)
    {
        targets[t] = ids[t];
        double fate = random.NextDouble();
        if (fate < 0.8)
        {
            ids[t] = maskId;
        }
        else if (fate < 0.9)
        {
            do
                ids[t] = random.NextInt(vocabularySize);
            while (specialIds.Contains(ids[t]));
        }
    }

    private static void Pack(Batch batch, ReadOnlySpan<int[]> rows, int padId, bool keepLast)
    {
        if (rows.Length < 1 || rows.Length > batch.MaxB)
            throw new ArgumentException($"{rows.Length} rows for a batch of 1 to {batch.MaxB}", nameof(rows));
        batch.B = rows.Length;
        batch.T = 1;
        for (int b = 0; b < rows.Length; b++)
        {
            if (rows[b].Length == 0)
                throw new ArgumentException($"row {b} is empty", nameof(rows));
            batch.Lengths[b] = Math.Min(rows[b].Length, batch.MaxT);
            batch.T = Math.Max(batch.T, batch.Lengths[b]);
        }

        batch.Ids.AsSpan(0, batch.B * batch.T).Fill(padId);
        for (int b = 0; b < rows.Length; b++)
            Place(batch.Ids.AsSpan(b * batch.T, batch.Lengths[b]), rows[b], keepLast);
    }

    private static void Place(Span<int> destination, int[] row, bool keepLast)
    {
        row.AsSpan(0, destination.Length).CopyTo(destination);
        if (keepLast)
            destination[^1] = row[^1];
    }
}
