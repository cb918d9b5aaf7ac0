using FedSpine.Kernels;

namespace FedSpine.Engine.Models;

/// <summary>The linear layers of a block, by what they do; checkpoint names differ by family.</summary>
public enum LinearRole
{
    Query,
    Key,
    Value,

    /// <summary>o_proj, attention.output.dense.</summary>
    Output,

    /// <summary>gate_proj (decoders only).</summary>
    Gate,

    /// <summary>up_proj, intermediate.dense.</summary>
    Up,

    /// <summary>down_proj, output.dense.</summary>
    Down,

    /// <summary>Outside the blocks: classifier, pooler, language-model head.</summary>
    Head,
}

/// <summary>A linear layer: weight (Out, In), optional bias (Out), optional LoRA factors A (r, In) and B (Out, r).</summary>
public sealed class Linear
{
    /// <summary>Module name in the checkpoint, without ".weight".</summary>
    public required string Name { get; init; }

    public required LinearRole Role { get; init; }

    public required Parameter Weight { get; init; }

    public Parameter? Bias { get; init; }

    public Parameter? A { get; init; }

    public Parameter? B { get; init; }

    /// <summary>alpha / rank.</summary>
    public float Scale { get; init; }

    public int In => Weight.Columns;

    public int Out => Weight.Rows;

    public int Rank => A?.Rows ?? 0;

    public LinearOperands Operands => new(Weight.Weight, Bias?.Value ?? default, A?.Value ?? default, B?.Value ?? default, In, Out, Rank, Scale);

    public LinearGradients Gradients => new(Weight.Gradient, Bias?.Gradient ?? default, A?.Gradient ?? default, B?.Gradient ?? default);
}
