using System.Globalization;
using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench.Steps;

/// <summary>What the step command measures.</summary>
internal sealed record StepOptions(string Model, int Batch, int Length, int Rank, int Steps, int Threads, double Pruned, Recompute Recompute, WeightType Base, bool Json)
{
    public static readonly string[] Valued = ["--model", "--batch", "--length", "--rank", "--steps", "--threads", "--pruned", "--recompute", "--base"];

    /// <exception cref="InputException">An option is unknown or out of range, or the engine cannot do what it asks for.</exception>
    public static StepOptions Read(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, Valued, ["--json"]);
        string model = options.Choice("--model", "roberta-base", BenchModels.Names);
        int longest = BenchModels.Spec(model).MaxLength;
        var recompute = Enum.Parse<Recompute>(options.Choice("--recompute", "none", "none", "attention", "full"), ignoreCase: true);
        var baseType = BenchModels.BaseType(options);
        string ratio = options.Text("--pruned") ?? "0";
        if (!double.TryParse(ratio, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double pruned) || pruned >= 1)
            throw new InputException($"--pruned {ratio}: expected a ratio from 0 to below 1");
        return new StepOptions(model, options.Integer("--batch", 8, 1, 4096), options.Integer("--length", 128, 1, longest),
            options.Integer("--rank", 8, 1, 1024), options.Integer("--steps", 5, 1, 10_000),
            options.Integer("--threads", Environment.ProcessorCount, 1, 1024), pruned, recompute, baseType, options.Has("--json"));
    }

    public string RecomputeName => Recompute.ToString().ToLowerInvariant();

    /// <summary>The arguments that say the same to a child process.</summary>
    public IEnumerable<string> Arguments()
    {
        string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
        return ["--model", Model, "--batch", Text(Batch), "--length", Text(Length), "--rank", Text(Rank), "--steps", Text(Steps),
            "--threads", Text(Threads), "--pruned", Text(Pruned), "--recompute", RecomputeName, "--base", Base.Label()];
    }
}
