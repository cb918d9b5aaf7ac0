using System.Text;
using FedSpine.Engine.Training;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Host;

namespace FedSpine.Cli;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        Console.OutputEncoding = Encoding.UTF8;
        using var interruption = new Interruption();
        var terminal = Terminal.OfProcess(interruption);
        return new CommandLine(terminal, Verbs.Create(terminal, Simulator.Run, Pretrain)).Run(arguments, interruption.Token);
    }

    private static PretrainResult Pretrain(
        PretrainOptions options, IReadOnlyList<string> texts, string folder, bool resume, int threads, IPretrainProgress progress, CancellationToken cancel)
    {
        using var backend = HostBackend.Create(threads);
        return Pretrainer.Run(backend, options, texts, folder, resume, progress, cancel);
    }
}
