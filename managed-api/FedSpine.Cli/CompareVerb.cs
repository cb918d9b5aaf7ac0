using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli;

/// <summary><c>fedspine compare</c>: methods or other variants of a simulation, over data sets and seeds.</summary>
internal sealed class CompareVerb : IVerb
{
    private readonly Terminal _terminal;
    private readonly SimulateRun _run;
    private readonly CompareArguments _arguments = new();
    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "FOLDER", "folder of the comparison, new or empty (default: runs/compare-NNN, the next free number)");
    private readonly Option<string?> _resume = OptionKinds.FilePath("--resume", "FOLDER", "go on with the comparison in this folder: finished runs are kept, the one that was stopped goes on");
    private readonly Option<bool> _dryRun = OptionKinds.Flag("--dry-run", "list the runs and about how long each will take, and stop");

    public CompareVerb(Terminal terminal, SimulateRun run)
    {
        _terminal = terminal;
        _run = run;
        Groups = [.. _arguments.Groups, ("Folder", [_out, _resume, _dryRun]), (CommonOptions.Group, [.. Common.All])];
    }

    public Command Command { get; } = new("compare",
        "Simulates every variant on every data set with every seed, and compares them: quality at the target sparsity, virtual time and bytes to a "
        + "common quality, measured inference time and training memory, differences with their confidence interval. A variant is a method, or any settings "
        + $"of simulate. Methods: {string.Join(", ", MethodCatalog.Names)}. Options of simulate hold for all runs, under those of data set and variant.");

    public string Summary => "compare methods and settings over data sets and seeds";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine compare --methods all", "every method on the bundled sample with seeds 1, 2 and 3: about half an hour"),
        ("fedspine compare --methods fedspine,fed-random --seeds 1 --rounds 2 --local-steps 6", "a quick look"),
        ("fedspine compare --methods fedspine,fed-random --model roberta-base --data-set mine=train.tsv,dev.tsv,length=32 --target-sparsity 0.3 --seeds 1 --rounds 2 --local-steps 6", "your model and data"),
        ("fedspine compare --variant slow:smoothing=0.99 --variant quick:smoothing=0 --seeds 1 --rounds 2 --local-steps 6", "a setting instead of a method"),
        ("fedspine compare --config compare.json --dry-run", "all in a file: what it would run, and how long"),
        ("fedspine compare --resume runs/compare-001", "go on after Ctrl-C"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (plan, folder) = parsed.GetValue(_resume) is { } resumed ? Resumed(parsed, resumed) : New(parsed);
        ComparisonConfig.Check(plan);
        string device = Common.Choose(parsed, folder.Device(plan));
        using var accelerator = CommonOptions.OpenAccelerator(device);
        var compute = new SimulationCompute(Common.ThreadCount(parsed), accelerator, device);
        if (parsed.GetValue(_dryRun))
            return ShowPlan(parsed, plan, folder, new CellCost(compute), cancel);
        bool json = parsed.GetValue(Common.Json);
        try
        {
            var summary = ComparisonDisplay.Run(json ? _terminal.Error : _terminal.Out, new CellCost(compute), cancel,
                progress => Comparer.Run(plan, folder, compute, new RunCell(_run), progress, cancel));
            return Show(json, summary, folder);
        }
        catch (OperationCanceledException)
        {
            var cells = plan.Cells();
            int finished = cells.Count(c => File.Exists(c.Folder(folder.Path).Summary));
            throw new InterruptedException($"stopped after {finished} of {cells.Count} runs; continue with: fedspine compare --resume {ShellQuote.Quote(folder.Path)}");
        }
    }

    private (ComparisonPlan Plan, ComparisonFolder Folder) New(ParseResult parsed)
    {
        var plan = _arguments.Read(parsed);
        var folder = new ComparisonFolder(WorkingPath.Shorten(parsed.GetValue(_out) ?? RunFolderWriter.NextFree(Path.GetFullPath("runs"), Command.Name)));
        folder.RequireFree();
        return (plan, folder);
    }

    private (ComparisonPlan Plan, ComparisonFolder Folder) Resumed(ParseResult parsed, string path)
    {
        if (_arguments.Groups.SelectMany(g => g.Options).Append(_out).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } other)
            throw new InputException($"{other.Name} cannot be given with --resume: the comparison goes on with the settings it began with");
        var folder = new ComparisonFolder(WorkingPath.Shorten(path));
        if (!File.Exists(folder.Config))
            throw new InputException($"--resume {folder.Path}: {(Directory.Exists(folder.Path) ? $"holds no comparison (no {ComparisonConfig.FileName})" : "no such folder")}");
        return (ComparisonConfig.Read(folder.Config), folder);
    }

    private int ShowPlan(ParseResult parsed, ComparisonPlan plan, ComparisonFolder folder, CellCost cost, CancellationToken cancel)
    {
        var list = new JsonArray();
        double total = 0;
        foreach (var cell in plan.Cells())
        {
            cancel.ThrowIfCancellationRequested();
            bool finished = File.Exists(cell.Folder(folder.Path).Summary);
            double seconds = finished ? 0 : cost.Seconds(cell.Options);
            total += seconds;
            list.Add(new JsonObject { ["dataSet"] = cell.DataSet, ["variant"] = cell.Name, ["seed"] = cell.Seed, ["finished"] = finished, ["seconds"] = seconds });
            if (!parsed.GetValue(Common.Json))
                _terminal.OutWriter.WriteLine($"  {cell.DataSet,-14} {cell.Name,-18} seed {cell.Seed,-4} {(finished ? "finished" : $"about {Units.Duration(seconds)}")}");
        }

        if (parsed.GetValue(Common.Json))
            _terminal.OutWriter.WriteLine(new JsonObject { ["cells"] = list, ["seconds"] = total }.ToJsonString());
        else
            _terminal.OutWriter.WriteLine($"{list.Count} runs, about {Units.Duration(total)}");
        return ExitCode.Done;
    }

    private int Show(bool json, ComparisonSummary summary, ComparisonFolder folder)
    {
        if (json)
        {
            var node = JsonSerializer.SerializeToNode(summary, RunJson.Default.ComparisonSummary)!.AsObject();
            node["folder"] = Path.GetFullPath(folder.Path);
            _terminal.OutWriter.WriteLine(node.ToJsonString());
            return ExitCode.Done;
        }

        _terminal.OutWriter.Write(ComparisonText.ToMarkdown(summary));
        _terminal.OutWriter.WriteLine($"report: {folder.Report}");
        return ExitCode.Done;
    }
}
