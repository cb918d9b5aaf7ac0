using FedSpine.Engine.Tasks;
using FedSpine.Engine.Tuning;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli.Display;

/// <summary>Shows tuning and pruning while they work.</summary>
internal sealed class TuneDisplay(IStepDisplay display, TaskKind task) : ITuneProgress
{
    public const string Stopping = "stopping after this step; it can be resumed";

    public void Planned(MemoryPlan plan) => display.Note($"memory: {plan}");

    public void Step(int step, int steps, double loss, double tokensPerSecond) =>
        display.Step(step, steps, $"loss {Units.Significant(loss)}{(double.IsFinite(tokensPerSecond) ? $"  {Units.Count(tokensPerSecond)} tokens/s" : "")}");

    public void Evaluated(TunePoint point, bool best)
    {
        string figures = $"test {Quality(task, point.Test.Accuracy, point.Test.Perplexity)}";
        if (point.Step == 0)
            display.Note($"before tuning: {figures}");
        else
            display.Measured($"{figures}{(best ? "  best" : "")}");
    }

    public void Pruned(int step, double ratio, long parameters) =>
        display.Note($"{(step > 0 ? $"step {step}: " : "")}pruned to {Units.Percent(ratio)}, {Units.Count(parameters)} weights left");

    public static string Quality(TaskKind task, double accuracy, double perplexity) =>
        task == TaskKind.Classification ? $"accuracy {Units.Percent(accuracy)}" : $"perplexity {Units.Significant(perplexity)}";
}
