using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>Which pruning groups a matrix axis is made of.</summary>
public enum GroupAxis
{
    /// <summary>The residual width, the vocabulary, a LoRA rank: never pruned.</summary>
    None,

    /// <summary>HeadSize rows (q) or columns (o) per query head.</summary>
    QueryHeads,

    /// <summary>HeadSize rows (k, v) per key-value head.</summary>
    KeyValueHeads,

    /// <summary>One row (gate, up) or column (down) per FFN channel.</summary>
    Channels,
}

/// <summary>
/// One named matrix (Rows, Columns) or vector (Rows, 1), row-major, in backend memory. Names are those of the Hugging Face
/// checkpoint; adapters append ".lora_A.weight" and ".lora_B.weight" to the module's name.
/// </summary>
public sealed class Parameter
{
    public required string Name { get; init; }

    public required int Rows { get; init; }

    public int Columns { get; init; } = 1;

    /// <summary>True for a vector: written to checkpoints with one dimension.</summary>
    public bool IsVector { get; init; }

    /// <summary>Transformer block, or -1 outside the blocks.</summary>
    public int Layer { get; init; } = -1;

    public GroupAxis RowAxis { get; init; }

    public GroupAxis ColumnAxis { get; init; }

    /// <summary>Trainable parameters have a gradient and two moments; the others have none.</summary>
    public bool Trainable { get; init; }

    /// <summary>Whether AdamW's decay applies (matrices yes; biases and norms no).</summary>
    public bool Decay => !IsVector;

    /// <summary>How the values are stored; other than float32 only in a frozen matrix.</summary>
    public WeightType Type { get; init; }

    public int Length => checked(Rows * Columns);

    /// <summary>The values, of any type.</summary>
    public WeightSpan Weight { get; internal set; }

    /// <summary>The values, float32.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public DeviceSpan<float> Value => Weight.Floats;

    public DeviceSpan<float> Gradient { get; internal set; }

    /// <summary>AdamW's running mean of the gradient.</summary>
    public DeviceSpan<float> FirstMoment { get; internal set; }

    /// <summary>AdamW's running mean of the squared gradient.</summary>
    public DeviceSpan<float> SecondMoment { get; internal set; }

    public override string ToString() => IsVector ? $"{Name} [{Rows}]" : $"{Name} [{Rows}, {Columns}]";
}
