using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// Scaled rotary embeddings in GGUF files: linear ones as a factor; those of LLaMA 3.1 as the tensor rope_freqs.weight, by whose D/2
/// values the angles are divided. How these came about is no key of the format, so that it is written under keys of our own.
/// </summary>
internal static class GgufRope
{
    private const string Type = "rope.scaling.type", Factor = "rope.scaling.factor", OldFactor = "rope.scale_linear",
        Low = "fedspine.rope.low_frequency_factor", High = "fedspine.rope.high_frequency_factor", OriginalLength = "fedspine.rope.original_length";

    private const float MaxFactor = 1e6f;

    /// <summary>What the divisors of a file may differ from those computed here: they were computed in float32.</summary>
    private const double Tolerance = 1e-4;

    public static void Describe(GgufMetadata metadata, GgufArchitecture architecture, RopeScaling? scaling)
    {
        if (scaling is { Kind: RopeScalingKind.Linear })
        {
            metadata.Add(architecture.Key(Type), GgufValue.Of("linear"));
            metadata.Add(architecture.Key(Factor), GgufValue.Of(scaling.Factor));
        }
        else if (scaling is not null)
        {
            metadata.Add(Low, GgufValue.Of(scaling.LowFrequencyFactor));
            metadata.Add(High, GgufValue.Of(scaling.HighFrequencyFactor));
            metadata.Add(OriginalLength, GgufValue.Of((uint)scaling.OriginalLength));
        }
    }

    /// <summary>rope_freqs.weight (D/2), where the model needs one.</summary>
    public static TensorSource? Tensor(ModelSpec spec) => spec.RopeScaling is not { Kind: RopeScalingKind.Llama3 } scaling
        ? null
        : TensorSource.Of(GgufNames.RopeFactors, [spec.Layers[0].HeadSize / 2], Divisors(scaling, spec.Layers[0].HeadSize, spec.RopeTheta));

    /// <exception cref="InputException">A kind of scaling that is not supported.</exception>
    public static RopeScaling? Read(GgufFile file, GgufArchitecture architecture, int headSize, float theta)
    {
        var metadata = file.Metadata;
        string kind = metadata.String(architecture.Key(Type)) ?? "linear"; // what llama.cpp takes it for
        if (kind is not ("none" or "linear"))
            throw metadata.Error(architecture.Key(Type), $"is \"{kind}\"; of scaled rotary embeddings linear and LLaMA 3.1's are supported");
        string key = architecture.Key(metadata.Has(architecture.Key(Factor)) ? Factor : OldFactor);
        float factor = kind == "none" ? 1 : metadata.Float(key, 0, MaxFactor, 1);
        bool stretched = factor is not (0 or 1);
        if (!file.Tensors.TryGetValue(GgufNames.RopeFactors, out var tensor))
            return !stretched ? null : factor > 1 ? new RopeScaling(RopeScalingKind.Linear, factor) : throw metadata.Error(key, $"is {factor}, expected at least 1");
        if (stretched)
            throw metadata.Error(key, $"is {factor} beside {GgufNames.RopeFactors}: both at once are not supported");
        return FromDivisors(file, tensor, headSize, theta);
    }

    /// <summary>The LLaMA 3.1 scaling that gives the file's divisors: with our keys, or with LLaMA 3.1's own parameters.</summary>
    private static RopeScaling? FromDivisors(GgufFile file, GgufTensor tensor, int headSize, float theta)
    {
        if (tensor.Shape is not [var length] || length != headSize / 2)
            throw InputException.InFile(file.Path, $"tensor {tensor} is not [{headSize / 2}]");
        var divisors = new float[headSize / 2];
        file.Read(tensor, 0, divisors);
        if (Array.TrueForAll(divisors, d => d == 1))
            return null;
        float low = file.Metadata.Float(Low, 0, MaxFactor, 1), high = file.Metadata.Float(High, 0, MaxFactor, 4);
        var scaling = new RopeScaling(RopeScalingKind.Llama3, divisors.Max(), low, high, file.Metadata.OptionalInt(OriginalLength, 1, 1 << 24) ?? 8192);
        float[] expected = low < high && scaling.Factor is >= 1 and <= MaxFactor ? Divisors(scaling, headSize, theta) : [];
        for (int i = 0; i < divisors.Length; i++)
        {
            if (expected.Length == 0 || !(Math.Abs(divisors[i] - expected[i]) <= Tolerance * expected[i]))
                throw InputException.InFile(file.Path, $"tensor {tensor.Name} holds {divisors[i]} at [{i}], other than the scaling of LLaMA 3.1: not supported");
        }

        return scaling;
    }

    private static float[] Divisors(RopeScaling scaling, int headSize, float theta)
    {
        var divisors = new float[headSize / 2];
        for (int i = 0; i < divisors.Length; i++)
        {
            double frequency = Math.Pow(theta, -2.0 * i / headSize);
            divisors[i] = (float)(frequency / scaling.Apply(frequency));
        }

        return divisors;
    }
}
