namespace FedSpine.Engine.Formats;

/// <summary>
/// Element types of a safetensors file, named as in its header and ordered as the reference implementation orders them (by
/// alignment): the writer sorts by it.
/// </summary>
public enum SafetensorsType
{
    BOOL,
    F4,
    F6_E2M3,
    F6_E3M2,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
}

public static class SafetensorsTypes
{
    /// <summary>Bits of one element.</summary>
    public static int Bits(this SafetensorsType type) => type switch
    {
        SafetensorsType.F4 => 4,
        SafetensorsType.F6_E2M3 or SafetensorsType.F6_E3M2 => 6,
        <= SafetensorsType.F8_E5M2FNUZ => 8,
        <= SafetensorsType.BF16 => 16,
        <= SafetensorsType.F32 => 32,
        _ => 64,
    };
}

/// <summary>One tensor of a safetensors file, row-major; it lies at [Begin, End) of the file's data section.</summary>
public sealed record SafetensorsTensor(string Name, SafetensorsType Type, long[] Shape, long Begin, long End)
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = Shape.Aggregate(1L, (product, dimension) => product * dimension);

    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}
