using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>What was written.</summary>
/// <param name="Architecture">llama, qwen2 or deci.</param>
/// <param name="NotQuantized">Matrices that are float16 because their rows are not whole blocks of 32 (Q8_0 only).</param>
public sealed record GgufSaved(string Architecture, int Tensors, IReadOnlyList<string> NotQuantized);

public static partial class GgufModel
{
    /// <summary>
    /// Writes a causal language model of the LLaMA family, with its tokenizer, as llama.cpp reads it: equal layers as llama (with
    /// q, k and v biases as qwen2), unequal ones as deci. Adapters are merged into the weights. Norms and biases are always F32; with
    /// Q8_0, a matrix whose rows are not a multiple of 32 is F16, as llama.cpp's own converter does.
    /// </summary>
    /// <param name="type">Of the matrices: F32, F16, BF16 or Q8_0.</param>
    /// <param name="tokenizerFrom">A Hugging Face folder or GGUF file with the model's tokenizer.</param>
    /// <exception cref="InputException">The model or the tokenizer is one that the format cannot hold.</exception>
    /// <exception cref="FedSpineException">The disk is full or not writable, or a weight is not finite in <paramref name="type"/>.</exception>
    public static GgufSaved Save(Model model, string path, GgufTensorType type, string tokenizerFrom)
    {
        var architecture = GgufArchitecture.For(model.Spec);
        var metadata = new GgufMetadata(path);
        metadata.Add("general.architecture", GgufValue.Of(architecture.Name));
        metadata.Add("general.type", GgufValue.Of("model"));
        metadata.Add("general.name", GgufValue.Of(Path.GetFileNameWithoutExtension(path)));
        metadata.Add("general.file_type", GgufValue.Of(FileType(type)));
        if (type == GgufTensorType.Q8_0)
            metadata.Add("general.quantization_version", GgufValue.Of(2));
        architecture.Describe(metadata, model.Spec);
        GgufTokenizer.Describe(metadata, model.Spec, tokenizerFrom);
        var tensors = Tensors(model, architecture, type).ToList();
        AtomicFile.Write(path, stream => GgufWriter.Write(stream, metadata, tensors));
        string[] notQuantized = [.. tensors.Where(t => t.Type != type && t.Source.Shape.Length > 1).Select(t => t.Source.Name)];
        return new GgufSaved(architecture.Name, tensors.Count, notQuantized);
    }

    /// <summary>llama.cpp's number of a file whose matrices are mostly of a type.</summary>
    private static uint FileType(GgufTensorType type) => type switch
    {
        GgufTensorType.F32 => 0,
        GgufTensorType.F16 => 1,
        GgufTensorType.Q8_0 => 7,
        GgufTensorType.BF16 => 32,
        _ => throw new ArgumentException($"cannot write {type}, expected F32, F16, BF16 or Q8_0", nameof(type)),
    };

    private static IEnumerable<GgufTensorSource> Tensors(Model model, GgufArchitecture architecture, GgufTensorType type)
    {
        if (GgufRope.Tensor(model.Spec) is { } divisors)
            yield return new GgufTensorSource(divisors, GgufTensorType.F32);
        var parameters = model.Parameters.ToDictionary(p => p.Name);
        foreach (var source in ModelFolder.Sources(model, mergeAdapter: true))
        {
            var parameter = parameters[source.Name];
            string name = GgufNames.OfParameter(parameter) ?? throw new InvalidOperationException($"{parameter} has no name in GGUF");
            var renamed = source with { Name = name };
            if (architecture.PairsAreNeighbours && GgufNames.IsRotated(parameter))
                renamed = Reordered(renamed, architecture, model.Spec.Layers[parameter.Layer].HeadSize);
            yield return new GgufTensorSource(renamed, TypeOf(renamed, type));
        }
    }

    private static GgufTensorType TypeOf(TensorSource source, GgufTensorType type)
    {
        if (source.Shape.Length == 1)
            return GgufTensorType.F32;
        return type == GgufTensorType.Q8_0 && source.Shape[^1] % Q8Block.Length != 0 ? GgufTensorType.F16 : type;
    }

    private static TensorSource Reordered(TensorSource source, GgufArchitecture architecture, int headSize) => source with
    {
        Read = (start, rows, destination) =>
        {
            int columns = destination.Length / rows;
            for (int i = 0; i < rows; i++)
                source.Read(architecture.CheckpointRow(start + i, headSize), 1, destination.Slice(i * columns, columns));
        },
    };
}
