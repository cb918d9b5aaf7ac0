using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Models;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary><c>fedspine export</c>.</summary>
internal sealed class ExportVerb : IVerb
{
    private enum ExportFormat
    {
        HuggingFace,
        Gguf,
    }

    private readonly Terminal _terminal;
    private readonly ModelChoice _model = new();

    private readonly Option<ExportFormat?> _format = OptionKinds.Choice("--format", "Hugging Face folder, or GGUF file as llama.cpp reads it (default: by the ending of --out)",
        ("hf", ExportFormat.HuggingFace), ("gguf", ExportFormat.Gguf));

    private readonly Option<GgufTensorType?> _type = OptionKinds.Choice("--dtype", "type of the weight matrices in the file; q8_0 is for gguf only (default: f32)",
        ("f32", GgufTensorType.F32), ("f16", GgufTensorType.F16), ("bf16", GgufTensorType.BF16), ("q8_0", GgufTensorType.Q8_0));

    private readonly Option<string?> _out = OptionKinds.FilePath("--out", "PATH", "folder or file to write, which must not exist yet");

    public ExportVerb(Terminal terminal)
    {
        _terminal = terminal;
        Common.Device.Description = "where to merge an adapter (default: host, the processor); fedspine devices lists what is there";
        Groups = [(ModelChoice.Group, _model.All), ("Output", [_out, _format, _type]), (CommonOptions.Group, [.. Common.All])];
    }

    public Command Command { get; } = new("export",
        "Writes a model, pruned or not, for use elsewhere, with its tokenizer: as a Hugging Face folder or as a GGUF file. An adapter is merged into the weights.");

    public string Summary => "write a model as a Hugging Face folder or GGUF file, its adapter merged";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine export --model llama --out llama.gguf --dtype q8_0", "a LLaMA for llama.cpp, 8 bits a weight"),
        ("fedspine export --model roberta-base --adapter tuned --out merged --dtype f16", "a Hugging Face folder with the adapter in the weights"),
        ("fedspine export --model llama.gguf --out folder", "a GGUF file as a Hugging Face folder"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        string from = _model.Path(parsed);
        string path = parsed.GetValue(_out) ?? throw new InputException("--out is missing: give a folder or file to write");
        var type = parsed.GetValue(_type) ?? GgufTensorType.F32;
        var format = parsed.GetValue(_format) ?? (path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? ExportFormat.Gguf : ExportFormat.HuggingFace);
        if (Path.Exists(path))
            throw new InputException($"{WorkingPath.Shorten(path)} exists already: give another --out");
        if (format == ExportFormat.HuggingFace && type == GgufTensorType.Q8_0)
            throw new InputException("--dtype q8_0 is for --format gguf; hf takes f32, f16 or bf16");

        from = HubModel.Resolve(from);
        using var backend = Common.Open(parsed, parsed.GetValue(Common.Device) ?? CommonOptions.Host);
        using var model = ModelSource.Load(backend, from, new LoadOptions { Adapter = parsed.GetValue(_model.Adapter) }).Model;
        cancel.ThrowIfCancellationRequested();
        var gguf = format == ExportFormat.Gguf ? GgufModel.Save(model, path, type, tokenizerFrom: from) : null;
        if (gguf is null)
            ModelFolder.Save(model, path, Narrow(type), tokenizerFrom: from);

        if (parsed.GetValue(Common.Json))
            _terminal.OutWriter.WriteLine(ToJson(model, path, type, gguf).ToJsonString());
        else
            Show(model, path, type, gguf);
        return ExitCode.Done;
    }

    private static SafetensorsType Narrow(GgufTensorType type) => type switch
    {
        GgufTensorType.F16 => SafetensorsType.F16,
        GgufTensorType.BF16 => SafetensorsType.BF16,
        _ => SafetensorsType.F32,
    };

    private static long Size(string path) => File.Exists(path) ? new FileInfo(path).Length : Directory.EnumerateFiles(path).Sum(f => new FileInfo(f).Length);

    private static string Name(GgufTensorType type) => type.ToString().ToLowerInvariant();

    private static JsonObject ToJson(Model model, string path, GgufTensorType type, GgufSaved? gguf) => new()
    {
        ["path"] = path,
        ["format"] = gguf is null ? "hf" : "gguf",
        ["architecture"] = gguf?.Architecture ?? model.Spec.Family.ToString().ToLowerInvariant(),
        ["dtype"] = Name(type),
        ["bytes"] = Size(path),
        ["parameters"] = model.ParameterCount,
        ["adapterMerged"] = model.Lora is not null,
        ["notQuantized"] = new JsonArray([.. (gguf?.NotQuantized ?? []).Select(n => (JsonNode)n)]),
        ["layers"] = new JsonArray([.. model.Spec.Layers.Select(l => (JsonNode)new JsonObject
        {
            ["queryHeads"] = l.QueryHeads, ["keyValueHeads"] = l.KeyValueHeads, ["headSize"] = l.HeadSize, ["ffnWidth"] = l.FfnWidth,
        })]),
    };

    private void Show(Model model, string path, GgufTensorType type, GgufSaved? gguf)
    {
        var output = _terminal.OutWriter;
        var layers = model.Spec.Layers;
        string format = gguf is null ? "Hugging Face folder" : $"GGUF file, architecture {gguf.Architecture}, {gguf.Tensors} tensors";
        output.WriteLine($"  {WorkingPath.Shorten(path)}: {format}, {Name(type)}, {Units.Bytes(Size(path))}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {Units.Count(model.ParameterCount)} weights in {layers.Count} layers: query heads {Range(layers.Select(l => l.QueryHeads))}, key-value heads {Range(layers.Select(l => l.KeyValueHeads))}, FFN width {Range(layers.Select(l => l.FfnWidth))}"));
        if (model.Lora is not null)
            output.WriteLine("  the adapter is merged into the weights");
        if (gguf?.NotQuantized.Count > 0)
            output.WriteLine($"  {gguf.NotQuantized.Count} matrices are f16, their rows are not multiples of 32: {string.Join(", ", gguf.NotQuantized.Take(3))}{(gguf.NotQuantized.Count > 3 ? ", ..." : "")}");
    }

    private static string Range(IEnumerable<int> values) => values.Min() == values.Max() ? $"{values.Min()}" : $"{values.Min()} to {values.Max()}";
}
