using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli.Display;

/// <summary>Shows pretraining while it works.</summary>
internal sealed class PretrainDisplay(IStepDisplay display) : IPretrainProgress
{
    public const string Stopping = "stopping; the model so far is written";

    public void Note(string message) => display.Note(message);

    public void Step(int step, int steps, double loss, double tokensPerSecond) =>
        display.Step(step, steps, $"loss {Units.Significant(loss)}  {Units.Count(tokensPerSecond)} tokens/s");

    public void HeldOut(int step, double loss) => display.Measured($"held-out loss {Units.Significant(loss)}");
}
