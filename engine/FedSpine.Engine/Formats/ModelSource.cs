using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Text;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats;

/// <summary>
/// A model and its tokenizer wherever they are, by the kind of path: a Hugging Face folder, a GGUF file, or
/// "hub:OWNER/NAME[@REVISION]" (see <see cref="HubModel"/>), which is downloaded where it is not in the cache yet.
/// </summary>
public static class ModelSource
{
    /// <inheritdoc cref="ModelFolder.Load"/>
    public static LoadedModel Load(IComputeBackend backend, string path, LoadOptions? options = null)
    {
        path = HubModel.Resolve(path);
        if (options?.Adapter is { } adapter)
            options = options with { Adapter = HubModel.Resolve(adapter) };
        return GgufFile.Is(path) ? GgufModel.Load(backend, path, options) : ModelFolder.Load(backend, path, options);
    }

    /// <summary>Its shape, without its weights.</summary>
    /// <exception cref="InputException">There is no model, or its configuration is malformed or not supported.</exception>
    public static ModelConfig ReadConfig(string path)
    {
        path = HubModel.Resolve(path);
        if (GgufFile.Is(path))
        {
            using var file = GgufFile.Open(path);
            return GgufConfig.Read(file).Config;
        }

        return Directory.Exists(path) ? ModelConfigReader.Read(path) : throw InputException.InFile(path, "no such folder");
    }

    /// <inheritdoc cref="TextTokenizer.Load"/>
    public static TextTokenizer LoadTokenizer(string path) => TextTokenizer.Load(HubModel.Resolve(path));
}
