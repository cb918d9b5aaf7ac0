namespace FedSpine.Kernels.Ilgpu;

/// <summary>What the inputs of matrix products are rounded to on their way into the multiplier. Sums and everything in memory stay float32.</summary>
public enum MatMulPrecision
{
    /// <summary>Not rounded: results agree with the host's to float32's rounding. On every device.</summary>
    Float32,

    /// <summary>11 bits of significand (relative error up to 2^-11 an input), float32's range. Tensor cores of CUDA compute capability 8.0 and later.</summary>
    TF32,

    /// <summary>8 bits of significand (relative error up to 2^-8 an input), float32's range. Tensor cores of CUDA compute capability 8.0 and later.</summary>
    BF16,
}

/// <summary>How a device is opened. What it cannot do is refused then, never replaced in silence.</summary>
public sealed record IlgpuOptions
{
    public static IlgpuOptions Default { get; } = new();

    /// <summary>Of MatMul and of linear layers, forward and backward. Up to four rows (decoding) are always float32: there the weight's bytes are what takes time.</summary>
    public MatMulPrecision Precision { get; init; }

    /// <summary>Float32 products through cuBLAS (versions 10 to 12), which must be installed. Other weights than float32 stay with the portable kernel.</summary>
    public bool Blas { get; init; }
}

/// <summary>Names of precisions, as on the command line.</summary>
public static class MatMulPrecisions
{
    public static string Label(this MatMulPrecision precision) => precision switch
    {
        MatMulPrecision.TF32 => "tf32",
        MatMulPrecision.BF16 => "bf16",
        _ => "float32",
    };
}
