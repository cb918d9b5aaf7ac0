using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Comparison;

/// <summary>From the run folders that are finished to the figures of the comparison.</summary>
public static class ComparisonResults
{
    public static ComparisonSummary Of(ComparisonPlan plan, string folder)
    {
        var cells = plan.Cells();
        var summaries = cells.Select(c => (Cell: c, Summary: RunFolderReader.ReadSummary(c.Folder(folder)))).Where(c => c.Summary is not null).ToList();
        var runs = new List<ComparisonRun>();
        foreach (var (cell, summary) in summaries)
        {
            // A variant's reference may be another variant's, or this very run.
            string[] names = cell.Name.StartsWith(ComparisonPlan.Unpruned, StringComparison.Ordinal) ? [.. cell.Variants, cell.Name] : [.. cell.Variants];
            runs.AddRange(names.Select(name => Run(cell, name, summary!, RunFolderReader.ReadRounds(cell.Folder(folder)),
                summaries.FirstOrDefault(r => (r.Cell.DataSet, r.Cell.Seed) == (cell.DataSet, cell.Seed) && r.Cell.ReferenceOf.Contains(name)).Summary)));
        }

        runs = [.. runs.GroupBy(r => (r.DataSet, r.Seed)).SelectMany(g => WithCommon([.. g], plan))];
        string first = plan.Variants[0].Name;
        string[] others = [.. plan.Variants.Skip(1).Select(v => v.Name), .. runs.Select(r => r.Variant).Distinct().Where(IsReference)];
        return new ComparisonSummary
        {
            First = first,
            Variants = [.. plan.Variants.Select(v => v.Name)],
            DataSets = [.. plan.DataSets.Select(d => d.Name)],
            Seeds = plan.Seeds,
            Cells = cells.Count,
            FinishedCells = summaries.Count,
            WallSeconds = summaries.Sum(s => s.Summary!.WallSeconds),
            Pairs = [.. others.Select(other => Pair(first, other, runs))],
            Rows = [.. plan.DataSets.SelectMany(d => others.Prepend(first).Select(v => Row(d.Name, v, first, runs)).OfType<ComparisonRow>())],
            Runs = runs,
        };
    }

    public static bool IsReference(string variant) => variant.StartsWith(ComparisonPlan.Unpruned, StringComparison.Ordinal);

    private static ComparisonRun Run(ComparisonCell cell, string variant, RunSummary s, IReadOnlyList<RoundRecord> rounds, RunSummary? unpruned)
    {
        long bytes = 0;
        var curve = new List<ComparisonPoint>();
        foreach (var round in rounds)
        {
            bytes += round.Participants.Sum(p => p.BytesUp + p.BytesDown);
            if (Quality(round.Accuracy, round.Perplexity) is { } quality)
                curve.Add(new ComparisonPoint(round.Round, round.VirtualSeconds, bytes, quality));
        }

        return new ComparisonRun
        {
            DataSet = cell.DataSet, Variant = variant, Seed = cell.Seed,
            Quality = Quality(s.Accuracy, s.Perplexity) ?? double.NaN,
            QualityUnpruned = unpruned is null ? null : Quality(unpruned.Accuracy, unpruned.Perplexity),
            Perplexity = s.Perplexity,
            TargetSparsity = s.TargetSparsity, Sparsity = s.Sparsity, VirtualSeconds = s.VirtualSeconds, Bytes = bytes,
            InferenceTimeRatio = s.InferenceTimeRatio,
            TrainingMemoryRatio = s.TrainingBytes / s.TrainingBytesUnpruned,
            TrainingMemoryPeakRatio = rounds.SelectMany(r => r.Participants).Select(p => (double)p.TrainingBytes).DefaultIfEmpty(0).Max() / s.TrainingBytesUnpruned,
            TrainingFlopsRatio = s.TrainingFlopsRatio, WallSeconds = s.WallSeconds, Curve = curve,
        };
    }

    /// <summary>The perplexity of a language model's quality.</summary>
    internal static double Perplexity(double quality) => Math.Exp(-quality / 100);

    private static double? Quality(double? accuracy, double? perplexity) => accuracy * 100 ?? (perplexity is { } p ? -100 * Math.Log(p) : null);

    /// <summary>The common quality is that of the plan's variants, once all of them are there; the reference does not lower it.</summary>
    private static IEnumerable<ComparisonRun> WithCommon(IReadOnlyList<ComparisonRun> runs, ComparisonPlan plan)
    {
        var variants = runs.Where(r => plan.Variants.Any(v => v.Name == r.Variant)).ToList();
        if (variants.Count < plan.Variants.Count)
            return runs;
        double common = variants.Min(r => r.Best);
        return runs.Select(r => r.Reaches(common) is { } point ? r with { Common = common, SecondsToCommon = point.Seconds, BytesToCommon = point.Bytes } : r with { Common = common });
    }

    private static ComparisonRow? Row(string data, string variant, string first, List<ComparisonRun> all)
    {
        var runs = all.Where(r => r.DataSet == data && r.Variant == variant).ToList();
        if (runs.Count == 0)
            return null;
        double mean = runs.Average(r => r.Quality);
        return new ComparisonRow
        {
            DataSet = data, Variant = variant, Seeds = runs.Count, Quality = mean,
            Deviation = runs.Count < 2 ? null : Math.Sqrt(runs.Sum(r => (r.Quality - mean) * (r.Quality - mean)) / (runs.Count - 1)),
            Perplexity = runs.Any(r => r.Perplexity is null) ? null : runs.Average(r => r.Perplexity),
            Sparsity = runs.Average(r => r.Sparsity), Common = runs.Average(r => r.Common),
            SecondsToCommon = runs.Average(r => r.SecondsToCommon), BytesToCommon = runs.Average(r => r.BytesToCommon),
            TimeOverFirst = variant == first ? null : GeometricMean(Matches(first, variant, runs, all).Select(p => p.Other.SecondsToCommon / p.First.SecondsToCommon)),
            InferenceTimeRatio = runs.Average(r => r.InferenceTimeRatio), TrainingMemoryRatio = runs.Average(r => r.TrainingMemoryRatio),
            TrainingMemoryPeakRatio = runs.Average(r => r.TrainingMemoryPeakRatio), VirtualSeconds = runs.Average(r => r.VirtualSeconds),
        };
    }

    private static ComparisonPair Pair(string first, string other, List<ComparisonRun> all)
    {
        var pairs = Matches(first, other, all, all).ToList();
        var difference = PairedDifference.Of([.. pairs.Select(p => p.First.Quality - p.Other.Quality)]);
        return new ComparisonPair
        {
            Other = other, Pairs = pairs.Count, Difference = difference.Mean, Low = difference.Mean - difference.Margin, High = difference.Mean + difference.Margin,
            Verdict = difference.Verdict, Words = difference.Words(first, other),
            Speedup = GeometricMean(pairs.Select(p => p.Other.SecondsToCommon / p.First.SecondsToCommon)),
            SpeedupOfTwo = GeometricMean(pairs.Select(p => Math.Min(p.First.Best, p.Other.Best) is var goal ? p.Other.Reaches(goal)?.Seconds / p.First.Reaches(goal)?.Seconds : null)),
        };
    }

    private static IEnumerable<(ComparisonRun First, ComparisonRun Other)> Matches(string first, string other, List<ComparisonRun> among, List<ComparisonRun> all) =>
        from o in among
        where o.Variant == other
        from f in all
        where f.Variant == first && f.DataSet == o.DataSet && f.Seed == o.Seed
        select (f, o);

    private static double? GeometricMean(IEnumerable<double?> ratios)
    {
        double[] known = [.. ratios.OfType<double>().Where(r => r > 0 && double.IsFinite(r))];
        return known.Length == 0 ? null : Math.Exp(known.Average(Math.Log));
    }
}
