using System.CommandLine;
using System.Text.Json;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli;

/// <summary>See <see cref="Simulator.Run"/>; tests pass their own.</summary>
internal delegate RunSummary SimulateRun(
    SimulationOptions options, string folder, bool resume, SimulationCompute compute, ISimulationProgress progress, CancellationToken cancel);

/// <summary><c>fedspine simulate</c>.</summary>
internal sealed class SimulateVerb : IVerb
{
    private readonly Terminal _terminal;
    private readonly SimulateRun _run;
    private readonly Setting<SimulationOptions>[] _settings = SimulateSettings.Create();
    private readonly Option<string?> _config = OptionKinds.FilePath("--config", "FILE", "settings as JSON, such as a run's config.json; options given here go over it");
    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "FOLDER", "run folder, which must not hold a run yet (default: runs/simulate-NNN, the next free number)");
    private readonly Option<string?> _resume = OptionKinds.FilePath("--resume", "FOLDER", "go on with the interrupted run in this folder; it ends as if it had not been interrupted");

    public SimulateVerb(Terminal terminal, SimulateRun run)
    {
        _terminal = terminal;
        _run = run;
        Groups =
        [
            .. _settings.GroupBy(s => s.Heading).Select(g => (g.Key, (IReadOnlyList<Option>)[.. g.Select(s => s.Option)])),
            ("Run folder", [_out, _config, _resume]),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("simulate",
        "Federates a model over a fleet of virtual devices: each tunes LoRA adapters on its own data and prunes heads and channels; "
        + "a coordinator picks pruning ratios and ranks and merges the adapters. Training is real, time is virtual.");

    public string Summary => "tune and prune a model over a fleet of virtual devices";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine simulate", "the bundled sample, in about a minute"),
        ("fedspine simulate --rounds 2 --local-steps 10 --no-reference", "a quick look"),
        ("fedspine simulate --method fedlora --rounds 2 --local-steps 10 --no-reference", "a method to compare with"),
        ("fedspine simulate --target-sparsity 0.7 --policy thompson --seed 3", "harder pruning, another policy"),
        ("fedspine simulate --model roberta-base --data train.tsv --eval-data dev.tsv", "your model and labelled data"),
        ("fedspine simulate --task causal-lm --model llama --data text.txt", "a LLaMA decoder on plain text"),
        ("fedspine simulate --config runs/simulate-001/config.json --seed 2", "a run again, with another seed"),
        ("fedspine simulate --device cuda --model llama --task causal-lm --data text.txt", "on a GPU"),
        ("fedspine simulate --resume runs/simulate-001", "go on after Ctrl-C"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        string? resumed = parsed.GetValue(_resume);
        bool resume = resumed is not null;
        SimulationOptions options;
        string folder;
        if (resumed is not null)
        {
            RequireNothingElse(parsed);
            folder = WorkingPath.Shorten(resumed);
            if (!File.Exists(new RunFolder(folder).Config))
                throw new InputException($"--resume {folder}: {(Directory.Exists(folder) ? "holds no run (no config.json)" : "no such folder")}");
            options = SimulationConfig.Read(new RunFolder(folder).Config);
            if (RunFolderReader.ReadSummary(new RunFolder(folder)) is { } finished)
                return Show(parsed, finished, folder);
        }
        else
        {
            options = ReadOptions(parsed);
            options.Validate();
            folder = WorkingPath.Shorten(parsed.GetValue(_out) ?? RunFolderWriter.NextFree(Path.GetFullPath("runs"), Command.Name));
            RunFolderWriter.RequireFree(folder);
        }

        bool json = parsed.GetValue(Common.Json);
        string device = Common.Choose(parsed, options.Device ?? (resume ? CommonOptions.Host : null));
        using var accelerator = CommonOptions.OpenAccelerator(device);
        try
        {
            var summary = SimulationDisplay.Run(json ? _terminal.Error : _terminal.Out, options, cancel,
                progress => _run(options, folder, resume, new SimulationCompute(Common.ThreadCount(parsed), accelerator, device), progress, cancel));
            return Show(parsed, summary, folder);
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException(WhatIsKept(folder));
        }
    }

    /// <summary>Defaults, then the configuration file, then the options given.</summary>
    internal SimulationOptions ReadOptions(ParseResult parsed)
    {
        var options = parsed.GetValue(_config) is { } path ? SimulationConfig.Read(path) : new SimulationOptions();
        foreach (var setting in _settings)
            options = setting.Apply(parsed, options);
        if (Array.Exists(_settings, s => s.Option.Name == "--target-sparsity" && s.IsGiven(parsed)) && options.TargetSparsity > 0 && Method.TargetOf(Method.Complete(options)) == 0)
            throw new InputException($"--target-sparsity {options.TargetSparsity} contradicts {(options.Schedule is null ? $"--method {options.Method}" : $"--schedule {options.Schedule}")}, which does not prune");
        return options;
    }

    private void RequireNothingElse(ParseResult parsed)
    {
        var other = _settings.Where(s => s.IsGiven(parsed)).Select(s => s.Option).Concat(new Option[] { _config, _out }.Where(o => parsed.GetResult(o) is { Implicit: false }));
        if (other.FirstOrDefault() is { } option)
            throw new InputException($"{option.Name} cannot be given with --resume: the run goes on with the settings it began with");
    }

    private int Show(ParseResult parsed, RunSummary summary, string folder)
    {
        if (parsed.GetValue(Common.Json))
        {
            var json = JsonSerializer.SerializeToNode(summary, RunJson.Default.RunSummary)!.AsObject();
            json["folder"] = Path.GetFullPath(folder);
            _terminal.OutWriter.WriteLine(json.ToJsonString());
        }
        else
        {
            ResultTable.Write(_terminal.Out, summary, new RunFolder(folder).Report);
        }

        return ExitCode.Done;
    }

    private static string WhatIsKept(string folder)
    {
        var run = new RunFolder(folder);
        if (!File.Exists(run.Config))
            return "stopped before the first round; nothing is kept";
        int rounds = RunFolderReader.ReadRounds(run).Count;
        return $"stopped {(rounds == 0 ? "before the first round" : $"after round {rounds}")}; continue with: fedspine simulate --resume {ShellQuote.Quote(folder)}";
    }
}
