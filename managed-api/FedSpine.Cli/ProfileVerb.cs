using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Profiling;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Cli;

/// <summary><c>fedspine profile</c>.</summary>
internal sealed class ProfileVerb : IVerb
{
    private enum Work
    {
        Train,
        Forward,
        Generate,
    }

    private const int DefaultBatch = 8, DefaultLength = 128, DefaultRank = 8, DefaultSteps = 10, WarmUp = 2, Lines = 14;

    private readonly Terminal _terminal;
    private readonly ModelChoice _model = new();
    private readonly Option<Work?> _work = OptionKinds.Choice("--work", "a training step with a LoRA adapter, a forward pass, or text token by token (default: train)",
        ("train", Work.Train), ("forward", Work.Forward), ("generate", Work.Generate));
    private readonly Option<int?> _batch = OptionKinds.Integer("--batch", "N", $"sequences at a time (default: {DefaultBatch})");
    private readonly Option<int?> _length = OptionKinds.Integer("--length", "N", $"tokens of each, or of the prompt (default: {DefaultLength}, or what the positions allow)");
    private readonly Option<int?> _rank = OptionKinds.Integer("--rank", "R", $"rank of a new adapter on all linear layers, for train (default: {DefaultRank})");
    private readonly Option<int?> _steps = OptionKinds.Integer("--steps", "N", $"steps, passes or tokens that are measured (default: {DefaultSteps})");
    private readonly Option<string?> _trace = OptionKinds.FilePath("--trace", "FILE", "write every call as a Chrome trace, which ui.perfetto.dev opens");
    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "FILE", "SVG file to write the roofline to");

    public ProfileVerb(Terminal terminal)
    {
        _terminal = terminal;
        Groups =
        [
            (ModelChoice.Group, [.. _model.All, _model.Base]),
            ("Work", [_work, _batch, _length, _rank, _steps]),
            ("Output", [_out, _trace]),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("profile",
        "Measures where the time of a training step, a forward pass or text generation goes: per operator and per layer calls, time, "
        + "GFLOP/s, GB/s, and the share of what this device reaches (a product and a copy, measured first). Token ids are random.");

    public string Summary => "show where the time goes, by operator and layer";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine profile --model llama --batch 4 --length 64", "a training step"),
        ("fedspine profile --model llama --work generate --steps 50 --trace t.json", "text, as a trace for Perfetto"),
        ("fedspine profile --model roberta-base --work forward --length 32 --out roof.svg", "a forward pass, with a roofline"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        int batch = OptionKinds.AtLeastOne(parsed, _batch) ?? DefaultBatch, rank = OptionKinds.AtLeastOne(parsed, _rank) ?? DefaultRank, steps = OptionKinds.AtLeastOne(parsed, _steps) ?? DefaultSteps;
        var work = parsed.GetValue(_work) ?? Work.Train;
        using var device = Common.OpenDevice(parsed);
        var peak = MachinePeak.Measure(device);
        using var profiler = new ProfilingBackend(device);
        string path = _model.Path(parsed);
        string? adapter = parsed.GetValue(_model.Adapter);
        var config = ModelOutline.Read(path).Config;
        bool bare = !config.HasHead && adapter is null;
        using var model = LanguageModel.Load(path, new LoadOptions
        {
            // What a bare model costs is asked before its task is settled: it gets the head that its family usually has.
            Head = !bare ? null : config.Spec.IsDecoder ? ModelHead.CausalLm : ModelHead.SequenceClassification,
            Labels = bare && !config.Spec.IsDecoder ? ["0", "1"] : null,
            Adapter = adapter,
            BaseType = parsed.GetValue(_model.Base) ?? WeightType.F32,
            Lora = adapter is null && work == Work.Train ? new LoraSpec(rank, 2 * rank, LoraSpec.AllLinears) : null,
            Trainable = work == Work.Train ? Trainable.Adapter : Trainable.None,
        }, profiler);
        profiler.Label(model.Model);
        int longest = model.Model.Spec.MaxLength - (work == Work.Generate ? steps : 0), length = Math.Min(OptionKinds.AtLeastOne(parsed, _length) ?? DefaultLength, longest);
        if (length < 1)
            throw new InputException($"--steps {steps}: the model's positions hold {model.Model.Spec.MaxLength} tokens, prompt and text together");

        var (seconds, tokens) = Execute(work, model, profiler, batch, length, steps, cancel);
        var operators = ProfileLine.By(profiler.Calls, c => c.Operator);
        var places = ProfileLine.By(profiler.Calls, c => c.Label ?? "before the model");
        if (parsed.GetValue(_trace) is { } trace)
            AtomicFile.Write(trace, stream => ChromeTrace.Write(stream, profiler.Calls));
        string title = $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(model.Path))}, {work.ToString().ToLowerInvariant()}, {profiler.Name}{(bare ? $", with a new {(config.Spec.IsDecoder ? "vocabulary head" : "classifier of two labels")}" : "")}";
        if (parsed.GetValue(_out) is { } picture)
            AtomicFile.WriteText(picture, RooflinePicture.ToSvg(operators, peak, title));
        if (parsed.GetValue(Common.Json))
            _terminal.OutWriter.WriteLine(ToJson(title, operators, places, peak, seconds, tokens, steps).ToJsonString());
        else
            Show(parsed, title, operators, places, peak, seconds, tokens);
        return ExitCode.Done;
    }

    /// <returns>Wall time and tokens of what was measured.</returns>
    private static (double Seconds, long Tokens) Execute(Work work, LanguageModel model, ProfilingBackend profiler, int B, int T, int steps, CancellationToken cancel)
    {
        if (work == Work.Generate)
        {
            if (model.Model.Spec.Head != ModelHead.CausalLm)
                throw new InputException($"{model.Path}: a {model.Model.Spec.Head} model generates no text");
            using var decoder = new Decoder(model.Model, 1, T + steps);
            var logits = new float[decoder.LogitColumns];
            int[] prompt = RandomBatch(model.Model.Spec, 1, T).Ids[..T];
            decoder.Prefill(0, prompt, logits);
            return Measure(profiler, steps, cancel, () =>
            {
                decoder.Step([Array.IndexOf(logits, logits.Max())], logits);
                return 1;
            }, warmUp: 0);
        }

        var batch = RandomBatch(model.Model.Spec, B, T);
        if (work == Work.Forward)
        {
            using var inference = new Inference(model.Model, B, T);
            return Measure(profiler, steps, cancel, () =>
            {
                inference.Evaluate(batch);
                return B * T;
            });
        }

        using var trainer = new Trainer(model.Model, new TrainingOptions { LearningRate = 1e-6f }, B, T);
        return Measure(profiler, steps, cancel, () =>
        {
            trainer.Step(batch);
            return B * T;
        });
    }

    private static (double Seconds, long Tokens) Measure(ProfilingBackend profiler, int steps, CancellationToken cancel, Func<int> step, int warmUp = WarmUp)
    {
        for (int i = 0; i < warmUp; i++)
            step();
        profiler.Clear();
        long tokens = 0, started = Stopwatch.GetTimestamp();
        for (int i = 0; i < steps; i++)
        {
            cancel.ThrowIfCancellationRequested();
            tokens += step();
        }

        return (Stopwatch.GetElapsedTime(started).TotalSeconds, tokens);
    }

    private static Batch RandomBatch(ModelSpec spec, int B, int T)
    {
        var random = new DeterministicRandom(1);
        var batch = new Batch(B, T) { B = B, T = T };
        batch.Lengths.AsSpan().Fill(T);
        foreach (ref int id in batch.Ids.AsSpan())
            id = random.NextInt(spec.VocabularySize);
        if (spec.Head != ModelHead.SequenceClassification)
            batch.Ids.AsSpan(1).CopyTo(batch.Targets);
        return batch;
    }

    private void Show(ParseResult parsed, string title, IReadOnlyList<ProfileLine> operators, IReadOnlyList<ProfileLine> places, in MachinePeak peak, double seconds, long tokens)
    {
        var output = _terminal.OutWriter;
        double inside = operators.Sum(o => o.Seconds);
        output.WriteLine($"  {title}: {Units.Significant(tokens / seconds)} tokens/s, {Units.Significant(operators.Sum(o => o.Flops) / seconds / 1e9)} GFLOP/s");
        output.WriteLine($"  this device: {Units.Significant(peak.FlopsPerSecond / 1e9)} GFLOP/s (product of {peak.ProductSize}), {Units.Significant(peak.BytesPerSecond / 1e9)} GB/s (copy)");
        foreach (var (name, lines) in new[] { ("operator", operators), ("where", places) })
        {
            output.WriteLine();
            output.WriteLine($"  {name,-24} {"calls",8} {"time",9} {"share",7} {"GFLOP/s",8} {"GB/s",7} {"of peak",8}");
            foreach (var o in lines.Take(Lines))
            {
                output.WriteLine($"  {o.Name,-24} {o.Calls,8} {Milliseconds(o.Seconds),9} {Units.Percent(o.Seconds / seconds),7} {Units.Significant(o.FlopsPerSecond / 1e9),8} "
                    + $"{Units.Significant(o.BytesPerSecond / 1e9),7} {Units.Percent(o.ShareOf(peak), 0),8}");
            }

            if (lines.Count > Lines)
                output.WriteLine($"  {$"{lines.Count - Lines} others",-24} {lines.Skip(Lines).Sum(o => o.Calls),8} {Milliseconds(lines.Skip(Lines).Sum(o => o.Seconds)),9}");
        }

        output.WriteLine($"  {"outside operators",-24} {"",8} {Milliseconds(seconds - inside),9} {Units.Percent((seconds - inside) / seconds),7}");
        foreach (var option in new[] { _out, _trace })
        {
            if (parsed.GetValue(option) is { } file)
                output.WriteLine($"  {(option == _out ? "roofline" : "trace")}: {WorkingPath.Shorten(file)}");
        }
    }

    private static string Milliseconds(double seconds) => $"{Units.Significant(seconds * 1e3)} ms";

    private static JsonObject ToJson(string title, IReadOnlyList<ProfileLine> operators, IReadOnlyList<ProfileLine> places, MachinePeak peak, double seconds, long tokens, int steps)
    {
        JsonArray Rows(IReadOnlyList<ProfileLine> lines) => new([.. lines.Select(o => (JsonNode)new JsonObject
        {
            ["name"] = o.Name, ["calls"] = o.Calls, ["seconds"] = o.Seconds, ["flops"] = o.Flops, ["bytes"] = o.Bytes, ["shareOfPeak"] = Json.Finite(o.ShareOf(peak)),
        })]);
        return new JsonObject
        {
            ["title"] = title, ["steps"] = steps, ["tokens"] = tokens, ["seconds"] = seconds,
            ["peakFlopsPerSecond"] = peak.FlopsPerSecond, ["peakBytesPerSecond"] = peak.BytesPerSecond,
            ["operators"] = Rows(operators), ["places"] = Rows(places),
        };
    }
}
