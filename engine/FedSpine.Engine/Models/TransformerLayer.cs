namespace FedSpine.Engine.Models;

/// <summary>
/// One block's named weights, for both families. Encoders are post-norm (norms follow attention and FFN, with bias) and have no
/// gate; decoders are pre-norm (norms precede) without norm biases.
/// </summary>
public sealed class TransformerLayer
{
    public required LayerSpec Spec { get; init; }

    public required Linear Query { get; init; }  // (QH*D, width)

    public required Linear Key { get; init; }    // (KVH*D, width)

    public required Linear Value { get; init; }  // (KVH*D, width)

    public required Linear Output { get; init; } // (width, QH*D)

    public Linear? Gate { get; init; }           // (F, width)

    public required Linear Up { get; init; }     // (F, width)

    public required Linear Down { get; init; }   // (width, F)

    public required Parameter AttentionNorm { get; init; } // (width): attention.output.LayerNorm, input_layernorm

    public Parameter? AttentionNormBias { get; init; }

    public required Parameter FfnNorm { get; init; }       // (width): output.LayerNorm, post_attention_layernorm

    public Parameter? FfnNormBias { get; init; }

    /// <summary>In the order q, k, v, o, gate (if any), up, down.</summary>
    public IEnumerable<Linear> Linears
    {
        get
        {
            yield return Query;
            yield return Key;
            yield return Value;
            yield return Output;
            if (Gate is not null)
                yield return Gate;
            yield return Up;
            yield return Down;
        }
    }
}
