using System.Globalization;
using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Simulation;

/// <summary>What the values of <see cref="SimulationOptions"/> may be. Names that other parts own are checked by them.</summary>
public static class SimulationValidation
{
    /// <exception cref="InputException">A value is out of range; names the command-line option, the value and what is expected.</exception>
    public static void Validate(this SimulationOptions options)
    {
        options = Method.Complete(options);
        RequirePath("model", options.Model);
        RequirePath("data", options.Data);
        RequirePath("eval-data", options.EvalData);
        if (options.Task == TaskKind.CausalLm && options.Model is null)
            throw new InputException("--task causal-lm: the bundled sample is an encoder; give a decoder with --model");
        if (options.Model is not null && options.Data is null)
            throw new InputException("--model without --data: give the text to tune it on");
        Require(options.Devices is >= 1 and <= 100_000, "devices", options.Devices, "1 to 100000");
        Require(options.Participation is > 0 and <= 1, "participation", options.Participation, "above 0, at most 1 (a fraction of the devices)");
        Require(options.Rounds is >= 1 and <= 1_000_000, "rounds", options.Rounds, "at least 1");
        Require(options.LocalSteps is >= 1 and <= 1_000_000, "local-steps", options.LocalSteps, "at least 1");
        Require(options.PruneInterval >= 1, "prune-interval", options.PruneInterval, "at least 1");
        Require(options.TargetSparsity is >= 0 and <= 0.95, "target-sparsity", options.TargetSparsity, "0 to 0.95");
        Require(options.Rank is >= 1 and <= 4096, "rank", options.Rank, "1 to 4096");
        Require(options.LowestRank >= 1 && options.LowestRank <= options.Rank, "min-rank", options.MinRank, $"1 to the rank, {options.Rank}");
        Require(options.Alpha > 0 && double.IsFinite(options.Alpha), "alpha", options.Alpha, "above 0");
        Require(options.Batch is >= 1 and <= 100_000, "batch", options.Batch, "at least 1");
        Require(options.Length is >= 4 and <= 1_000_000, "length", options.Length, "at least 4 tokens");
        Require(options.Rate > 0 && double.IsFinite(options.Rate), "lr", options.Rate, "above 0");
        Require(options.EvaluateEvery >= 1, "evaluate-every", options.EvaluateEvery, "at least 1");
        Require(options.EvaluateExamples >= 1, "evaluate-examples", options.EvaluateExamples, "at least 1");
        Require(options.Smoothing is >= 0 and < 1, "smoothing", options.Smoothing, "0 to below 1");
        if (!PruningSchedule.Names.Contains(options.Schedule))
            throw new InputException($"--schedule {options.Schedule}: expected {string.Join(", ", PruningSchedule.Names)}");
        if (!ImportanceCriteria.Names.Contains(options.Criterion))
            throw new InputException($"--criterion {options.Criterion}: expected {string.Join(", ", ImportanceCriteria.Names)}");
        if (options.Task != TaskKind.Classification && options.CalibrateLogits!.Value)
            throw new InputException("--calibrate-logits true: only classification has labels to calibrate by");
        if (!Fleet.Names.Contains(options.Fleet))
            throw new InputException($"--fleet {options.Fleet}: expected {string.Join(", ", Fleet.Names)}");
        AggregatorFactory.Create(options.Aggregation!);
        PolicyFactory.Create(options.Policy!, new PolicySpace(options.TargetSparsity, 0, options.LowestRank, options.Rank, options.Devices, options.Rounds), (_, _) => 0, weights: ParseWeights(options.RewardWeights));
        ParseTargets(options.Targets);
        if (options.Partition is { } partition)
            Partition.Check(partition);
    }

    /// <summary>LOSS:PRUNING:IMPORTANCE, such as "0.5:0.3:0.2"; null for null.</summary>
    /// <exception cref="InputException">Not three numbers that are at least 0 and not all 0.</exception>
    public static RewardWeights? ParseWeights(string? weights)
    {
        if (weights is null)
            return null;
        string[] parts = weights.Split(':');
        var values = new double[parts.Length];
        bool numbers = parts.Length == 3;
        for (int i = 0; numbers && i < parts.Length; i++)
            numbers = double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]) && values[i] >= 0 && double.IsFinite(values[i]);
        return numbers && values.Sum() > 0
            ? new RewardWeights(values[0], values[1], values[2])
            : throw new InputException($"--reward-weights {weights}: expected LOSS:PRUNING:IMPORTANCE, three numbers of at least 0, such as 0.5:0.3:0.2");
    }

    /// <summary>"all", or role names such as "query,value".</summary>
    /// <exception cref="InputException">An unknown role.</exception>
    public static IReadOnlyList<LinearRole> ParseTargets(string targets)
    {
        if (targets == "all")
            return LoraSpec.AllLinears;
        var roles = new List<LinearRole>();
        foreach (string name in targets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var role = LoraSpec.AllLinears.Where(r => r.ToString().Equals(name, StringComparison.OrdinalIgnoreCase)).ToList();
            if (role.Count == 0)
                throw new InputException($"--targets {name}: expected all, or some of {string.Join(", ", LoraSpec.AllLinears.Select(r => r.ToString().ToLowerInvariant()))}");
            if (!roles.Contains(role[0]))
                roles.Add(role[0]);
        }

        return roles.Count > 0 ? roles : throw new InputException("--targets is empty: expected all, or some of "
            + string.Join(", ", LoraSpec.AllLinears.Select(r => r.ToString().ToLowerInvariant())));
    }

    private static void Require(bool holds, string option, double value, string expected)
    {
        if (!holds)
            throw new InputException($"--{option} {value.ToString(CultureInfo.InvariantCulture)}: expected {expected}");
    }

    private static void RequirePath(string option, string? path)
    {
        // A * in a data file's name stands for several; reading says when none matches.
        if (path is not null && !Path.GetFileName(path).Contains('*') && !Path.Exists(path))
            throw new InputException($"--{option} {path}: no such file or folder");
    }
}
