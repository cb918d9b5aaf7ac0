namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Element types of tensors, named and numbered as in ggml. Those with a block hold several elements that share a scale.</summary>
public enum GgufTensorType : uint
{
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
}

public static class GgufTensorTypes
{
    /// <summary>Elements and bytes of a block (1 element where the type has none); null for a number that is no known type.</summary>
    public static (int Elements, int Bytes)? Block(this GgufTensorType type) => type switch
    {
        GgufTensorType.I8 => (1, 1),
        GgufTensorType.F16 or GgufTensorType.BF16 or GgufTensorType.I16 => (1, 2),
        GgufTensorType.F32 or GgufTensorType.I32 => (1, 4),
        GgufTensorType.F64 or GgufTensorType.I64 => (1, 8),
        GgufTensorType.MXFP4 => (32, 17),
        GgufTensorType.Q4_0 or GgufTensorType.IQ4_NL => (32, 18),
        GgufTensorType.Q4_1 => (32, 20),
        GgufTensorType.Q5_0 => (32, 22),
        GgufTensorType.Q5_1 => (32, 24),
        GgufTensorType.Q8_0 => (Q8Block.Length, Q8Block.Bytes),
        GgufTensorType.Q8_1 => (32, 36),
        GgufTensorType.IQ1_S => (256, 50),
        GgufTensorType.TQ1_0 => (256, 54),
        GgufTensorType.IQ1_M => (256, 56),
        GgufTensorType.IQ2_XXS or GgufTensorType.TQ2_0 => (256, 66),
        GgufTensorType.IQ2_XS => (256, 74),
        GgufTensorType.IQ2_S => (256, 82),
        GgufTensorType.Q2_K => (256, 84),
        GgufTensorType.IQ3_XXS => (256, 98),
        GgufTensorType.Q3_K or GgufTensorType.IQ3_S => (256, 110),
        GgufTensorType.IQ4_XS => (256, 136),
        GgufTensorType.Q4_K => (256, 144),
        GgufTensorType.Q5_K => (256, 176),
        GgufTensorType.Q6_K => (256, 210),
        GgufTensorType.Q8_K => (256, 292),
        _ => null,
    };

    /// <summary>Whether the engine converts the type to and from float32.</summary>
    public static bool IsSupported(this GgufTensorType type) =>
        type is GgufTensorType.F32 or GgufTensorType.F16 or GgufTensorType.BF16 or GgufTensorType.Q8_0;
}

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Shape">Row-major, slowest dimension first as in Hugging Face's files; the file itself has it the other way round.</param>
/// <param name="Offset">From the start of the data section.</param>
/// <param name="Bytes">Size of its data.</param>
public sealed record GgufTensor(string Name, GgufTensorType Type, long[] Shape, long Offset, long Bytes)
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = Shape.Aggregate(1L, (product, dimension) => product * dimension);

    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}
