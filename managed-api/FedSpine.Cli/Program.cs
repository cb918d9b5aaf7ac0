using System.Text;

namespace FedSpine.Cli;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        Console.OutputEncoding = Encoding.UTF8;
        using var interruption = new Interruption();
        return new CommandLine(Terminal.OfProcess(), (_, _, _, _, _, _) => throw new Engine.FedSpineException("the simulator is not connected yet")).Run(arguments, interruption.Token);
    }
}
