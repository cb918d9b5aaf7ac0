using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary>What a model takes to run and to tune, on batches of one shape, planned without running anything.</summary>
internal sealed record InspectCosts(int Batch, int Length, int Rank, WeightType Base, StepCost Run, StepCost TuneAdapter, StepCost TuneAll, long? CachePerToken)
{
    /// <param name="adapter">The adapter that it runs with; null: none.</param>
    /// <param name="length">Null: 128, or what the positions allow.</param>
    /// <param name="baseType">How frozen matrices are kept.</param>
    /// <exception cref="InputException">The sequences are longer than the model's positions.</exception>
    public static InspectCosts Of(ModelSpec spec, LoraSpec? adapter, int batch, int? length, int rank, WeightType baseType)
    {
        int T = length ?? Math.Min(128, spec.MaxLength);
        var lora = new LoraSpec(rank, 2 * rank, LoraSpec.AllLinears);
        return new InspectCosts(batch, T, rank, baseType, StepCost.Inference(spec, adapter, batch, T, baseType),
            StepCost.Training(spec, Trainable.Adapter, lora, batch, T, baseType: baseType), StepCost.Training(spec, Trainable.All, null, batch, T),
            spec.IsDecoder ? spec.Layers.Sum(l => 2L * l.KeyValueSize * sizeof(float)) : null);
    }

    public IEnumerable<string[]> Rows(ModelSpec spec)
    {
        yield return [$"batches of {Batch} x {Length} tokens{(Base == WeightType.F32 ? "" : $", base {Base.Label()}")}", "memory", "weights and state", "activations", "FLOPs"];
        yield return Row("run", Run);
        yield return Row($"tune an adapter of rank {Rank} on all linears", TuneAdapter);
        yield return Row($"tune all weights{(Base == WeightType.F32 ? "" : ", f32")}", TuneAll);
        if (CachePerToken is { } bytes)
            yield return ["generate: keys and values", Units.Bytes(KeyValueCache.BytesFor(spec, Batch, Length)), $"{Units.Bytes(bytes)} a token", "", ""];
    }

    public JsonObject ToJson(ModelSpec spec) => new()
    {
        ["batch"] = Batch,
        ["length"] = Length,
        ["rank"] = Rank,
        ["base"] = Base.Label(),
        ["run"] = ToJson(Run),
        ["tuneAdapter"] = ToJson(TuneAdapter),
        ["tuneAll"] = ToJson(TuneAll),
        ["keyValueCacheBytes"] = CachePerToken is null ? null : KeyValueCache.BytesFor(spec, Batch, Length),
        ["keyValueCacheBytesPerToken"] = CachePerToken,
    };

    private static string[] Row(string what, StepCost cost) =>
        [what, Units.Bytes(cost.ModelBytes + cost.ActivationBytes), Units.Bytes(cost.ModelBytes), Units.Bytes(cost.ActivationBytes), Units.Count(cost.Flops)];

    private static JsonObject ToJson(StepCost cost) => new()
    {
        ["bytes"] = cost.ModelBytes + cost.ActivationBytes,
        ["modelBytes"] = cost.ModelBytes,
        ["activationBytes"] = cost.ActivationBytes,
        ["flops"] = cost.Flops,
    };
}
