using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Which tensor of a GGUF file each parameter comes from, settled and checked before any memory is asked for.</summary>
internal sealed class GgufWeights(GgufFile file, GgufArchitecture architecture, ModelSpec spec)
{
    private readonly Dictionary<string, GgufTensor> _sources = new(StringComparer.Ordinal);

    /// <summary>Parameters that start at random: a classification head, which the file cannot hold.</summary>
    public List<string> Initialised { get; } = [];

    /// <summary>Tensors without a place: the vocabulary projection of a model that is to classify.</summary>
    public List<string> Ignored { get; } = [];

    /// <exception cref="InputException">The metadata describe matrices beyond 2^31 elements.</exception>
    public static void CheckSizes(GgufFile file, ModelSpec spec)
    {
        void Check(string what, long rows)
        {
            if (rows * spec.Width > int.MaxValue)
                throw InputException.InFile(file.Path, $"the {what} matrix would be {rows}x{spec.Width}, the limit is 2^31 elements");
        }

        Check("vocabulary", spec.VocabularySize);
        for (int i = 0; i < spec.Layers.Count; i++)
        {
            Check($"attention of layer {i}", (long)spec.Layers[i].QueryHeads * spec.Layers[i].HeadSize);
            Check($"FFN of layer {i}", spec.Layers[i].FfnWidth);
        }
    }

    /// <exception cref="InputException">A tensor is missing, has another shape than the metadata say or an unsupported type, or has no place in the architecture.</exception>
    public void Match(IReadOnlyList<Parameter> parameters)
    {
        foreach (var parameter in parameters.Where(p => !p.Name.Contains(".lora_", StringComparison.Ordinal)))
        {
            if (GgufNames.OfParameter(parameter) is not { } name)
                Initialised.Add(parameter.Name);
            else if (file.Tensors.TryGetValue(name, out var tensor))
                _sources.Add(parameter.Name, Checked(parameter, tensor));
            else
                throw InputException.InFile(file.Path, $"tensor {name} [{string.Join(", ", Shape(parameter))}] is missing");
        }

        var used = _sources.Values.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        foreach (string name in file.Tensors.Keys.Where(n => n != GgufNames.RopeFactors && !used.Contains(n)))
        {
            if (name != GgufNames.Output || spec.Head == ModelHead.CausalLm)
                throw InputException.InFile(file.Path, $"tensor {name} has no place in a {architecture.Name} model as supported here");
            Ignored.Add(name);
        }
    }

    public void Upload(Model model, ulong seed)
    {
        var buffer = TensorUpload.Buffer(model);
        foreach (var parameter in model.Parameters)
        {
            if (!_sources.TryGetValue(parameter.Name, out var tensor))
                ModelInitializer.Initialize(model.Backend, parameter, seed);
            else if (architecture.PairsAreNeighbours && GgufNames.IsRotated(parameter))
                UploadRotated(model, parameter, tensor);
            else
                UploadPlain(model, parameter, tensor, buffer);
        }
    }

    private void UploadPlain(Model model, Parameter parameter, GgufTensor tensor, float[] buffer)
    {
        int columns = parameter.Columns;
        for (int row = 0, rows; row < parameter.Rows; row += rows)
        {
            rows = Math.Min(buffer.Length / columns, parameter.Rows - row);
            var piece = buffer.AsSpan(0, rows * columns);
            Read(parameter, tensor, (long)row * columns, piece);
            parameter.Write(model.Backend, row, piece);
        }
    }

    /// <summary>A head at a time, its rows put back into Hugging Face's order.</summary>
    private void UploadRotated(Model model, Parameter parameter, GgufTensor tensor)
    {
        int headSize = spec.Layers[parameter.Layer].HeadSize, columns = parameter.Columns;
        float[] from = new float[headSize * columns], to = new float[headSize * columns];
        for (int start = 0; start < parameter.Rows; start += headSize)
        {
            Read(parameter, tensor, (long)start * columns, from);
            for (int row = 0; row < headSize; row++)
                from.AsSpan(row * columns, columns).CopyTo(to.AsSpan(architecture.CheckpointRow(row, headSize) * columns, columns));
            parameter.Write(model.Backend, start, to);
        }
    }

    private void Read(Parameter parameter, GgufTensor tensor, long start, Span<float> values)
    {
        file.Read(tensor, start, values);
        int bad = FloatConversion.IndexOfBeyond(values, parameter.Type.Largest());
        if (bad >= 0)
            throw InputException.InFile(file.Path, $"tensor {tensor.Name} contains {values[bad]} at element {start + bad}{(float.IsFinite(values[bad]) ? $", which {parameter.Type.Label()} cannot hold" : "")}");
    }

    private GgufTensor Checked(Parameter parameter, GgufTensor tensor)
    {
        if (!tensor.Shape.SequenceEqual(Shape(parameter)))
            throw InputException.InFile(file.Path, $"tensor {tensor.Name} is [{string.Join(", ", tensor.Shape)}], the metadata say [{string.Join(", ", Shape(parameter))}]");
        if (!tensor.Type.IsSupported())
            throw InputException.InFile(file.Path, $"tensor {tensor.Name} is of type {tensor.Type}; supported are F32, F16, BF16 and Q8_0");
        return tensor;
    }

    private static long[] Shape(Parameter parameter) => parameter.IsVector ? [parameter.Rows] : [parameter.Rows, parameter.Columns];
}
