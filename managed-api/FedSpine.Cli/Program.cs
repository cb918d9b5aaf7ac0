using System.Text;
using FedSpine.Engine.Training;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        Console.OutputEncoding = Encoding.UTF8;
        using var interruption = new Interruption();
        var terminal = Terminal.OfProcess(interruption);
        return new CommandLine(terminal, Verbs.Create(terminal, Simulator.Run, Pretrainer.Run)).Run(arguments, interruption.Token);
    }
}
