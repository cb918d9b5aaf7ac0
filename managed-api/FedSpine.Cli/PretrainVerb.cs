using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Sample;
using FedSpine.Kernels;

namespace FedSpine.Cli;

/// <summary>See <see cref="Pretrainer.Run"/>; tests pass their own.</summary>
internal delegate PretrainResult PretrainRun(
    IComputeBackend backend, PretrainOptions options, IReadOnlyList<string> texts, string folder, bool resume, IPretrainProgress progress, CancellationToken cancel);

/// <summary><c>fedspine pretrain</c>.</summary>
internal sealed class PretrainVerb : IVerb
{
    /// <summary>Reviews of the bundled sample that the bundled encoder saw.</summary>
    internal const int SampleTexts = 60_000;

    private readonly Terminal _terminal;
    private readonly PretrainRun _run;
    private readonly Setting<PretrainOptions>[] _settings = PretrainSettings.Create();
    private readonly Option<string?> _data = OptionKinds.FilePath("--data", "FILE", "text: plain, or a column of a TSV, CSV or JSONL file (default: the bundled sample's unlabelled text)");
    private readonly DataChoice _columns = new();
    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "FOLDER", "Hugging Face folder to write, which must not hold a model yet (default: runs/pretrain-NNN, the next free number)");

    private readonly Option<string?> _resume = OptionKinds.FilePath("--resume", "FOLDER", "go on with the interrupted run in this folder; of the settings only --steps may be given anew");

    public PretrainVerb(Terminal terminal, PretrainRun run)
    {
        _terminal = terminal;
        _run = run;
        Groups =
        [
            ("Text and output", [_data, .. _columns.Unlabelled, _out, _resume]),
            .. _settings.GroupBy(s => s.Heading).Select(g => (g.Key, (IReadOnlyList<Option>)[.. g.Select(s => s.Option)])),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("pretrain",
        "Trains a small transformer from scratch on plain text and writes a Hugging Face folder: weights, configuration and tokenizer. "
        + "One text in fifty is held out.");

    public string Summary => "train a small encoder or decoder from scratch on plain text";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine pretrain --out encoder", "the bundled sample encoder again"),
        ("fedspine pretrain --data train.tsv --vocabulary 8000 --width 128 --steps 20000", "an encoder on a column of text"),
        ("fedspine pretrain --task causal-lm --data stories.txt --kv-heads 2 --steps 100", "a decoder with grouped-query attention"),
        ("fedspine pretrain --resume runs/pretrain-001", "go on after Ctrl-C"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        bool resume = parsed.GetValue(_resume) is not null;
        string folder = WorkingPath.Shorten(parsed.GetValue(_resume) ?? parsed.GetValue(_out) ?? RunFolderWriter.NextFree(Path.GetFullPath("runs"), Command.Name));
        var job = resume ? ReadJob(parsed, folder) : NewJob(parsed, folder);
        var options = job.Options;
        var texts = ReadTexts(job);
        string device = Common.Choose(parsed, job.Device ?? (resume ? CommonOptions.Host : null));
        using var backend = Common.Open(parsed, device);
        (resume ? job : job with { Device = device }).Write(folder);

        bool json = parsed.GetValue(Common.Json);
        var result = StepDisplay.Run(json ? _terminal.Error : _terminal.Out, PretrainDisplay.Stopping, cancel,
            display => _run(backend, options, texts, folder, resume, new PretrainDisplay(display), cancel));
        if (result.Steps < options.Steps)
            throw new InterruptedException($"stopped after step {result.Steps} of {options.Steps}; the model so far is in {folder}; continue with: fedspine pretrain --resume {ShellQuote.Quote(folder)}");
        if (json)
            _terminal.OutWriter.WriteLine(ToJson(result, options, device).ToJsonString());
        else
            Show(result, folder);
        return ExitCode.Done;
    }

    private PretrainJob NewJob(ParseResult parsed, string folder)
    {
        var options = new PretrainOptions();
        foreach (var setting in _settings)
            options = setting.Apply(parsed, options);
        Check(parsed, options);
        if (File.Exists(folder))
            throw new InputException($"{folder} is a file: give another --out");
        if (File.Exists(Path.Combine(folder, "config.json")))
            throw new InputException($"{folder} already holds a model: give another --out");
        if (File.Exists(Path.Combine(folder, PretrainJob.FileName)))
            throw new InputException($"{folder} already holds a run: give another --out, or continue it with --resume");
        string? data = parsed.GetValue(_data);
        if (data is null && _columns.FirstGiven(parsed) is { } option)
            throw new InputException($"{option.Name} is for --data, which is not given");
        return new PretrainJob { Data = data, Columns = _columns.Read(parsed), Options = options };
    }

    /// <summary>That of an interrupted run, with another number of steps when it is given.</summary>
    private PretrainJob ReadJob(ParseResult parsed, string folder)
    {
        var steps = _settings.Single(s => s.Option.Name == "--steps");
        var given = _settings.Where(s => s != steps).Select(s => s.Option).Concat([_data, .. _columns.Unlabelled, _out])
            .FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false });
        if (given is not null)
            throw new InputException($"{given.Name} cannot be given with --resume: the run goes on with the settings it began with, but for --steps");
        if (!File.Exists(Path.Combine(folder, PretrainJob.FileName)))
            throw new InputException($"--resume {folder}: {(Directory.Exists(folder) ? $"holds no run (no {PretrainJob.FileName})" : "no such folder")}");
        var job = PretrainJob.Read(folder);
        job = job with { Options = steps.Apply(parsed, job.Options) };
        job.Options.Validate();
        return job;
    }

    private void Check(ParseResult parsed, PretrainOptions options)
    {
        options.Validate();
        if (options.Tokenizer is { } tokenizer && !Path.Exists(tokenizer))
            throw new InputException($"--tokenizer {tokenizer}: no such folder");
        if (options.Tokenizer is not null && _settings.Single(s => s.Option.Name == "--vocabulary").IsGiven(parsed))
            throw new InputException("--vocabulary is for a tokenizer that is trained here, and --tokenizer gives one");
        if (options.Model is not null && _settings.FirstOrDefault(s => s.Heading == PretrainSettings.Shape && s.IsGiven(parsed)) is { } shape)
            throw new InputException($"{shape.Option.Name} is for a new model, and --model gives one");
        if (options.KeyValueHeads is not null && options.Objective != ModelHead.CausalLm)
            throw new InputException("--kv-heads is for decoders: give --task causal-lm with it");
    }

    private static IReadOnlyList<string> ReadTexts(PretrainJob job) => job.Data is { } path
        ? [.. DataFile.Read(path, job.Columns).SelectMany(r => r.TextPair is null ? [r.Text] : new[] { r.Text, r.TextPair })]
        : [.. SampleCorpus.Unlabelled(job.Options.Seed).Take(SampleTexts)];

    private static JsonObject ToJson(PretrainResult result, PretrainOptions options, string device) => new()
    {
        ["folder"] = Path.GetFullPath(result.Folder),
        ["task"] = options.Objective == ModelHead.CausalLm ? "causal-lm" : "masked-lm",
        ["steps"] = result.Steps,
        ["vocabulary"] = result.Vocabulary,
        ["parameters"] = result.Parameters,
        ["heldOutLoss"] = Finite(result.HeldOutLoss),
        ["heldOutPerplexity"] = Finite(Math.Exp(result.HeldOutLoss)),
        ["device"] = device,
        ["wallSeconds"] = result.WallSeconds,
    };

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private void Show(PretrainResult result, string folder)
    {
        var output = _terminal.OutWriter;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Units.Count(result.Parameters)} weights, vocabulary {result.Vocabulary}, {result.Steps} steps in {Units.Duration(result.WallSeconds)}"));
        output.WriteLine($"  held-out text: loss {Units.Significant(result.HeldOutLoss)}, perplexity {Units.Significant(Math.Exp(result.HeldOutLoss))} per predicted token");
        output.WriteLine($"  model: {folder}");
    }
}
