using FedSpine.Engine.Models;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// GGUF files of the LLaMA family (llama, qwen2, and deci without layers that lack attention or FFN), in and out; matrices F32, F16, BF16
/// or Q8_0, kept as <see cref="LoadOptions.BaseType"/> says.
/// </summary>
public static partial class GgufModel
{
    /// <inheritdoc cref="ModelFolder.Load"/>
    /// <param name="path">A GGUF file. What it does not say of a pruned model is which heads and channels were kept: it is its own base.</param>
    public static LoadedModel Load(IComputeBackend backend, string path, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        using var file = GgufFile.Open(path);
        var (config, architecture) = GgufConfig.Read(file);
        var (spec, _) = ModelFolder.ApplyOptions(path, config, options);
        using var adapter = options.Adapter is null ? null : PeftAdapter.Open(options.Adapter, spec);
        var lora = adapter?.Lora ?? options.Lora;
        // Declared and compared first: a header that lies about sizes must fail before memory is asked for.
        GgufWeights.CheckSizes(file, spec);
        var declared = ModelFolder.Declare(spec, options.Trainable, lora, options.BaseType);
        var weights = new GgufWeights(file, architecture, spec);
        weights.Match(declared);
        adapter?.Check(declared);
        var model = Model.Create(backend, spec, options.Trainable, lora, baseType: options.BaseType);
        try
        {
            weights.Upload(model, options.Seed);
            adapter?.Upload(model);
            return new LoadedModel(model, weights.Initialised, weights.Ignored);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
