using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Text;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats;

/// <summary>A model and its tokenizer wherever they are on disk, by the kind of path: a Hugging Face folder or a GGUF file.</summary>
public static class ModelSource
{
    /// <inheritdoc cref="ModelFolder.Load"/>
    public static LoadedModel Load(IComputeBackend backend, string path, LoadOptions? options = null) =>
        GgufFile.Is(path) ? GgufModel.Load(backend, path, options) : ModelFolder.Load(backend, path, options);

    /// <inheritdoc cref="TextTokenizer.Load"/>
    public static TextTokenizer LoadTokenizer(string path) => TextTokenizer.Load(path);
}
