using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary><c>fedspine evaluate</c>.</summary>
internal sealed class EvaluateVerb : IVerb
{
    private const int DefaultBatch = 8, DefaultLength = 128, LatencyRuns = 9;

    private readonly Terminal _terminal;
    private readonly ModelChoice _model = new();
    private readonly DataChoice _columns = new();
    private readonly Option<TaskKind?> _task = TuneSettings.TaskOption();
    private readonly Option<string?> _data = OptionKinds.FilePath("--data", "FILE", "test data: TSV, CSV, JSONL or plain text");
    private readonly Option<int?> _context = OptionKinds.Integer("--context", "N", "perplexity as llama.cpp measures it: windows of N tokens, the second half of each scored");
    private readonly Option<int?> _length = OptionKinds.Integer("--length", "N", $"longest sequence without --context, in tokens (default: {DefaultLength})");
    private readonly Option<int?> _batch = OptionKinds.Integer("--batch", "N", $"sequences at a time (default: {DefaultBatch})");

    public EvaluateVerb(Terminal terminal)
    {
        _terminal = terminal;
        Groups =
        [
            (ModelChoice.Group, [.. _model.All, _model.Base, _task]),
            (DataChoice.Group, [_data, .. _columns.All, _context, _length, _batch]),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("evaluate",
        "Measures a model on test data: accuracy, F1 and Matthews correlation of a classifier, perplexity of a language model; and what it "
        + "costs: time a sequence, tokens a second, memory, weights, FLOPs.");

    public string Summary => "measure a model's quality and cost";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine evaluate --model llama --data story.txt --context 256", "perplexity, comparable with llama.cpp's"),
        ("fedspine evaluate --model llama --data story.txt --context 64 --base q8_0", "the same with the weights in 8 bits"),
        ("fedspine evaluate --model roberta-base --adapter tuned --data dev.tsv", "a classifier that was tuned with finetune"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        string data = parsed.GetValue(_data) ?? throw new InputException("--data is missing: give the text to test on");
        string path = _model.Path(parsed);
        int batch = parsed.GetValue(_batch) ?? DefaultBatch, length = parsed.GetValue(_length) ?? DefaultLength;
        if (batch is < 1 or > 100_000)
            throw new InputException($"--batch {batch}: expected at least 1");
        if (length is < 4 or > 1_000_000)
            throw new InputException($"--length {length}: expected at least 4 tokens");
        var task = TuneRun.TaskOf(path, parsed.GetValue(_model.Adapter), parsed.GetValue(_task));
        int? context = parsed.GetValue(_context);
        if (context is not null && task != TaskKind.CausalLm)
            throw new InputException("--context is for the perplexity of language models");

        string device = Common.Choose(parsed);
        using var backend = Common.Open(parsed, device);
        using var model = LanguageModel.Load(path, new LoadOptions
        {
            Head = task == TaskKind.CausalLm ? ModelHead.CausalLm : ModelHead.SequenceClassification,
            Adapter = parsed.GetValue(_model.Adapter),
            BaseType = parsed.GetValue(_model.Base) ?? WeightType.F32,
        }, backend);
        if (model.Initialised.Count > 0 && parsed.GetValue(_model.Adapter) is null)
            throw InputException.InFile(path, $"has no trained classifier ({string.Join(", ", model.Initialised)} are not in it): tune it first");

        var json = new JsonObject { ["model"] = path, ["task"] = task == TaskKind.CausalLm ? "causal-lm" : "classification", ["device"] = device };
        bool quiet = parsed.GetValue(Common.Json);
        long started = Stopwatch.GetTimestamp();
        long tokens = StepDisplay.Run(quiet ? _terminal.Error : _terminal.Out, "stopping", cancel, display => context is { } window
            ? Perplexity(model, data, window, json, display, cancel)
            : OnExamples(model, TaskRecords.ReadTest(task, data, _columns.Read(parsed)), length, batch, json, cancel));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        AddCost(model.Model, context ?? length, tokens, seconds, json);
        Show(json, quiet);
        return ExitCode.Done;
    }

    private long Perplexity(LanguageModel model, string data, int context, JsonObject json, IStepDisplay display, CancellationToken cancel)
    {
        string text = string.Join('\n', DataFile.Read(data, new DataOptions { Documents = DocumentCut.WholeFile }).Select(r => r.Text));
        int done = 0;
        var result = model.Perplexity(text, context, (windows, all) => display.Step(done = windows, all, $"{context} tokens each"), cancel);
        json["context"] = context;
        json["scoredTokens"] = result.Count;
        json["loss"] = Json.Finite(result.Loss);
        json["perplexity"] = Json.Finite(result.Perplexity);
        return (long)done * context;
    }

    private static long OnExamples(LanguageModel model, TaskRecords records, int length, int batch, JsonObject json, CancellationToken cancel)
    {
        var data = model.Encode(records, length);
        using var inference = new Inference(model.Model, Math.Min(batch, data.Test.Count), data.MaxLength);
        if (records.Task == TaskKind.Classification)
        {
            var (result, confusion) = Evaluation.Classify(inference, data, Math.Min(batch, data.Test.Count), cancel);
            json["examples"] = result.Count;
            json["loss"] = Json.Finite(result.Loss);
            json["accuracy"] = confusion.Accuracy;
            json["f1"] = confusion.F1();
            json["matthews"] = confusion.MatthewsCorrelation();
            json["confusion"] = new JsonObject(Enumerable.Range(0, confusion.Classes).Select(actual => KeyValuePair.Create(data.Labels[actual],
                (JsonNode?)new JsonArray([.. Enumerable.Range(0, confusion.Classes).Select(p => (JsonNode)confusion[actual, p])]))));
        }
        else
        {
            var result = model.Evaluate(data, cancel);
            json["examples"] = data.Test.Count;
            json["scoredTokens"] = result.Count;
            json["loss"] = Json.Finite(result.Loss);
            json["perplexity"] = Json.Finite(result.Perplexity);
        }

        return data.Test.Sum(e => (long)e.Ids.Length);
    }

    private static void AddCost(Model model, int length, long tokens, double seconds, JsonObject json)
    {
        length = Math.Min(length, model.Spec.MaxLength);
        using var inference = new Inference(model, 1, length);
        var batch = new Batch(1, length) { B = 1, T = length };
        batch.Lengths[0] = length;
        var times = new double[LatencyRuns];
        for (int run = -1; run < LatencyRuns; run++) // one to warm up
        {
            long start = Stopwatch.GetTimestamp();
            inference.Evaluate(batch);
            if (run >= 0)
                times[run] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Array.Sort(times);
        var cost = StepCost.Inference(model.Spec, model.Lora, 1, length, model.BaseType);
        json["seconds"] = seconds;
        json["tokensPerSecond"] = tokens / seconds;
        json["length"] = length;
        json["latencySeconds"] = times[LatencyRuns / 2];
        json["flops"] = cost.Flops;
        json["parameters"] = model.ParameterCount;
        json["ratio"] = PruningRatio.Of(model);
        json["base"] = model.BaseType.Label();
        json["modelBytes"] = model.Bytes;
        json["activationBytes"] = cost.ActivationBytes;
        json["peakRssBytes"] = Process.GetCurrentProcess().PeakWorkingSet64;
    }

    private void Show(JsonObject json, bool quiet)
    {
        var output = _terminal.OutWriter;
        if (quiet)
        {
            output.WriteLine(json.ToJsonString());
            return;
        }

        double Of(string key) => Json.Number(json[key]);
        if (json.ContainsKey("accuracy"))
        {
            output.WriteLine($"  accuracy {Units.Percent(Of("accuracy"), 2)}, F1 {Units.Significant(Of("f1"))}, Matthews correlation {Units.Significant(Of("matthews"))}, loss {Units.Significant(Of("loss"))} over {Units.Count(Of("examples"))} examples");
        }
        else
        {
            string how = json.ContainsKey("context") ? $"context {json["context"]}, " : "";
            output.WriteLine($"  perplexity {Units.Number(Of("perplexity"), 4)}, loss {Units.Significant(Of("loss"))} ({how}{Units.Count(Of("scoredTokens"))} scored tokens)");
        }

        output.WriteLine($"  {Units.Count(Of("parameters"))} weights{(Of("ratio") > 0 ? $", {Units.Percent(Of("ratio"))} of the blocks pruned away" : "")}; {Units.Count(Of("flops"))}FLOP and {Units.Significant(1000 * Of("latencySeconds"))} ms a sequence of {json["length"]} tokens (batch 1)");
        output.WriteLine($"  {Units.Count(Of("tokensPerSecond"))} tokens/s over the data; weights {Units.Bytes(Of("modelBytes"))} ({json["base"]}), peak memory {Units.Bytes(Of("peakRssBytes"))}");
    }
}
