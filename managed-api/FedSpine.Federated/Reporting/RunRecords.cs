using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Reporting;

/// <summary>One participant in one round: an element of a line of rounds.jsonl.</summary>
public sealed record ParticipantRecord
{
    public required int Device { get; init; }
    public required string Class { get; init; }
    public required double Ratio { get; init; }
    public required int Rank { get; init; }
    public required double RatioBefore { get; init; }
    public required double RatioReached { get; init; }
    public required double LossBefore { get; init; }
    public required double LossAfter { get; init; }
    public required double Reward { get; init; }
    public required double AdapterNorm { get; init; }
    public required int Examples { get; init; }

    /// <summary>Virtual seconds.</summary>
    public required double ComputeSeconds { get; init; }
    public required double DownloadSeconds { get; init; }
    public required double UploadSeconds { get; init; }
    public required long BytesDown { get; init; }
    public required long BytesUp { get; init; }
    public required double TrainingTflop { get; init; }

    /// <summary>Weights of the device's model, without the adapter.</summary>
    public required long Parameters { get; init; }
    public required int VoidSteps { get; init; }

    /// <summary>Most bytes allocated in a training step of the round: model, optimizer, activations, scoring.</summary>
    public long TrainingBytes { get; init; }

    public double Seconds => ComputeSeconds + DownloadSeconds + UploadSeconds;
}

/// <summary>One line of rounds.jsonl. Only WallSeconds depends on the machine; everything else repeats bit for bit.</summary>
public sealed record RoundRecord
{
    public required int Round { get; init; }

    /// <summary>Virtual time at the end of the round, and how long the round took: its slowest participant.</summary>
    public required double VirtualSeconds { get; init; }
    public required double RoundSeconds { get; init; }
    public required int SlowestDevice { get; init; }

    /// <summary>Mean over all devices of the pruned models with the global adapter on the test set; perplexity for causal LM. Null when not evaluated this round.</summary>
    public required double? Accuracy { get; init; }
    public required double? Perplexity { get; init; }
    public required double? TestLoss { get; init; }

    /// <summary>Mean over all devices.</summary>
    public required double MeanSparsity { get; init; }
    public required double AggregationError { get; init; }
    public required IReadOnlyList<ParticipantRecord> Participants { get; init; }

    /// <summary>Ratio of every device at the end of the round, in device order.</summary>
    public required IReadOnlyList<double> Sparsity { get; init; }
    public required double WallSeconds { get; init; }
}

/// <summary>One line of devices.jsonl: a device at the end of the run.</summary>
public sealed record DeviceRecord
{
    public required int Device { get; init; }
    public required string Class { get; init; }
    public required string Domain { get; init; }
    public required int Examples { get; init; }

    /// <summary>Training examples per label, in label order; empty for language models.</summary>
    public required IReadOnlyList<int> LabelCounts { get; init; }
    public required int RoundsPlayed { get; init; }
    public required double Sparsity { get; init; }
    public required int Rank { get; init; }
    public required long Parameters { get; init; }
    public required double? Accuracy { get; init; }
    public required double? Perplexity { get; init; }

    /// <summary>Per layer, what is left.</summary>
    public required IReadOnlyList<int> QueryHeads { get; init; }
    public required IReadOnlyList<int> KeyValueHeads { get; init; }
    public required IReadOnlyList<int> FfnWidths { get; init; }
    public required IReadOnlyList<ArmStatistics> Arms { get; init; }
}

/// <summary>summary.json.</summary>
public sealed record RunSummary
{
    public required string Method { get; init; }
    public required string Task { get; init; }
    public required string Model { get; init; }
    public required string Policy { get; init; }
    public required string Aggregation { get; init; }
    public required string Criterion { get; init; }
    public required string Partition { get; init; }
    public required ulong Seed { get; init; }
    public required int Rounds { get; init; }
    public required int Devices { get; init; }
    public required double TargetSparsity { get; init; }
    public required double Sparsity { get; init; }

    /// <summary>Mean over devices of the pruned models on the test set; null for causal LM.</summary>
    public required double? Accuracy { get; init; }
    public required double? AccuracyUnpruned { get; init; }

    /// <summary>The base model before any tuning: chance level for a fresh classifier.</summary>
    public required double? AccuracyBase { get; init; }
    public required double? Perplexity { get; init; }
    public required double? PerplexityUnpruned { get; init; }
    public required double? PerplexityBase { get; init; }
    public required double VirtualSeconds { get; init; }

    /// <summary>Null, as everything of the unpruned reference, when it did not run.</summary>
    public required double? VirtualSecondsUnpruned { get; init; }

    /// <summary>Virtual time at which the mean accuracy first came within TargetAccuracy (perplexity: fell to it); null if never.</summary>
    public required double? VirtualSecondsToTarget { get; init; }
    public required double? TargetAccuracy { get; init; }
    public required long BytesUp { get; init; }
    public required long BytesDown { get; init; }
    public required long? BytesUpUnpruned { get; init; }
    public required long? BytesDownUnpruned { get; init; }
    public required long ParametersBefore { get; init; }

    /// <summary>Mean over devices.</summary>
    public required double ParametersAfter { get; init; }

    /// <summary>Weights of the blocks' attention and FFN matrices, before and (mean over devices) after.</summary>
    public required long PrunableBefore { get; init; }
    public required double PrunableAfter { get; init; }

    /// <summary>Per layer of the unpruned model; what is left of it is in the device records.</summary>
    public required IReadOnlyList<int> QueryHeadsBefore { get; init; }
    public required IReadOnlyList<int> KeyValueHeadsBefore { get; init; }
    public required IReadOnlyList<int> FfnWidthsBefore { get; init; }

    /// <summary>Measured on the host: a batch through the pruned models over the same through the unpruned one, median.</summary>
    public required double InferenceTimeRatio { get; init; }

    /// <summary>Floating-point operations of a training step, pruned over unpruned, mean over devices.</summary>
    public required double TrainingFlopsRatio { get; init; }

    /// <summary>Bytes allocated for a training step, of the final models (mean over devices) and of the unpruned one.</summary>
    public double TrainingBytes { get; init; }
    public double TrainingBytesUnpruned { get; init; }
    /// <summary>Where it was computed, or the last of it: host, cuda:0.</summary>
    public string Device { get; init; } = "host";
    public required double WallSeconds { get; init; }
    public required long PeakRssBytes { get; init; }

    /// <summary>Curve of the unpruned reference: virtual seconds and accuracy (or perplexity) per evaluated round. Empty when it did not run.</summary>
    public required IReadOnlyList<CurvePoint> Unpruned { get; init; }
}

/// <summary>A point of a curve over virtual time.</summary>
public sealed record CurvePoint(int Round, double VirtualSeconds, double Value);
