using FedSpine.Engine.Tasks;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli.Display;

/// <summary>
/// A line a round, for logs. Phases are not announced before there is something to tell, so that bad input leaves nothing but its
/// error.
/// </summary>
internal sealed class PlainSimulationProgress(TextWriter output, SimulationOptions options) : ISimulationProgress
{
    private readonly int _digits = options.Rounds.ToString().Length;

    public void Phase(string name, int rounds)
    {
        if (name == "federating")
            output.WriteLine($"{options.Devices} device{(options.Devices == 1 ? "" : "s")}, {rounds} round{(rounds == 1 ? "" : "s")}, target sparsity {Units.Percent(options.TargetSparsity)}");
    }

    public void DeviceFinished(int round, int finished, int participants)
    {
    }

    public void RoundFinished(RoundRecord round)
    {
        string quality = options.Task == TaskKind.CausalLm
            ? $"perplexity {Units.Significant(round.Perplexity),6}" : $"accuracy {Units.Percent(round.Accuracy),6}";
        output.WriteLine($"round {round.Round.ToString().PadLeft(_digits)}/{options.Rounds}  mean ratio {Units.Percent(round.MeanSparsity),6}  {quality}  "
            + $"virtual {Units.Duration(round.VirtualSeconds),8}  {Units.Duration(round.WallSeconds),6}");
    }

    public void Note(string message) => output.WriteLine(message);
}
