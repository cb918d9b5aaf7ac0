using System.Diagnostics;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Simulation;

/// <summary>A finished run's figures.</summary>
internal sealed record RunOutcome(
    Federation Pruned, Federation? Reference, RunState State, EvaluationResult[] Final, EvaluationResult? ReferenceFinal, double InferenceTimeRatio, double TrainingBytes, long TrainingBytesUnpruned)
{
    /// <summary>Share of the reference's final accuracy (or of its perplexity, above it) whose virtual time is reported.</summary>
    private const double TargetShare = 0.98;

    private SimulationOptions Options => Pruned.Setup.Options;

    private bool Language => Options.Task == TaskKind.CausalLm;

    public RunSummary Summarise(double wallSeconds)
    {
        var spec = Pruned.Setup.Base.Spec;
        double? target = Options.TargetAccuracy ?? (ReferenceFinal is not { } r ? null : Language ? r.Perplexity / TargetShare : r.Accuracy * TargetShare);
        long prunable = PruningRatio.Count(spec, spec.Layers);
        double kept = Pruned.Devices.Average(d => 1 - d.Ratio) * prunable;
        return new RunSummary
        {
            Method = Options.Method,
            Task = Language ? "causal-lm" : "classification",
            Model = Options.Model ?? "bundled sample",
            Policy = Options.Policy!,
            Aggregation = Options.Aggregation!,
            Criterion = Options.Criterion!,
            Partition = Options.Partition!,
            Seed = Options.Seed,
            Rounds = Options.Rounds,
            Devices = Options.Devices,
            TargetSparsity = Method.TargetOf(Options),
            Sparsity = Pruned.Devices.Average(d => d.Ratio),
            Accuracy = Language ? null : Final.Average(e => e.Accuracy),
            AccuracyUnpruned = Language ? null : ReferenceFinal?.Accuracy,
            AccuracyBase = Language ? null : State.Base.Accuracy,
            Perplexity = Language ? Final.Average(e => e.Perplexity) : null,
            PerplexityUnpruned = Language ? ReferenceFinal?.Perplexity : null,
            PerplexityBase = Language ? State.Base.Perplexity : null,
            VirtualSeconds = Pruned.VirtualSeconds,
            VirtualSecondsUnpruned = Reference?.VirtualSeconds,
            BytesUpUnpruned = Reference?.BytesUp,
            BytesDownUnpruned = Reference?.BytesDown,
            VirtualSecondsToTarget = target is { } t ? State.Curve.FirstOrDefault(p => Language ? p.Value <= t : p.Value >= t)?.VirtualSeconds : null,
            TargetAccuracy = target,
            BytesUp = Pruned.BytesUp,
            BytesDown = Pruned.BytesDown,
            ParametersBefore = Pruned.Setup.Base.ParameterCount,
            ParametersAfter = Pruned.Devices.Average(d => (double)ParameterCount(d)),
            PrunableBefore = prunable,
            PrunableAfter = kept,
            QueryHeadsBefore = [.. spec.Layers.Select(l => l.QueryHeads)],
            KeyValueHeadsBefore = [.. spec.Layers.Select(l => l.KeyValueHeads)],
            FfnWidthsBefore = [.. spec.Layers.Select(l => l.FfnWidth)],
            InferenceTimeRatio = InferenceTimeRatio,
            TrainingFlopsRatio = StepFlops(Pruned.Devices) / StepFlops([Pruned.WholeDevice()]),
            TrainingBytes = TrainingBytes,
            TrainingBytesUnpruned = TrainingBytesUnpruned,
            Device = Options.Device ?? "host",
            WallSeconds = wallSeconds,
            PeakRssBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            Unpruned = State.ReferenceCurve,
        };
    }

    public IReadOnlyList<DeviceRecord> DeviceRecords()
    {
        var setup = Pruned.Setup;
        return
        [
            .. Pruned.Devices.Select((d, i) => new DeviceRecord
            {
                Device = d.Device,
                Class = setup.Fleet[d.Device].Class,
                Domain = string.Join(", ", d.Examples.Select(e => setup.Data.Train[e].Domain).Where(id => id >= 0).Distinct().Order().Select(id => setup.Data.Domains[id])),
                Examples = d.Examples.Length,
                LabelCounts = [.. Enumerable.Range(0, setup.Data.Labels.Count).Select(l => d.Examples.Count(e => setup.Data.Train[e].Label == l))],
                RoundsPlayed = d.RoundsPlayed,
                Sparsity = d.Ratio,
                Rank = d.Rank,
                Parameters = ParameterCount(d),
                Accuracy = Language ? null : Final[i].Accuracy,
                Perplexity = Language ? Final[i].Perplexity : null,
                QueryHeads = [.. d.Kept.Select(k => k.QueryHeads.Length)],
                KeyValueHeads = [.. d.Kept.Select(k => k.KeyValueHeads.Length)],
                FfnWidths = [.. d.Kept.Select(k => k.Channels.Length)],
                Arms = Pruned.Policy.Arms(d.Device),
            }),
        ];
    }

    /// <summary>Weights of the device's model: those of the base less every row and column that is gone, biases included.</summary>
    private long ParameterCount(DeviceState device)
    {
        var model = Pruned.Setup.Base;
        long gone = 0;
        for (int layer = 0; layer < model.Layers.Count; layer++)
        {
            int headSize = model.Layers[layer].Spec.HeadSize;
            foreach (var parameter in model.Layers[layer].Linears.SelectMany(l => new[] { l.Weight, l.Bias }).OfType<Parameter>())
            {
                int rows = device.Kept[layer].Elements(parameter.RowAxis, headSize)?.Length ?? parameter.Rows;
                int columns = device.Kept[layer].Elements(parameter.ColumnAxis, headSize)?.Length ?? parameter.Columns;
                gone += parameter.Length - (long)rows * columns;
            }
        }

        return model.ParameterCount - gone;
    }

    private double StepFlops(IEnumerable<DeviceState> devices)
    {
        var setup = Pruned.Setup;
        return devices.Average(d => (double)StepCost.Training(setup.Base.Spec with
        {
            Layers = [.. setup.Base.Spec.Layers.Select((l, i) => l with
            {
                QueryHeads = d.Kept[i].QueryHeads.Length,
                KeyValueHeads = d.Kept[i].KeyValueHeads.Length,
                FfnWidth = d.Kept[i].Channels.Length,
            })],
        }, Trainable.Adapter, new LoraSpec(d.Rank, setup.Scale * d.Rank, setup.Targets), Options.Batch, setup.Data.MaxLength).Flops);
    }
}
