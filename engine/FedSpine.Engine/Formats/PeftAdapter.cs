using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>
/// A PEFT folder: adapter_config.json and adapter_model.safetensors, whose names are those of the model behind
/// "base_model.model.".
/// </summary>
public sealed class PeftAdapter : IDisposable
{
    public const string FileName = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.";

    private readonly SafetensorsFile _file;
    private readonly Dictionary<string, SafetensorsTensor> _tensors = new(StringComparer.Ordinal);

    private PeftAdapter(LoraSpec lora, SafetensorsFile file)
    {
        Lora = lora;
        _file = file;
        foreach (var tensor in file.Tensors.Values)
        {
            if (!tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))
                throw InputException.InFile(file.Path, $"tensor {tensor.Name} does not begin with {Prefix}");
            string name = tensor.Name[Prefix.Length..].Replace(".modules_to_save.", ".", StringComparison.Ordinal);
            if (!_tensors.TryAdd(name, tensor))
                throw InputException.InFile(file.Path, $"tensor {tensor.Name} appears under two names");
        }
    }

    /// <summary>What a model must be created with to take the adapter.</summary>
    public LoraSpec Lora { get; }

    /// <param name="folder">A PEFT folder.</param>
    /// <param name="spec">The model it is for.</param>
    /// <exception cref="InputException">The folder is malformed, or asks for what is not supported.</exception>
    public static PeftAdapter Open(string folder, ModelSpec spec)
    {
        if (!Directory.Exists(folder))
            throw InputException.InFile(folder, "no such folder");
        var lora = PeftConfig.Read(folder, spec);
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path) && File.Exists(Path.Combine(folder, "adapter_model.bin")))
            throw InputException.InFile(folder, $"holds adapter_model.bin but no {FileName}: convert it first");
        var file = SafetensorsFile.Open(path);
        try
        {
            return new PeftAdapter(lora, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Loads into a model that was created with <see cref="Lora"/>; the head only where the folder holds one.</summary>
    /// <exception cref="InputException">A factor is missing, has another shape, holds NaN, or has no place in the model.</exception>
    public void LoadInto(Model model)
    {
        Check(model.Parameters);
        Upload(model);
    }

    internal void Check(IReadOnlyList<Parameter> parameters)
    {
        foreach (var parameter in parameters)
        {
            if (_tensors.TryGetValue(parameter.Name, out var tensor))
                TensorUpload.CheckShape(parameter, _file, tensor, $"{PeftConfig.FileName} or the model");
            else if (parameter.Name.Contains(".lora_", StringComparison.Ordinal))
                throw InputException.InFile(_file.Path, $"tensor {Prefix}{parameter.Name} [{parameter.Rows}, {parameter.Columns}] is missing");
        }

        var known = parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        string? stray = _tensors.Keys.Where(n => !known.Contains(n)).Order(StringComparer.Ordinal).FirstOrDefault();
        if (stray is not null)
            throw InputException.InFile(_file.Path, $"tensor {_tensors[stray].Name} has no place in the model");
    }

    internal void Upload(Model model)
    {
        var buffer = new float[64 * 1024];
        foreach (var parameter in model.Parameters)
        {
            if (_tensors.TryGetValue(parameter.Name, out var tensor))
                TensorUpload.Run(model.Backend, parameter, _file, tensor, buffer);
        }
    }

    /// <summary>Writes the adapters of <paramref name="model"/>, and its classification head where it has one; both files appear, or none does.</summary>
    /// <param name="baseModel">Name or path of the model that the adapters are for, as PEFT records it.</param>
    /// <exception cref="FedSpineException">The model has no adapters, the disk is full, or a value is not finite.</exception>
    public static void Save(Model model, string folder, string? baseModel = null, SafetensorsType type = SafetensorsType.F32)
    {
        if (model.Lora is null)
            throw new FedSpineException($"{folder}: the model has no adapters to save");
        if (model.Trainable == Trainable.All)
            throw new FedSpineException($"{folder}: every weight was trained, an adapter alone would lose that: save the model");
        using var files = new AtomicFolder(folder);
        files.Write(PeftConfig.FileName, stream => PeftConfig.Write(stream, model, baseModel));
        files.Write(FileName, stream => SafetensorsWriter.Write(stream, Sources(model), type));
        if (model.Spec.Labels.Count > 0)
            files.Write(AdapterLabels.FileName, stream => AdapterLabels.Write(stream, model.Spec.Labels));
        files.Commit();
    }

    private static IEnumerable<TensorSource> Sources(Model model)
    {
        var head = AdapterTransfer.HeadParameters(model).ToHashSet();
        return model.Parameters.Where(p => head.Contains(p) || p.Name.Contains(".lora_", StringComparison.Ordinal)).Select(p => p.Source(model.Backend, Prefix + p.Name));
    }

    public void Dispose() => _file.Dispose();
}
