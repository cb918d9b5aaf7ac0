namespace FedSpine.Federated.Comparison;

/// <summary>A point of a run: after a round, virtual seconds, bytes up and down so far, quality.</summary>
public sealed record ComparisonPoint(int Round, double Seconds, long Bytes, double Quality);

/// <summary>One finished run. Quality is accuracy in per cent, or -100 ln(perplexity), of which a point is a per cent of perplexity.</summary>
public sealed record ComparisonRun
{
    public required string DataSet { get; init; }
    public required string Variant { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>Mean over devices of the final models on the whole test set.</summary>
    public required double Quality { get; init; }

    /// <summary>Of the adapter tuned without pruning; null without it.</summary>
    public required double? QualityUnpruned { get; init; }
    public required double? Perplexity { get; init; }
    public required double TargetSparsity { get; init; }
    public required double Sparsity { get; init; }
    public required double VirtualSeconds { get; init; }
    public required long Bytes { get; init; }

    /// <summary>Measured, over the unpruned model: inference, and bytes allocated for a training step at the end and at the run's peak.</summary>
    public required double InferenceTimeRatio { get; init; }
    public required double TrainingMemoryRatio { get; init; }
    public required double TrainingMemoryPeakRatio { get; init; }
    public required double TrainingFlopsRatio { get; init; }
    public required double WallSeconds { get; init; }
    public required IReadOnlyList<ComparisonPoint> Curve { get; init; }

    /// <summary>Highest quality that every variant reached with this data set and seed, and when this run first did.</summary>
    public double? Common { get; init; }
    public double? SecondsToCommon { get; init; }
    public double? BytesToCommon { get; init; }

    /// <summary>When the quality was first at least <paramref name="goal"/>; null if never.</summary>
    public ComparisonPoint? Reaches(double goal) => Curve.FirstOrDefault(p => p.Quality >= goal - 1e-9);

    public double Best => Curve.Count == 0 ? double.NaN : Curve.Max(p => p.Quality);
}

/// <summary>A variant on a data set, over seeds: means, and the standard deviation of the quality.</summary>
public sealed record ComparisonRow
{
    public required string DataSet { get; init; }
    public required string Variant { get; init; }
    public required int Seeds { get; init; }
    public required double Quality { get; init; }
    public required double? Deviation { get; init; }
    public required double? Perplexity { get; init; }
    public required double Sparsity { get; init; }
    public required double? Common { get; init; }
    public required double? SecondsToCommon { get; init; }
    public required double? BytesToCommon { get; init; }

    /// <summary>This variant's time to the common quality over the first variant's: above 1, the first is faster. Geometric mean.</summary>
    public required double? TimeOverFirst { get; init; }
    public required double InferenceTimeRatio { get; init; }
    public required double TrainingMemoryRatio { get; init; }
    public required double TrainingMemoryPeakRatio { get; init; }
    public required double VirtualSeconds { get; init; }
}

/// <summary>The first variant beside another, over the pairs of all data sets and seeds.</summary>
public sealed record ComparisonPair
{
    public required string Other { get; init; }
    public required int Pairs { get; init; }

    /// <summary>Quality of the first less the other's, points.</summary>
    public required double Difference { get; init; }
    public required double? Low { get; init; }
    public required double? High { get; init; }

    /// <summary>better, worse, noise, equal, unknown.</summary>
    public required string Verdict { get; init; }
    public required string Words { get; init; }

    /// <summary>The other's virtual time over the first's, to the highest quality that all variants reach, and that these two reach.</summary>
    public required double? Speedup { get; init; }
    public required double? SpeedupOfTwo { get; init; }
}

/// <summary>summary.json of a comparison.</summary>
public sealed record ComparisonSummary
{
    public required string First { get; init; }
    public required IReadOnlyList<string> Variants { get; init; }
    public required IReadOnlyList<string> DataSets { get; init; }
    public required IReadOnlyList<ulong> Seeds { get; init; }
    public required int Cells { get; init; }
    public required int FinishedCells { get; init; }
    public required double WallSeconds { get; init; }
    public required IReadOnlyList<ComparisonPair> Pairs { get; init; }
    public required IReadOnlyList<ComparisonRow> Rows { get; init; }
    public required IReadOnlyList<ComparisonRun> Runs { get; init; }
}
