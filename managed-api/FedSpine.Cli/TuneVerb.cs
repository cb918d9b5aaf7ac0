using System.CommandLine;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary><c>fedspine finetune</c>, and with pruning <c>fedspine prune</c>: one loop, two purposes.</summary>
internal sealed class TuneVerb : IVerb
{
    private readonly Terminal _terminal;
    private readonly bool _pruning;
    private readonly Setting<TuneJob>[] _settings;
    private readonly Option<string?> _config = OptionKinds.FilePath("--config", "FILE", "settings as JSON, such as a run's run/config.json; options given here go over it");
    private readonly Option<string?> _out;
    private readonly Option<string?> _resume = OptionKinds.FilePath("--resume", "FOLDER", "go on with the interrupted run in this folder; it ends as if it had not been interrupted");

    private TuneVerb(Terminal terminal, bool pruning, Command command, string summary, params (string CommandLine, string Purpose)[] examples)
    {
        (_terminal, _pruning, Command, Summary, Examples) = (terminal, pruning, command, summary, examples);
        _settings = TuneSettings.Create(pruning);
        _out = OptionKinds.FilePath("--out", "FOLDER", $"folder for the result, which must not hold one yet (default: runs/{command.Name}-NNN, the next free number)");
        Groups =
        [
            .. _settings.GroupBy(s => s.Heading).Select(g => (g.Key, (IReadOnlyList<Option>)[.. g.Select(s => s.Option)])),
            ("Output", [_out, _config, _resume]),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public static TuneVerb Finetune(Terminal terminal) => new(terminal, pruning: false, new Command("finetune",
        "Tunes a model on one device: a LoRA adapter, or all weights; for classification, plain text, or prompts with answers, of which "
        + "only the answers are learned. Writes a PEFT folder (with --all-weights a model folder), evaluates as it goes and keeps the best."),
        "tune a model on your text",
        ("fedspine finetune --model roberta-base --data train.tsv --eval-data dev.tsv --epochs 3 --out tuned", "a classifier"),
        ("fedspine finetune --model llama --data story.txt --steps 50 --rank 8", "a language model on plain text"),
        ("fedspine finetune --model llama --data questions.jsonl --length 256 --out answers", "prompts with answers, of which the answers are learned"),
        ("fedspine finetune --model llama --data story.txt --steps 50 --base q8_0", "with the frozen weights in 8 bits, a quarter of the memory"),
        ("fedspine finetune --resume runs/finetune-001", "go on after Ctrl-C"));

    public static TuneVerb Prune(Terminal terminal) => new(terminal, pruning: true, new Command("prune",
        "Removes the least important attention heads and FFN channels of a model, step by step while it is tuned (prune, tune, prune, "
        + "tune), or at once. Writes a smaller model folder, with what was tuned merged into it."),
        "make a model smaller",
        ("fedspine prune --model llama --data story.txt --ratio 0.3 --steps 60 --out pruned", "30 % away in steps, with tuning between and after"),
        ("fedspine prune --model llama --data story.txt --ratio 0.3 --one-shot 8", "at once, importance from 8 batches"),
        ("fedspine prune --model llama --ratio 0.2 --criterion magnitude --one-shot 1", "by the weights alone, without data"));

    public Command Command { get; }

    public string Summary { get; }

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; }

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        var folder = new TuneFolder(WorkingPath.Shorten(parsed.GetValue(_resume) ?? parsed.GetValue(_out) ?? RunFolderWriter.NextFree(System.IO.Path.GetFullPath("runs"), Command.Name)));
        bool resume = parsed.GetValue(_resume) is not null;
        TuneJob job;
        if (resume)
        {
            RequireNothingElse(parsed);
            if (!File.Exists(folder.Config))
                throw new InputException($"--resume {folder.Path}: {(Directory.Exists(folder.Path) ? "holds no run (no run/config.json)" : "no such folder")}");
            job = folder.ReadJob();
            if (folder.ReadSummary() is { } finished)
                return Show(parsed, folder, finished);
        }
        else
        {
            job = parsed.GetValue(_config) is { } path ? SettingsFile.Read(path, TuneJson.Default.TuneJob, new TuneJob()) : new TuneJob();
            foreach (var setting in _settings)
                job = setting.Apply(parsed, job);
            folder.RequireFree();
        }

        if (_pruning && job.Ratio == 0)
            throw new InputException("--ratio is missing: give the fraction of the weights to remove, such as 0.3");
        job.Validate();
        string device = Common.Choose(parsed, job.Device ?? (resume ? CommonOptions.Host : null));
        job = job with { Device = device };
        var console = parsed.GetValue(Common.Json) ? _terminal.Error : _terminal.Out;
        try
        {
            var summary = StepDisplay.Run(console, TuneDisplay.Stopping, cancel,
                display => new TuneRun(job, folder, _pruning, () => Common.Open(parsed, device)).Execute(display, resume, cancel));
            return Show(parsed, folder, summary);
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException(folder.CheckpointStep() is { } step
                ? $"stopped after step {step}; continue with: fedspine {Command.Name} --resume {ShellQuote.Quote(folder.Path)}"
                : File.Exists(folder.Config) ? $"stopped before the first step; start again with: fedspine {Command.Name} --resume {ShellQuote.Quote(folder.Path)}"
                : "stopped before the first step; nothing is kept");
        }
    }

    private void RequireNothingElse(ParseResult parsed)
    {
        var given = _settings.Where(s => s.IsGiven(parsed)).Select(s => s.Option).Concat(new Option[] { _config, _out }.Where(o => parsed.GetResult(o) is { Implicit: false }));
        if (given.FirstOrDefault() is { } option)
            throw new InputException($"{option.Name} cannot be given with --resume: the run goes on with the settings it began with");
    }

    private int Show(ParseResult parsed, TuneFolder folder, JsonObject summary)
    {
        if (parsed.GetValue(Common.Json))
        {
            _terminal.OutWriter.WriteLine(summary.ToJsonString());
            return ExitCode.Done;
        }

        var output = _terminal.OutWriter;
        foreach (var (name, value) in TuneReport.Lines(summary))
            output.WriteLine($"  {name}: {value}");
        output.WriteLine($"  {(File.Exists(System.IO.Path.Combine(folder.Path, "adapter_config.json")) ? "adapter" : "model")}: {folder.Path}");
        output.WriteLine($"  report: {folder.Report}");
        return ExitCode.Done;
    }
}
