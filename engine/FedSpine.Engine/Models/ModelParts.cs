namespace FedSpine.Engine.Models;

/// <summary>Input tables and the norm beside them.</summary>
public sealed class EmbeddingWeights
{
    public required Parameter Words { get; init; }      // (V, width)

    public Parameter? Positions { get; init; }          // (MaxPositions, width), encoders

    public Parameter? Types { get; init; }              // (TypeVocabularySize, width), encoders

    public Parameter? Norm { get; init; }               // (width), encoders

    public Parameter? NormBias { get; init; }
}

/// <summary>What follows the blocks. Which parts exist depends on family and head.</summary>
public sealed class HeadWeights
{
    public Parameter? FinalNorm { get; init; } // (width), decoders

    /// <summary>classifier.dense, pooler.dense, lm_head.dense, cls.predictions.transform.dense: (width, width).</summary>
    public Linear? Dense { get; init; }

    public Parameter? DenseNorm { get; init; } // (width), masked LM

    public Parameter? DenseNormBias { get; init; }

    /// <summary>
    /// classifier.out_proj, classifier, score: (labels, width). Language models: the vocabulary projection (V, width), whose weight
    /// is the word table itself when tied.
    /// </summary>
    public required Linear Out { get; init; }
}
