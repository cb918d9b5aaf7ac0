using System.CommandLine;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary>--model and --adapter, as every verb that works on one model takes them. One set of instances a verb.</summary>
internal sealed class ModelChoice
{
    public const string Group = "Model";

    public const string Missing = "--model is missing: give a Hugging Face folder, a GGUF file or hub:OWNER/NAME";

    public Option<string?> Model { get; } = CreateModel();

    public Option<string?> Adapter { get; } = CreateAdapter();

    /// <summary>For the verbs that compute with the model; not among <see cref="All"/>.</summary>
    public Option<WeightType?> Base { get; } = CreateBase();

    public IReadOnlyList<Option> All => [Model, Adapter];

    public static Option<string?> CreateModel() =>
        OptionKinds.ModelPath("--model", "Hugging Face folder, GGUF file of a LLaMA-family model, or a model on the Hub (OWNER/NAME@REVISION for a branch, tag or commit)");

    public static Option<string?> CreateAdapter() => OptionKinds.ModelPath("--adapter", "PEFT folder with a LoRA adapter for it, or one on the Hub");

    public static Option<WeightType?> CreateBase() => OptionKinds.Choice("--base", "how the large frozen matrices are kept in memory: 4 bytes a weight, 2, or a little over 1 (default: f32)",
        ("f32", WeightType.F32), ("bf16", WeightType.BF16), ("q8_0", WeightType.Q8_0));

    /// <summary>Where the model is on disk.</summary>
    /// <exception cref="InputException">--model is not given.</exception>
    public string Path(ParseResult parsed) => parsed.GetValue(Model) ?? throw new InputException(Missing);

    /// <summary>The model with the adapter that was asked for, kept apart from the weights, and its tokenizer; they fit each other.</summary>
    public (LoadedModel Model, TextTokenizer Tokenizer) Load(ParseResult parsed, IComputeBackend backend, LoadOptions options)
    {
        string path = Path(parsed);
        var tokenizer = ModelSource.LoadTokenizer(path);
        var loaded = ModelSource.Load(backend, path, options with { Adapter = parsed.GetValue(Adapter) });
        try
        {
            tokenizer.CheckFits(loaded.Model.Spec);
            return (loaded, tokenizer);
        }
        catch
        {
            loaded.Model.Dispose();
            throw;
        }
    }
}
