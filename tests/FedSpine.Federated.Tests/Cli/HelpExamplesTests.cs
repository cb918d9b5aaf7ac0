using FedSpine.Cli;
using FedSpine.Federated.Simulation;
using FedSpine.Engine.Training;
using Spectre.Console;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>The examples of every verb's help, run as they are written on files of the names that they use.</summary>
public sealed class HelpExamplesTests(SmallWorld world) : IClassFixture<SmallWorld>
{
    /// <summary>Too long for a test, or about a run that is not there; every verb has others.</summary>
    private static readonly string[] NotRun =
    [
        "fedspine simulate", // MainJobTests runs it
        "fedspine simulate --target-sparsity 0.7 --policy thompson --seed 3",
        "fedspine simulate --model roberta-base --data train.tsv --eval-data dev.tsv",
        "fedspine simulate --task causal-lm --model llama --data text.txt",
        "fedspine simulate --config runs/simulate-001/config.json --seed 2",
        "fedspine simulate --device cuda --model llama --task causal-lm --data text.txt",
        "fedspine simulate --resume runs/simulate-001",
        "fedspine compare --methods all",
        "fedspine compare --resume runs/compare-001",
        "fedspine pretrain --out encoder",
        "fedspine pretrain --data train.tsv --vocabulary 8000 --width 128 --steps 20000",
        "fedspine pretrain --resume runs/pretrain-001",
    ];

    [Fact]
    public void Every_verb_has_examples_that_run()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });
        var verbs = Verbs.Create(new Terminal(console, console), Simulator.Run, (_, _, _, _, _, _, _) => throw new InvalidOperationException());
        foreach (var verb in verbs)
        {
            var examples = verb.Examples.Select(e => e.CommandLine).Except(NotRun).ToList();
            Assert.True(examples.Count > 0, $"no example of {verb.Command.Name} is run");
            foreach (string example in examples)
            {
                Assert.StartsWith($"fedspine {verb.Command.Name}", example);
                var run = Tool.Run(world.Root, example["fedspine ".Length..]);
                Assert.True(run.Code == 0, $"{example}: exit code {run.Code}: {run.Error}");
            }
        }
    }
}
