using System.CommandLine;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary><c>fedspine inspect</c>.</summary>
internal sealed class InspectVerb : IVerb
{
    private const int DefaultBatch = 8, DefaultRank = 8;

    private readonly Terminal _terminal;
    private readonly ModelChoice _model = new();
    private readonly Option<string?> _run = OptionKinds.FilePath("--run", "FOLDER", "run folder of simulate, finetune or prune");
    private readonly Option<int?> _batch = OptionKinds.Integer("--batch", "N", $"sequences at a time, for memory and FLOPs (default: {DefaultBatch})");
    private readonly Option<int?> _length = OptionKinds.Integer("--length", "N", "tokens of each (default: 128, or what the model's positions allow)");
    private readonly Option<int?> _rank = OptionKinds.Integer("--rank", "R", $"rank of the adapter that tuning is priced with (default: {DefaultRank})");
    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "FILE", "SVG file to write the picture of heads and channels to");

    public InspectVerb(Terminal terminal)
    {
        _terminal = terminal;
        Groups =
        [
            ("What to look at", [.. _model.All, _run]),
            ("How", [_batch, _length, _rank, _model.Base, _out]),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("inspect",
        "Shows what a model, an adapter or a run is made of: heads, channels and weights of every layer and what pruning has left of them, "
        + "memory and FLOPs to run and to tune. Only headers are read, nothing is computed.");

    public string Summary => "show what a model, adapter or run is made of, and what it takes";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine inspect --model llama --batch 4 --length 256", "a model, and what a batch of 4 x 256 tokens takes"),
        ("fedspine inspect --model pruned --out pruned.svg", "what pruning has left, also as a picture"),
        ("fedspine inspect --adapter tuned", "an adapter alone"),
        ("fedspine inspect --run runs/simulate-001 --json", "a run and the models that it made"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        string? run = parsed.GetValue(_run), model = parsed.GetValue(_model.Model), adapter = parsed.GetValue(_model.Adapter);
        if (run is not null && (model ?? adapter) is not null)
            throw new InputException("--run and --model or --adapter: give one or the other");
        if ((run ?? model ?? adapter) is null)
            throw new InputException("give --model, --adapter or --run");
        int batch = OptionKinds.AtLeastOne(parsed, _batch) ?? DefaultBatch, rank = OptionKinds.AtLeastOne(parsed, _rank) ?? DefaultRank;
        var models = new List<(string Title, ModelOutline Model)>();
        var (json, lines) = run is not null ? RunInspection.Of(run, models)
            : model is not null ? OfModel(model, adapter, batch, OptionKinds.AtLeastOne(parsed, _length), rank, parsed.GetValue(_model.Base) ?? WeightType.F32, models)
            : OfAdapter(adapter!);

        if (parsed.GetValue(_out) is { } picture)
        {
            if (models.Count == 0)
                throw new InputException("--out: there is no model to draw");
            AtomicFile.WriteText(picture, LayersPicture.ToSvg(models));
            json["picture"] = picture;
            lines.Add($"  picture: {WorkingPath.Shorten(picture)}");
        }

        if (parsed.GetValue(Common.Json))
            _terminal.OutWriter.WriteLine(json.ToJsonString());
        else
            lines.ForEach(_terminal.OutWriter.WriteLine);
        return ExitCode.Done;
    }

    private static (JsonObject Json, List<string> Lines) OfModel(string path, string? adapter, int batch, int? length, int rank, WeightType baseType,
        List<(string, ModelOutline)> models)
    {
        var outline = ModelOutline.Read(path);
        var spec = outline.Config.Spec;
        models.Add((WorkingPath.Shorten(path), outline));
        LoraSpec? lora = null;
        if (adapter is not null)
        {
            using var peft = PeftAdapter.Open(HubModel.Resolve(adapter), spec);
            lora = peft.Lora;
        }

        var costs = InspectCosts.Of(spec, lora, batch, length, rank, baseType);
        double gone = 1 - (double)outline.Prunable / outline.PrunableBase;
        List<string> lines =
        [
            $"  {WorkingPath.Shorten(path)}: {Kind(outline.Config)}",
            $"  width {spec.Width}, vocabulary {spec.VocabularySize}{(spec.TieWordEmbeddings ? ", tied embeddings" : "")}, up to {spec.MaxLength} tokens; "
                + $"{Units.Bytes(outline.StoredBytes)} on disk ({string.Join(", ", outline.StoredTypes)})",
            $"  {Units.Count(outline.Parameters)} weights, of which {Units.Count(outline.Prunable)} prunable{(gone > 0 ? $"; pruned by {Units.Percent(gone)}" : "")}",
            "", .. LayerLines.Of(outline), "", .. Columns([.. costs.Rows(spec)]),
        ];
        var json = new JsonObject
        {
            ["model"] = path,
            ["family"] = spec.Family.ToString().ToLowerInvariant(),
            ["head"] = outline.Config.HasHead ? HeadName(spec.Head) : null,
            ["labels"] = new JsonArray([.. spec.Labels.Select(l => (JsonNode)l)]),
            ["width"] = spec.Width,
            ["vocabulary"] = spec.VocabularySize,
            ["maxLength"] = spec.MaxLength,
            ["types"] = new JsonArray([.. outline.StoredTypes.Select(t => (JsonNode)t)]),
            ["storedBytes"] = outline.StoredBytes,
            ["parameters"] = outline.Parameters,
            ["prunable"] = outline.Prunable,
            ["prunableBase"] = outline.PrunableBase,
            ["ratio"] = gone,
            ["layers"] = RunInspection.Layers(outline),
            ["cost"] = costs.ToJson(spec),
        };
        if (adapter is not null)
        {
            var (adapterJson, adapterLines) = OfAdapter(adapter);
            json["adapter"] = adapterJson;
            lines.AddRange(["", .. adapterLines]);
        }

        return (json, lines);
    }

    private static (JsonObject Json, List<string> Lines) OfAdapter(string path)
    {
        var a = AdapterOutline.Read(path);
        string ranks = a.Ranks.Count == 1 ? $"{a.Ranks[0]}" : $"{a.Ranks[0]} to {a.Ranks[^1]}";
        List<string> lines =
        [
            $"  {WorkingPath.Shorten(path)}: LoRA adapter of rank {ranks}, alpha {Units.Significant(a.Alpha)}{(a.BaseModel is null ? "" : $", for {a.BaseModel}")}",
            $"  {a.Modules} modules ({string.Join(", ", a.Targets)}), {Units.Count(a.Parameters)} weights{(a.HeadParameters > 0 ? $" and {Units.Count(a.HeadParameters)} of the classifier" : "")}, {Units.Bytes(a.StoredBytes)} on disk",
        ];
        return (new JsonObject
        {
            ["adapter"] = path,
            ["baseModel"] = a.BaseModel,
            ["rank"] = a.Rank,
            ["alpha"] = a.Alpha,
            ["ranks"] = new JsonArray([.. a.Ranks.Select(r => (JsonNode)r)]),
            ["targets"] = new JsonArray([.. a.Targets.Select(t => (JsonNode)t)]),
            ["modules"] = a.Modules,
            ["parameters"] = a.Parameters,
            ["headParameters"] = a.HeadParameters,
            ["storedBytes"] = a.StoredBytes,
        }, lines);
    }

    private static string Kind(ModelConfig config)
    {
        var spec = config.Spec;
        string body = $"{spec.Family switch { ModelFamily.Roberta => "RoBERTa", ModelFamily.Bert => "BERT", _ => "LLaMA" }} {(spec.IsDecoder ? "decoder" : "encoder")}, {spec.Layers.Count} layers";
        string head = !config.HasHead ? "no head" : spec.Head switch
        {
            ModelHead.SequenceClassification => $"classifier of {spec.Labels.Count} classes",
            ModelHead.MaskedLm => "masked language model",
            _ => "language model",
        };
        return $"{body}, {head}{(config.IsPruned ? ", pruned" : "")}";
    }

    private static string HeadName(ModelHead head) => head switch
    {
        ModelHead.SequenceClassification => "classification",
        ModelHead.MaskedLm => "masked-lm",
        _ => "causal-lm",
    };

    /// <summary>Rows in columns, the first to the left.</summary>
    private static IEnumerable<string> Columns(IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length))];
        return rows.Select(row => "  " + string.Join("  ", row.Select((cell, c) => c == 0 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).TrimEnd());
    }
}
